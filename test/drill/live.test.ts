// The drill on real proxies with real apps: Limpet passes where a naive proxy fails, and what the drill did is undone however it ends.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import httpProxy from 'http-proxy';
import t from 'tap';
import type { DrillResult } from '../../src/drill/result.ts';
import { Child } from '../kit/child.ts';
import { type DrillApps, drill, spawnDrill, startDrillApps } from '../kit/drill-run.ts';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';

/** Limpet in front of the apps, which it calls by the names that they call themselves. */
function startProxy({ apps }: DrillApps): Promise<RunningLimpet> {
  return startLimpet(
    {
      upstreams: apps.map(({ name, url }) => ({ name, url })),
      // Whoever is killed must have users: with a dozen of them, the bound on overload may leave an app without any.
      affinity: { cookie: { secrets: ['a-secret-only-for-drills'] }, maxOverload: 'off' },
    },
    { owner: t },
  );
}

const LOAD = '--rate 100 --users 12 --duration 2500ms --at 500ms --for 1500ms --request'.split(' ');
const READS = [...LOAD, 'GET /me', '--login', 'POST /login {user}'];
/** For a drill that is ended by hand. */
const LONG = ['--duration', '5m', '--for', '4m'];

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return null;
  }
}

/** `T` for a process that is stopped; proc_pid_stat(5). */
function stateOf(pid: number): string {
  return /^\d+ \(.*\) (\w)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))![1]!;
}

