// compose.yaml: what it names is there and agrees with the config that it mounts, and the same parts, run without an engine, work together.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/print.ts';
import { Child } from '../kit/child.ts';
import { pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, cookieOf, type Told, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { startRedis } from '../kit/redis-server.ts';
import { dockerignore, parseDockerfile } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly args: Readonly<Record<string, string>> };
  readonly entrypoint?: readonly string[];
  readonly command: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly stop_grace_period?: string;
}

/** `${NAME:-default}` as compose fills it in where the environment has no NAME. */
const filled = (text: string): string => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
const { services } = parse(filled(read('compose.yaml')), { merge: true }) as {
  services: Record<string, Service>;
}; // its parts are checked below
const APPS = Object.keys(services).filter((name) => services[name]?.entrypoint !== undefined);
const limpet = services.limpet!;
const dockerfile = parseDockerfile(read('Dockerfile'));

/** The file of this repository that a container of the image sees at a path. */
function inImage(path: string): string {
  if (!path.startsWith('/limpet/')) throw new Error(`${path} is nothing that the Dockerfile copies`);
  return path.slice('/limpet/'.length);
}

const [mountedFrom = '', mountedAt = '', mode = ''] = limpet.volumes?.[0]?.split(':') ?? [];
const loaded = loadConfig(join(ROOT, mountedFrom), { ...limpet.environment });

t.test('each service is made from here, or from an image of a version', async (t) => {
  t.same(APPS.sort(), ['amber', 'coral', 'teal']);
  const args = dockerfile.filter(({ name }) => name === 'ARG').map(({ rest }) => rest.split('=')[0]);
  for (const [name, service] of Object.entries(services)) {
    if (service.build === undefined) t.match(service.image, /^[a-z]+:\d+\.\d+/, `${name}: ${service.image}`);
    else {
      t.ok(existsSync(join(ROOT, service.build.context, 'Dockerfile')), `${name} has a Dockerfile`);
      t.same(Object.keys(service.build.args), args, 'its arguments are those of the Dockerfile');
      t.equal(service.image, limpet.image, 'one image for all');
    }
    t.match(service, { read_only: true, cap_drop: ['ALL'] }, `${name} is shut in`);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      t.equal(condition, 'service_healthy');
      t.ok(services[other]?.healthcheck, `${name} waits for ${other}, which says when it is healthy`);
    }
  }
});

t.test('commands and mounts name files that are there', async (t) => {
  const isSent = dockerignore(read('.dockerignore'));
  for (const name of APPS) {
    const file = inImage(services[name]?.entrypoint?.[1] ?? '');
    t.ok(existsSync(join(ROOT, file)) && isSent(file), `${name} runs ${file}`);
    t.ok(
      dockerfile.some(
        ({ name: step, rest }) => step === 'COPY' && rest === `${file.split('/')[0]} ./${file.split('/')[0]}`,
      ),
    );
  }
  t.ok(existsSync(join(ROOT, mountedFrom)), mountedFrom);
  t.equal(mode, 'ro');
  t.same(limpet.command, ['run', '-c', mountedAt], 'Limpet runs with the config that is mounted');
});

t.test('the config is sound with the environment given, and names these services and ports', async (t) => {
  t.equal(formatProblems(loaded.problems, { color: false }), '');
  const { config } = loaded;
  const upstreams = config?.pools[0]?.upstreams.map(({ url }) => new URL(url)) ?? [];
  t.same(upstreams.map(({ hostname }) => hostname).sort(), APPS);
  for (const { hostname, port } of upstreams)
    t.match(services[hostname]?.healthcheck?.test.join(' '), `127.0.0.1:${port}/`);
  t.ok(services[new URL(config?.sessions[0]?.store?.url ?? '').hostname], 'the store is a service');
  t.match(config?.admin?.bind, { kind: 'tcp', host: '0.0.0.0' });
  const inside = [config?.listeners[0]?.bind, config?.admin?.bind].map(
    (bind) => bind?.kind === 'tcp' && bind.port,
  );
  t.same(
    limpet.ports?.map((port) => Number(port.split(':')[2])),
    inside,
  );
  for (const port of limpet.ports ?? []) t.match(port, /^127\.0\.0\.1:/, 'for this machine only');
  for (const name of APPS)
    t.equal(services[name]?.environment?.SESSION_SECRET, limpet.environment?.SESSION_SECRET);
  const graceMs = Number.parseInt(limpet.stop_grace_period ?? '', 10) * 1000;
  t.ok(
    graceMs > (config?.shutdown.deadlineMs ?? 0) + (config?.shutdown.delayMs ?? 0),
    'it may end in its own time',
  );
});

