// What a drill needs and does not have is told before any load, and what it does to processes, containers and Limpet is undone.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { AdminClient } from '../../src/admin/client.ts';
import { makeHarm } from '../../src/drill/harm.ts';
import type { Harm } from '../../src/drill/harm-shape.ts';
import { openLedger, RequestIds } from '../../src/drill/ledger.ts';
import type { EventKind } from '../../src/drill/scenario-keys.ts';
import { parseVictim } from '../../src/drill/victim.ts';
import { Child } from '../kit/child.ts';
import { freePort } from '../kit/ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-harm-'));
t.teardown(() => rmSync(folder, { recursive: true }));

interface More {
  readonly undo?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly admin?: AdminClient;
}

function harm(kind: EventKind, text: string, { undo, env = process.env, admin }: More = {}): Harm {
  const reading = parseVictim(kind, text);
  if ('wrong' in reading) throw new Error(reading.wrong);
  const event = { kind, victim: reading.value, text, undo: undo ?? null };
  const plan = { target: new URL('http://127.0.0.1:1') };
  return makeHarm(event, { plan, admin: admin ?? null, env });
}

/** What the program says of itself: the words of each call, a line each. */
function fakeEngine(name: string, script: string): { readonly env: NodeJS.ProcessEnv; calls(): string[] } {
  const bin = mkdtempSync(join(folder, 'bin-'));
  const log = join(bin, 'calls');
  writeFileSync(log, '');
  writeFileSync(join(bin, name), `#!/bin/sh\necho "$*" >>'${log}'\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
  return { env: { PATH: bin }, calls: () => readFileSync(log, 'utf8').trim().split('\n') };
}

t.test('a process is killed, and one that is not there is told', async (t) => {
  const child = new Child('sleep', ['600'], { owner: t });
  const kill = harm('kill', `pid:${child.pid}`);
  await kill.check();
  await kill.begin();
  t.equal(await child.exit(), 'SIGKILL');
  t.equal(await kill.end(), '', 'there is nothing to undo');
  await t.rejects(harm('kill', `pid:${child.pid}`).check(), { message: `there is no process ${child.pid}` });
});

t.test('a reload is SIGHUP', async (t) => {
  const child = new Child(
    '/bin/sh',
    ['-c', "trap 'echo reloaded' HUP; echo ready; while :; do sleep 0.05; done"],
    { owner: t },
  );
  await child.wrote(/ready/);
  const reload = harm('reload', `pid:${child.pid}`);
  await reload.check();
  await reload.begin();
  await child.wrote(/reloaded/);
  t.equal(await reload.end(), '');
});

t.test('a port that nobody listens on is told', async (t) => {
  const port = await freePort();
  t.throws(() => harm('kill', `port:${port}`), {
    message: `nobody can be seen that listens on port ${port}`,
  });
});

t.test(
  'the process of another user is told',
  { skip: process.getuid?.() === 0 && 'root may signal all' },
  async (t) => {
    await t.rejects(harm('kill', 'pid:2').check(), { message: /another user's/ });
  },
);

t.test('a command that fails is told with what it said, and is undone all the same', async (t) => {
  const mark = join(folder, 'undone');
  const slow = harm('slow', 'run:echo so it goes >&2; exit 3', { undo: `echo yes >'${mark}'` });
  await slow.check();
  await t.rejects(slow.begin(), {
    message: 'the command `echo so it goes >&2; exit 3` ended with 3: so it goes',
  });
  t.equal(await slow.end(), 'the command of `undo` was run');
  t.equal(readFileSync(mark, 'utf8'), 'yes\n');
  await t.rejects(harm('slow', 'run:true', { undo: 'exit 4' }).end(), { message: /ended with 4/ });
});

t.test('a command that is given up ends with all its children', async (t) => {
  const slow = harm('slow', `run:sleep 600 & echo $! >'${folder}/child'; wait`);
  const begun = t.rejects(slow.begin(), { message: /ended with SIGKILL/ });
  let pid = 0;
  while (pid === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      pid = Number(readFileSync(join(folder, 'child'), 'utf8'));
    } catch {
      // It comes.
    }
  }
  slow.endNow();
  await begun;
  let gone = false;
  while (!gone) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      // A killed orphan is there until init has seen it.
      gone = / Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      gone = true;
    }
  }
  t.ok(gone);
});

for (const [kind, begins, ends] of [
  ['kill', 'kill web-1', 'start web-1'],
  ['hang', 'pause web-1', 'unpause web-1'],
  ['restart', 'restart web-1', null],
  ['reload', 'kill --signal HUP web-1', null],
] as const) {
  t.test(`a container: ${kind}`, async (t) => {
    const engine = fakeEngine('podman', 'case "$1" in inspect) echo true;; esac');
    const one = harm(kind, 'container:web-1', { env: engine.env });
    await one.check();
    await one.begin();
    t.equal(await one.end(), ends === null ? '' : `podman ${ends}`);
    t.equal(await one.end(), '', 'once');
    t.same(engine.calls().slice(1), ends === null ? [begins] : [begins, ends]);
  });
}

t.test('a container that cannot be harmed is told, and why', async (t) => {
  const none = harm('kill', 'container:web-1', { env: { PATH: folder } });
  await t.rejects(none.check(), { message: 'neither docker nor podman is on the PATH' });
  const silent = fakeEngine('docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
  await t.rejects(harm('kill', 'container:web-1', { env: silent.env }).check(), {
    message: 'the container web-1 cannot be harmed: docker: Cannot connect to the Docker daemon',
  });
  const stopped = fakeEngine('docker', 'echo false');
  await t.rejects(harm('kill', 'container:web-1', { env: stopped.env }).check(), {
    message: /web-1 is not running/,
  });
});

/** An admin API that knows one upstream, and answers a reload with `reload`. */
async function startAdmin(
  reload: number,
): Promise<{ url: URL; asked: string[]; authorization: Set<string> }> {
  const asked: string[] = [];
  const authorization = new Set<string>();
  const bodyOf = async (request: IncomingMessage): Promise<string> => {
    let body = '';
    for await (const piece of request) body += String(piece);
    return body;
  };
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      asked.push(`${request.method} ${request.url} ${body}`.trim());
      authorization.add(request.headers.authorization ?? 'none');
      const all = [{ pool: 'shop', name: 'web-1', wanted: 'ready', observed: 'up' }];
      response.statusCode = request.method === 'POST' ? reload : 200;
      response.end(
        JSON.stringify(
          request.method === 'GET' ? all : { error: { code: 'x', message: 'There is no such path.' } },
        ),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { url: new URL(`http://127.0.0.1:${port}`), asked, authorization };
}

t.test('a drain is asked for with the token, and taken back', async (t) => {
  const { url, asked, authorization } = await startAdmin(200);
  const drain = harm('drain', 'shop/web-1', { admin: new AdminClient(url, 'sesame') });
  await drain.check();
  await drain.begin();
  t.equal(await drain.end(), 'shop/web-1 is wanted ready again');
  t.same(asked.slice(1), [
    'PATCH /api/v1/upstreams/shop/web-1 {"wanted":"drain"}',
    'PATCH /api/v1/upstreams/shop/web-1 {"wanted":"ready"}',
  ]);
  t.same([...authorization], ['Bearer sesame']);
});

t.test('a reload through the admin API is asked for, and a Limpet that has none is told', async (t) => {
  const can = await startAdmin(202);
  const reload = harm('reload', 'admin', { admin: new AdminClient(can.url, undefined) });
  await reload.check();
  await reload.begin();
  t.ok(can.asked.includes('POST /api/v1/reload'));
  t.same([...can.authorization], ['none']);
  const cannot = await startAdmin(404);
  await t.rejects(harm('reload', 'admin', { admin: new AdminClient(cannot.url, undefined) }).begin(), {
    message: 'the admin API answers POST /api/v1/reload with 404: There is no such path.',
  });
});

t.test('an admin API that is away, or wants a token, is told', async (t) => {
  const port = await freePort();
  const away = new AdminClient(new URL(`http://127.0.0.1:${port}`), undefined);
  await t.rejects(away.upstreams(), { message: `http://127.0.0.1:${port} does not answer: ECONNREFUSED` });
  const refusing = createServer((_request, response) =>
    response.writeHead(401).end('{"error":{"code":"token.refused","message":"Who?"}}'),
  );
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
  t.teardown(() => refusing.close());
  const { port: at } = refusing.address() as AddressInfo; // it listens on TCP
  await t.rejects(new AdminClient(new URL(`http://127.0.0.1:${at}`), 'x').upstreams(), {
    message: 'the admin API refuses GET /api/v1/upstreams: Who?',
    hint: 'its token in LIMPET_ADMIN_TOKEN',
  });
});

t.test('a ledger is read from where it ended, whole lines and this drill’s ids alone', async (t) => {
  const file = join(folder, 'ledger');
  const ids = new RequestIds('0a1b2c3d');
  writeFileSync(file, `${ids.of(1)}\n`.repeat(2));
  const ledger = await openLedger({ file });
  const lines = [
    ids.of(2),
    ids.of(2),
    `x ${ids.of(30)} y`,
    `${ids.of(4)}-login`,
    'drill-ffffffff-5',
    `"${ids.of(6)}"`,
  ];
  writeFileSync(
    file,
    `${ids.of(1)}\n${ids.of(1)}\n${lines.join('\n')}\n${'z'.repeat(3_000_000)}\n${ids.of(7)}`,
  );
  const seen: number[] = [];
  await ledger.read(ids, (index) => seen.push(index));
  t.same(seen, [2, 2, 30, 6, 7]);
  writeFileSync(file, `${ids.of(8)}\n`);
  seen.length = 0;
  await ledger.read(ids, (index) => seen.push(index));
  t.same(seen, [8], 'a file that was begun anew is read whole');
  await t.rejects(openLedger({ file: join(folder, 'gone') }), { message: /cannot be read \(ENOENT\)/ });
});