/** A proxy as one writes it on a free evening: sticky by a cookie of its own, and blind to what becomes of its apps. */
async function startNaiveProxy({ apps }: DrillApps): Promise<string> {
  const proxy = httpProxy.createProxyServer({});
  let next = 0;
  const server = createServer((request, response) => {
    const home = Number(/(?:^|; )home=(\d)/.exec(request.headers.cookie ?? '')?.[1] ?? next++ % apps.length);
    response.setHeader('set-cookie', `home=${home}; Path=/`);
    // The app's own cookies are set beside ours.
    proxy.web(request, response, { target: apps[home]!.url, selfHandleResponse: false }, () => {
      response.writeHead(502).end('no app\n');
    });
  });
  proxy.on('proxyRes', (incoming, _request, response) => {
    const ours = [response.getHeader('set-cookie') ?? []].flat().map(String);
    incoming.headers['set-cookie'] = [...(incoming.headers['set-cookie'] ?? []), ...ours];
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    proxy.close();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
}

const apps = await startDrillApps(t);
const [first, second, third] = apps.apps;
/** Where the app that was killed and started again has its id. */
const pidFile = `${apps.ledger}.pid`;
t.teardown(() => {
  const pid = Number(textOf(pidFile) ?? 0);
  if (pid > 0 && textOf(`/proc/${pid}/stat`) !== null) process.kill(pid, 'SIGKILL');
});
const limpet = await startProxy(apps);
const naive = await startNaiveProxy(apps);
const WRITES = ['--request', 'POST /order', '--ledger', `file:${apps.ledger}`];

const brokenOf = ({ verdict }: DrillResult): string[] =>
  verdict.filter(({ ok }) => !ok).map(({ limit }) => limit);

t.test('a process that serves nobody may be killed, and nobody moves for it', async (t) => {
  const sleeper = new Child('sleep', ['600'], { owner: t });
  const { result } = await drill([...READS, '--kill', `pid:${sleeper.pid}`, '--max-moved', '0', limpet.url]);
  t.match(result, { passed: true, event: { harmed: null }, failures: { count: 0 } });
  t.match(result.moved, { count: 0, needlessly: 0 });
  t.equal(await sleeper.exit(), 'SIGKILL');
});

t.test('an app that hangs behind Limpet: nobody is told, and it goes on afterwards', async (t) => {
  const hang = ['--hang', `pid:${third.pid}`, '--max-moved', '0'];
  const { code, result, stderr } = await drill([...READS, ...hang, limpet.url]);
  t.same(brokenOf(result), []);
  t.equal(code, 0, stderr);
  const undone = `the process ${third.pid} goes on (SIGCONT)`;
  t.match(result.event, { harmed: ['web-2'], harmedBy: 'it fell silent', undone, trouble: null });
  t.equal(result.failures.count, 0);
  t.not(stateOf(third.pid), 'T');
});

t.test('an app that hangs behind a naive proxy holds its users up for all that time', async (t) => {
  const hang = ['--hang', `pid:${first.pid}`, '--max-p99', '900ms'];
  const { code, result } = await drill([...READS, ...hang, naive]);
  t.equal(code, 1);
  t.same(brokenOf(result), ['maxP99']);
  const during = result.phases[1]!;
  t.ok(during.p99Ms! > 1000, 'requests that could not be sent are charged from when they were due');
  t.equal(during.requests, 150, 'and the schedule went on');
});

t.test('a drained app keeps its users, and is ready again afterwards', async (t) => {
  const drain = [
    '--drain',
    'default/web-1',
    '--admin',
    limpet.adminUrl,
    '--max-moved',
    '0',
    '--max-lost',
    '0',
  ];
  const { code, result, stderr } = await drill([...READS, ...drain, limpet.url]);
  t.same(brokenOf(result), []);
  t.equal(code, 0, stderr);
  t.match(result, {
    event: { harmed: [], undone: 'default/web-1 is wanted ready again' },
    moved: { count: 0 },
    logins: { count: 0 },
  });
  t.ok(result.limpetSaw!.some(({ to }) => /wanted drain/.test(to)));
});

t.test('a reload costs nobody anything, by the admin API and by SIGHUP', async (t) => {
  const generation = async (): Promise<number> => {
    const status = (await (await fetch(`${limpet.adminUrl}/api/v1/status`)).json()) as { generation: number };
    return status.generation;
  };
  const spotless = ['--max-failed', '0', '--max-moved', '0', '--max-lost', '0'];
  const text = readFileSync(limpet.configFile, 'utf8');
  for (const [i, reload] of [
    ['--reload', 'admin', '--admin', limpet.adminUrl],
    ['--reload', `pid:${limpet.pid}`],
  ].entries()) {
    const before = await generation();
    // Something has to change for it.
    writeFileSync(
      limpet.configFile,
      JSON.stringify({ ...JSON.parse(text), timeouts: { total: `${5 + i}m` } }),
    );
    const { code, result, stderr } = await drill([...READS, ...reload, ...spotless, limpet.url]);
    t.same(brokenOf(result), []);
    t.equal(code, 0, stderr);
    t.match(result, { event: { harmed: [], trouble: null }, failures: { count: 0 }, moved: { count: 0 } });
    t.equal(await generation(), before + 1);
  }
});

t.test(
  'an app that turns slow: nobody fails or moves, the limit on p99 is broken, and it is quick again',
  async (t) => {
    const delay = (ms: number): string =>
      `'${process.execPath}' -e "fetch('${third.url}/delay/${ms}',{method:'POST'})"`;
    const slow = [
      '--slow',
      `run:${delay(600)}`,
      '--undo',
      delay(0),
      '--max-p99',
      '500ms',
      '--max-moved',
      '0',
    ];
    const { code, result } = await drill([...READS, ...slow, limpet.url]);
    t.equal(code, 1);
    t.same(brokenOf(result), ['maxP99']);
    t.match(result, {
      event: { harmed: [], undone: 'the command of `undo` was run' },
      failures: { count: 0 },
    });
    t.ok(result.phases[1]!.p99Ms! >= 600, `${result.phases[1]!.p99Ms} ms`);
    const beganMs = performance.now();
    for (let i = 0; i < 3; i++) await (await fetch(`${third.url}/`)).text();
    t.ok(performance.now() - beganMs < 3 * 600, 'the app itself answers without the delay');
  },
);

t.test('an upstream that Limpet does not have is told, with those that it has', async (t) => {
  const wrong = await drill([...READS, '--drain', 'default/web-9', '--admin', limpet.adminUrl, limpet.url]);
  t.equal(wrong.code, 1);
  const right = 'would be right: default/web-0, default/web-1, default/web-2';
  t.match(wrong.stderr, `there is no upstream default/web-9\n  ${right}\n`);
});

t.test(
  'Ctrl-C in the middle of a hang leaves the app running, and says that it was ended early',
  async (t) => {
    const { pid } = first;
    const child = spawnDrill(t, [...READS, ...LONG, '--hang', `pid:${pid}`, limpet.url]);
    await child.wrote(/hang pid:\d+: done/);
    await until('the app is stopped', () => stateOf(pid) === 'T');
    child.process.kill('SIGINT');
    t.equal(await child.exit(), 1);
    t.not(stateOf(pid), 'T');
    t.match(child.stderr(), `undone: the process ${pid} goes on (SIGCONT)`);
    t.match(child.stdout(), /^FAILED\n {2}it was ended early by SIGINT$/m);
    t.match(child.stdout(), /^ {2}failed +none$/m, 'what the drill gave up is no failure');
  },
);

t.test('SIGTERM in the middle of a drain takes the app back', async (t) => {
  const wanted = async (): Promise<unknown> => {
    const all = (await (await fetch(`${limpet.adminUrl}/api/v1/upstreams`)).json()) as { wanted: string }[];
    return all.map((upstream) => upstream.wanted);
  };
  const drain = ['--drain', 'default/web-0', '--admin', limpet.adminUrl];
  const child = spawnDrill(t, [...READS, ...LONG, ...drain, limpet.url]);
  await child.wrote(/drain default\/web-0: done/);
  t.same(await wanted(), ['drain', 'ready', 'ready']);
  child.process.kill('SIGTERM');
  t.equal(await child.exit(), 1);
  t.same(await wanted(), ['ready', 'ready', 'ready']);
  t.match(child.stdout(), 'ended early by SIGTERM');
});

t.test('a command that is under way when the drill is ended, ends with it, and is undone', async (t) => {
  const mark = `${apps.ledger}.undone`;
  const slow = ['--slow', `run:echo $$ >'${mark}.pid'; sleep 600`, '--undo', `echo yes >'${mark}'`];
  const child = spawnDrill(t, [...READS, ...LONG, ...slow, first.url]);
  await until('the command runs', () => /\d\n/.test(textOf(`${mark}.pid`) ?? ''));
  child.process.kill('SIGINT');
  t.equal(await child.exit(), 1);
  t.equal(textOf(mark), 'yes\n');
  const pid = Number(textOf(`${mark}.pid`));
  await until('the command is gone', () => textOf(`/proc/${pid}/stat`) === null);
});

t.test('a second Ctrl-C does not wait for a command that undoes, and leaves none behind', async (t) => {
  const mark = `${apps.ledger}.slow`;
  const undo = ['--slow', 'run:true', '--undo', `echo $$ >'${mark}'; sleep 600`];
  const child = spawnDrill(t, [...READS, ...LONG, ...undo, first.url]);
  await child.wrote(/slow run:true: done/);
  child.process.kill('SIGINT');
  await until('the undoing runs', () => /\d\n/.test(textOf(mark) ?? ''));
  child.process.kill('SIGINT');
  t.equal(await child.exit(), 1);
  const pid = Number(textOf(mark));
  await until('the command is gone', () => textOf(`/proc/${pid}/stat`) === null);
});

t.test(
  'an app killed behind Limpet: its users alone move, no read fails, no write is sent twice',
  async (t) => {
    const kill = ['--kill', `port:${first.port}`, '--max-moved', '0', '--admin', limpet.adminUrl];
    const undo = ['--undo', `${first.command} >/dev/null 2>&1 & echo $! >'${pidFile}'`];
    const { code, result, stderr } = await drill([...READS, ...WRITES, ...kill, ...undo, limpet.url]);
    t.same(brokenOf(result), []);
    t.equal(code, 0, stderr);
    const undone = 'the command of `undo` was run';
    t.match(result.event, { harmed: ['web-0'], harmedBy: 'it fell silent', undone, trouble: null });
    t.equal(result.failures.count - result.failures.unavoidable, 0);
    t.match(result.moved, { needlessly: 0 });
    t.ok(result.moved!.needed! > 0, 'its own users were taken in by the others');
    t.match(result.logins, { made: 12, needlessly: 0 });
    t.ok(result.logins!.needed! > 0, 'and their logins were lost with its memory');
    t.match(result.twice, { count: 0 });
    t.ok(result.twice.writes > 5);
    t.ok(result.limpetSaw!.some(({ upstream, from }) => upstream === 'default/web-0' && from === 'up'));
  },
);

t.test('an app killed behind a naive proxy: its users are told 502, and the drill fails', async (t) => {
  await until('the app of before is back', () =>
    fetch(first.url).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const { code, result } = await drill([...READS, ...WRITES, '--kill', `pid:${second.pid}`, naive]);
  t.equal(code, 1);
  t.match(result, { passed: false, event: { harmed: ['web-1'] }, moved: { count: 0 } });
  t.same(brokenOf(result), ['maxFailed']);
  const { groups, firstMs, lastMs } = result.failures;
  // Not by phases: a request counts where it was due, and on a starved machine one of before may be sent when the app is dead.
  t.ok(firstMs! >= 500, `nobody before: ${firstMs}`);
  t.ok(
    groups.some(({ why, method, detail }) => why === 'status 502' && method === 'GET' && detail === 'no app'),
  );
  t.ok(lastMs! - firstMs! > 1000, 'for as long as it was gone');
});

t.test('a process that ends in the middle of its hang is told, and is no failure to undo', async (t) => {
  const child = spawnDrill(t, [...READS, '--hang', `pid:${third.pid}`, limpet.url]);
  await child.wrote(/hang pid:\d+: done/);
  process.kill(third.pid, 'SIGKILL');
  await child.exit();
  t.match(child.stdout(), `the process ${third.pid} had ended meanwhile`);
  const again = await drill([...READS, '--hang', `pid:${third.pid}`, limpet.url]);
  t.equal(again.code, 1);
  t.match(again.stderr, `there is no process ${third.pid}\n`);
});