t.test('the parts work together', async (t) => {
  const redis = await startRedis(t);
  const local = new Map([[`redis:6379`, `127.0.0.1:${redis.port}`]]);
  const apps = new Map<string, Child>();
  for (const name of APPS) {
    const { entrypoint = [], environment = {} } = services[name]!;
    const port = await freePort();
    const env = {
      ...environment,
      HOST: '127.0.0.1',
      PORT: String(port),
      REDIS_URL: withLocal(environment.REDIS_URL ?? '', local),
    };
    apps.set(name, new Child(pinnedNode, [join(ROOT, inImage(entrypoint[1]!))], { owner: t, env }));
    local.set(`${name}:3000`, `127.0.0.1:${port}`);
  }
  for (const child of apps.values()) await child.wrote(/ listens on /);
  const config = withLocal(read(mountedFrom), local)
    .replace(/^listen: 8080$/m, 'listen: 127.0.0.1:{port}')
    .replace('bind: 0.0.0.0:9090', 'bind: 127.0.0.1:{adminPort}');
  const proxy = await startLimpet(config, { owner: t, env: limpet.environment ?? {} });
  const { port } = proxy;

  t.match(await askPath(port, '/'), { status: 302, headers: { location: '/login' } }, 'nobody is logged in');
  t.match(await askPath(port, '/login'), { status: 200, body: /<form method="post" action="\/login">/ });
  const login = await post(proxy.url, '/login', 'user=Ada+%3Cb%3E');
  t.match(login, { status: 303, headers: { location: '/' } });
  const session = cookieOf(login, 'connect.sid');
  const first = await askPath(port, '/', { cookie: session });
  const home = /Ada &#60;b&#62;, (\w+) has answered you 1 time\./.exec(first.body)?.[1] ?? '';
  t.ok(apps.has(home), first.body);
  const cookie = `${session}; ${cookieOf(first)}`;
  t.match(
    (await askPath(port, '/', { cookie })).body,
    `${home} has answered you 2 times.`,
    'the same app again',
  );

  t.equal(
    (await fetch(`${proxy.adminUrl}/api/v1/upstreams`)).status,
    401,
    'the admin side asks for its token',
  );
  await apps.get(home)?.kill('SIGKILL');
  const after = await askPath(port, '/', { cookie });
  t.match(
    after,
    { status: 200, body: /Ada .* has answered you 1 time\./ },
    'the app is gone, the login is not',
  );
  t.notMatch(after.body, `${home} has`);

  t.match(await post(proxy.url, '/logout', '', cookie), { status: 303, headers: { location: '/login' } });
  await until(
    'the old cookie is refused at the edge',
    async () => (await askPath(port, '/', { cookie })).status === 302,
  );
  const forged = session.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  t.equal((await askPath(port, '/', { cookie: forged })).status, 302, 'so is a forged one');
  t.equal(await proxy.stop(), 0);
  for (const [name, child] of apps) {
    if (name === home) continue;
    await child.kill('SIGTERM');
    t.equal(await child.exit(), 0, `${name} ends when told to`);
  }
});

function withLocal(text: string, local: ReadonlyMap<string, string>): string {
  let result = text;
  for (const [name, address] of local) result = result.replaceAll(`//${name}`, `//${address}`);
  return result;
}

async function post(url: string, path: string, body: string, cookie = ''): Promise<Told> {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...(cookie === '' ? {} : { cookie }),
  };
  const response = await fetch(url + path, { method: 'POST', body, headers, redirect: 'manual' });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    cookies: response.headers.getSetCookie(),
    body: await response.text(),
  };
}
