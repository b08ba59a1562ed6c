// The demo in a terminal: its keys kill, hang and revive apps, which the page's own view shows, and nothing of it outlives its end.
import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { pinnedNode } from './kit/limpet.ts';
import { until } from './kit/named-app.ts';
import { freePort } from './kit/ports.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
/** Runs its arguments in a pseudo terminal, whose keys come from its own stdin; the exit code is the program's. */
const TERMINAL = `
import os, pty, sys
status = pty.spawn(sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(status))
`;

interface DemoApp {
  readonly name: string;
  readonly process: string;
  readonly observed: string;
}

interface Demo {
  readonly url: string;
  readonly adminUrl: string;
  press(keys: string): void;
  said(): string;
  /** Closes the terminal, as its window's close button does. */
  hangUp(): void;
  exit: Promise<number | null>;
}

async function startDemo(owner: Tap): Promise<Demo> {
  const port = await freePort();
  const adminPort = await freePort();
  const demo = [pinnedNode, MAIN, 'demo', '--port', String(port), '--admin-port', String(adminPort)];
  const terminal: ChildProcess = spawn('python3', ['-c', TERMINAL, ...demo], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // Its end closes the terminal, and that ends the demo with all that it started.
  owner.teardown(() => terminal.kill('SIGKILL'));
  let said = '';
  terminal.stdout!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const exit = new Promise<number | null>((resolve) => terminal.once('exit', resolve));
  await until('the demo tells its keys', () => said.includes('r  revive all'));
  return {
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    press: (keys) => void terminal.stdin!.write(keys),
    said: () => said,
    hangUp: () => void terminal.kill('SIGKILL'),
    exit,
  };
}

type Tap = { teardown(end: () => unknown): unknown };

/** The apps as the page shows them: what became of the process, and what Limpet observes. */
async function apps(demo: Demo): Promise<DemoApp[]> {
  return (await (await fetch(`${demo.url}/_demo/apps`)).json()) as DemoApp[];
}

const shows = (demo: Demo, what: string, processes: string[], up: boolean[]): Promise<void> =>
  until(what, async () => {
    const seen = await apps(demo);
    return seen.every((app, i) => app.process === processes[i] && (app.observed === 'up') === up[i]);
  });

/** Whether anybody still listens there. A hung process would answer nothing, but it accepts. */
async function isAnybodyThere(urls: readonly string[]): Promise<boolean> {
  const tries = urls.map(
    (url) =>
      new Promise<boolean>((resolve) => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1');
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
      }),
  );
  return (await Promise.all(tries)).includes(true);
}

async function addresses(demo: Demo): Promise<string[]> {
  const all = (await (await fetch(`${demo.adminUrl}/api/v1/upstreams`)).json()) as { url: string }[];
  return [demo.url, demo.adminUrl, ...all.map(({ url }) => url)];
}

t.test('1 2 3 kill, 4 5 6 hang, r revives, and the page is served all the while', async (t) => {
  const demo = await startDemo(t);
  t.match(demo.said(), `The page    ${demo.url}/`);
  t.match(demo.said(), '1 2 3  kill an app      4 5 6  hang an app      r  revive all      q  end');
  t.same(
    (await apps(demo)).map(({ name }) => name),
    ['coral', 'amber', 'teal'],
  );
  await shows(demo, 'all run', ['running', 'running', 'running'], [true, true, true]);
  demo.press('1');
  await shows(demo, 'the first is killed', ['killed', 'running', 'running'], [false, true, true]);
  demo.press('5');
  await shows(demo, 'the second hangs', ['killed', 'hung', 'running'], [false, false, true]);
  for (let i = 0; i < 5; i++) {
    const me = (await (await fetch(`${demo.url}/me`)).json()) as { app: string };
    t.equal(me.app, 'teal', 'who is left answers');
  }
  demo.press('x4 \r');
  demo.press('r');
  await shows(demo, 'all are revived, and other keys do nothing', Array(3).fill('running'), [
    true,
    true,
    true,
  ]);
  demo.press('36');
  await shows(demo, 'a killed app cannot hang', ['running', 'running', 'killed'], [true, true, false]);
  demo.press('24');
  await shows(demo, 'two keys at once', ['hung', 'killed', 'killed'], [false, false, false]);
  t.equal((await fetch(`${demo.url}/`)).status, 503, 'nobody is left');
  demo.press('r');
  await shows(demo, 'all are back', Array(3).fill('running'), [true, true, true]);
  t.equal((await fetch(`${demo.url}/`)).status, 200);
  const all = await addresses(demo);
  t.ok(await isAnybodyThere(all));
  demo.press('q');
  t.equal(await demo.exit, 0, 'q ends it');
  t.notOk(await isAnybodyThere(all), 'and everything with it');
});

for (const [how, end, code] of [
  ['Control-C', (demo: Demo) => demo.press('\u0003'), 0],
  ['closing the terminal', (demo: Demo) => demo.hangUp(), null],
] as const) {
  t.test(`${how} ends the demo with all its apps, a hung one too`, async (t) => {
    const demo = await startDemo(t);
    const all = await addresses(demo);
    demo.press('4');
    await until('one hangs', async () => (await apps(demo))[0]!.process === 'hung');
    end(demo);
    t.equal(await demo.exit, code);
    await until('nothing is left of it', async () => !(await isAnybodyThere(all)));
  });
}
