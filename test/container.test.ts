// Follows the Dockerfile's steps one by one in a scratch folder, since not every machine has an engine, and runs what they made.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { freePort } from './kit/ports.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'limpet-image-'));
chmodSync(scratch, 0o755);
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

const instructions: Instruction[] = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const space = line.indexOf(' ');
    return { name: line.slice(0, space), rest: line.slice(space + 1) };
  });

/** An absolute path of the image, inside the scratch folder. */
const stages: string[] = [];
const inImage = (path: string, workdir: string, stage: string): string =>
  join(stage, path.startsWith('/') ? path : join(workdir, path));

/** What the last stage says of how it runs. */
const image = {
  workdir: '/',
  entry: [] as string[],
  command: [] as string[],
  health: [] as string[],
  user: '',
  stop: '',
};

function follow({ name, rest }: Instruction): void {
  const stage = stages.at(-1) ?? scratch;
  switch (name) {
    case 'FROM':
      stages.push(join(scratch, `stage-${stages.length}`));
      image.workdir = '/';
      return;
    case 'WORKDIR':
      image.workdir = rest;
      mkdirSync(join(stage, rest), { recursive: true });
      return;
    case 'COPY': {
      const words = rest.split(' ');
      const isStage = words[0]?.startsWith('--from=') ?? false;
      if (isStage) words.shift();
      const from = isStage ? stages[0]! : ROOT;
      const to = words.pop() ?? '';
      for (const word of words) {
        const target = inImage(to, image.workdir, stage);
        const isFolder = to.endsWith('/');
        cpSync(join(from, word), isFolder ? join(target, word.split('/').at(-1)!) : target, {
          recursive: true,
        });
      }
      return;
    }
    case 'RUN': {
      const done = spawnSync('sh', ['-c', `unset NODE_OPTIONS; ${rest}`], {
        cwd: join(stage, image.workdir),
        encoding: 'utf8',
        // An image has none of the test runner's environment; the runner puts NODE_OPTIONS back, so the shell takes it off.
        env: { PATH: process.env.PATH, HOME: process.env.HOME, npm_config_prefer_offline: 'true' },
      });
      if (done.status !== 0) throw new Error(`RUN ${rest}: ${done.stdout}${done.stderr}`);
      return;
    }
    case 'ENTRYPOINT':
      image.entry = JSON.parse(rest);
      return;
    case 'CMD':
      image.command = JSON.parse(rest);
      return;
    case 'HEALTHCHECK':
      image.health = JSON.parse(rest.slice(rest.indexOf('CMD ') + 4));
      return;
    case 'USER':
      image.user = rest;
      return;
    case 'STOPSIGNAL':
      image.stop = rest;
      return;
    case 'ENV':
    case 'EXPOSE':
      return;
    default:
      throw new Error(`the test does not know ${name}`);
  }
}

t.test('every step of the Dockerfile can be taken, and what it makes runs as another user', async (t) => {
  for (const instruction of instructions) follow(instruction);
  const stage = stages.at(-1)!;
  t.equal(image.user, 'node', 'not root');
  t.equal(image.stop, 'SIGTERM');
  t.throws(
    () => readFileSync(join(stage, 'limpet/node_modules/typescript/package.json')),
    'no compiler is left',
  );

  const port = await freePort();
  const adminPort = await freePort();
  const app = createServer((_request, response) => response.end('the app'));
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  t.teardown(() => app.close());
  const address = app.address();
  const appPort = address !== null && typeof address === 'object' ? address.port : 0;
  const config = join(scratch, 'limpet.yaml');
  writeFileSync(
    config,
    `listen: 127.0.0.1:${port}\nupstreams: [http://127.0.0.1:${appPort}]\nadmin: { bind: 127.0.0.1:${adminPort} }\n`,
  );
  const [, main, ...rest] = image.entry;
  t.equal(image.entry[0], 'node');
  t.same([...rest, ...image.command.slice(0, 2)], ['run', '-c']);
  const asOther = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const child: ChildProcess = spawn(process.execPath, [join(stage, main!), 'run', '-c', config], {
    cwd: '/',
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...asOther,
  });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr?.on('data', (text) => {
    said += text;
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  while (!said.includes('listening on')) {
    if (child.exitCode !== null) throw new Error(said);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'the app');
  const [, ...check] = image.health.map((word) => word.replace('127.0.0.1:9090', `127.0.0.1:${adminPort}`));
  t.equal(spawnSync(process.execPath, check).status, 0, 'the health check is content');
  child.kill('SIGTERM');
  t.equal(await exited, 0, 'SIGTERM ends it cleanly');
  t.not(spawnSync(process.execPath, check).status, 0, 'and the health check notices');
});
