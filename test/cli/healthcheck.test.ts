// `limpet healthcheck` finds the running Limpet by its config, wherever that lets it listen, and says whether it lives.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { configOfCommandLine, run } from '../../src/cli/healthcheck.ts';
import { startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';

const UPSTREAMS = 'upstreams: [http://127.0.0.1:9]\n';

async function healthcheck(...argv: string[]): Promise<{ code: number; stderr: string }> {
  let stderr = '';
  const io = {
    stdout: () => {},
    stderr: (text: string) => {
      stderr += text;
    },
    env: {},
    cwd: '/',
  };
  return { code: await run(argv, io), stderr };
}

function configFile(t: Test, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-health-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'limpet.yaml'), text);
  return join(folder, 'limpet.yaml');
}

/** Stands for the admin side of a Limpet that fares as `answer` says. */
async function standIn(t: Test, answer: RequestListener): Promise<number> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port; // it listens on TCP
}

t.test('a Limpet that runs lives, and lives no more once it is stopped', async (t) => {
  const limpet = await startLimpet({ upstreams: ['http://127.0.0.1:9'] }, { owner: t });
  t.same(await healthcheck('-c', limpet.configFile), { code: 0, stderr: '' });
  await limpet.stop();
  t.match(await healthcheck('-c', limpet.configFile), { code: 1, stderr: /livez: .*ECONNREFUSED/ });
});

t.test('its admin side may be a unix socket, or not there at all', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-health-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const admin of [{ bind: `unix:${join(folder, 'admin.sock')}` }, false]) {
    const limpet = await startLimpet({ upstreams: ['http://127.0.0.1:9'], admin }, { owner: t });
    t.same(await healthcheck('-c', limpet.configFile), { code: 0, stderr: '' }, JSON.stringify(admin));
    await limpet.stop();
    t.equal((await healthcheck('-c', limpet.configFile)).code, 1, 'stopped');
  }
});

t.test('what listens on every interface is asked on the loopback, without a token', async (t) => {
  const asked: unknown[] = [];
  const port = await standIn(t, (request, response) => {
    asked.push([request.url, request.headers.host, request.headers.authorization]);
    response.end('{}');
  });
  const tokens = '[a-token-that-is-long-enough]';
  const file = configFile(
    t,
    `listen: 8080\n${UPSTREAMS}admin: { bind: 0.0.0.0:${port}, tokens: ${tokens} }\n`,
  );
  t.same(await healthcheck('-c', file), { code: 0, stderr: '' });
  t.same(asked, [['/livez', `127.0.0.1:${port}`, undefined]]);
});

t.test('a config that somebody is editing is no death', async (t) => {
  const port = await standIn(t, (_request, response) => response.end('{}'));
  const file = configFile(
    t,
    `listen: 8080\nupsteams: [no]\nadmin: { bind: 127.0.0.1:${port} }\nlog: { level: lowd }\n`,
  );
  t.same(await healthcheck('-c', file), { code: 0, stderr: '' });
});

t.test('an answer other than 200, none, and none in time are deaths', async (t) => {
  const ill = await standIn(t, (_request, response) => response.writeHead(503).end());
  const admin = (port: number): string =>
    configFile(t, `listen: 8080\n${UPSTREAMS}admin: { bind: 127.0.0.1:${port} }\n`);
  t.match(await healthcheck('-c', admin(ill)), { code: 1, stderr: /livez answered 503/ });
  const hung = await standIn(t, () => {});
  t.match(await healthcheck('-c', admin(hung)), { code: 1, stderr: /no answer in 2000 ms/ });
  const nobody = await freePort();
  const noAdmin = configFile(t, `listen: 127.0.0.1:${nobody}\n${UPSTREAMS}admin: false\n`);
  t.match(await healthcheck('-c', noAdmin), { code: 1, stderr: /ECONNREFUSED/ });
  const listener = createTcpServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(nobody, '127.0.0.1', resolve));
  t.teardown(() => listener.close());
  t.equal((await healthcheck('-c', noAdmin)).code, 0, 'somebody listens');
});

t.test('a config that cannot be read is told', async (t) => {
  t.match(await healthcheck('-c', '/does/not/exist.yaml'), { code: 1, stderr: /the file does not exist/ });
  t.match(await healthcheck('-c', configFile(t, 'listen: [8080\n')), {
    code: 1,
    stderr: /limpet\.yaml:\d+:\d+: error/,
  });
});

t.test('the config of process 1 is read off its command line', async (t) => {
  const read = (...words: string[]): string | null => configOfCommandLine(`${words.join('\0')}\0`);
  t.equal(read('node', '/limpet/dist/main.js', 'run', '-c', '/etc/limpet.yaml'), '/etc/limpet.yaml');
  t.equal(read('node', '/limpet/dist/main.js', 'run', '--config=here.yaml'), 'here.yaml');
  t.equal(read('/sbin/docker-init', '--', 'node', '/limpet/dist/main.js', 'run', '-cshort'), 'short');
  t.equal(read('node', '/usr/local/bin/limpet', 'run', '-c', 'a b.yaml'), 'a b.yaml');
  t.equal(read('node', '/limpet/dist/main.js', 'run'), null, 'its default is ours');
  t.equal(read('node', '/limpet/dist/main.js', 'check', '-c', 'run'), null, 'another command');
  t.equal(read('sh', 'run', '-c', 'x'), null, 'another program');
  t.equal(read('/sbin/init'), null);
});
