// `limpet drill` says what it can, refuses what it must, and does the useful thing with the demo and nothing but its URL.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { run } from '../../src/cli/drill.ts';
import { readScenario } from '../../src/drill/scenario.ts';
import { scenarioKeys } from '../../src/drill/scenario-keys.ts';
import { Child } from '../kit/child.ts';
import { drill } from '../kit/drill-run.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const page = readFileSync(new URL('../../docs/drill.md', import.meta.url), 'utf8');
const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'limpet-drill-cli-'));
t.teardown(() => rmSync(folder, { recursive: true }));

/** A demo on its own ports, ended with the file. */
async function startDemo(): Promise<string> {
  const port = await freePort();
  const ports = ['--port', String(port), '--admin-port', String(await freePort())];
  const demo = new Child(pinnedNode, [MAIN, 'demo', ...ports]);
  // SIGTERM, since the demo has processes of its own to end.
  t.teardown(() => demo.kill('SIGTERM'));
  // Four processes start, which may take a starved machine a while.
  await demo.wrote(/The page/, 60_000);
  return `http://127.0.0.1:${port}`;
}

const url = await startDemo();
const SHORT = ['--duration', '2s', '--at', '500ms', '--for', '800ms'];

t.test('the help has every key with its bounds', async (t) => {
  let help = '';
  const io = { stdout: (text: string) => (help += text), stderr: () => {}, env: {}, cwd: folder };
  t.equal(await run(['--help'], io), 0);
  for (const key of Object.keys(scenarioKeys)) {
    const option = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    t.match(help, new RegExp(`^ {6}${option}( |$)`, 'm'), option);
  }
  for (const bound of ['1 to 2000', '1 to 5000', '1s to 10m', '10ms to 1m', '64 MiB', '60 s'])
    t.match(help.replace(/\s+/g, ' '), bound, 'wherever its lines break');
  t.ok(help.split('\n').every((line) => line.length <= 112));
});

t.test('nothing is asked of a host that nobody named', async (t) => {
  const { code, stderr, stdout } = await drill(['http://192.0.2.1:8080']);
  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(
    stderr,
    /"192.0.2.1" is not this machine, and a drill is load and harm\n.*--yes-this-host 192.0.2.1\n/,
  );
});

t.test('a target that is not there, or does not answer as it should, is told before any harm', async (t) => {
  const port = await freePort();
  t.match(await drill([`http://127.0.0.1:${port}`]), {
    code: 1,
    stderr: `limpet drill: http://127.0.0.1:${port} does not answer: ECONNREFUSED\n`,
  });
  t.match(await drill([`http://127.0.0.1:${port}/me`]), {
    code: 1,
    stderr: /fails before any harm: GET \/me: connection refused/,
  });
  t.match(await drill(['http://127.0.0.1:1', 'http://127.0.0.1:2']), {
    code: 1,
    stderr: /one URL is enough/,
  });
});

t.test('the URL of the demo is all that is needed', async (t) => {
  const { code, result, stderr } = await drill([...SHORT, url]);
  t.same(
    result.verdict.filter(({ ok }) => !ok),
    [],
  );
  t.equal(code, 0, stderr);
  t.match(result, {
    passed: true,
    event: { what: 'kill demo:coral', harmed: ['coral'], undone: 'coral was revived' },
    moved: { needlessly: 0 },
    logins: { made: 50, needlessly: 0 },
    twice: { count: 0 },
  });
  t.ok(result.moved!.needed! > 0, 'users of the killed app were taken in');
  t.ok(result.logins!.needed! > 0, 'and their logins were lost with it');
  t.ok(result.twice.writes > 20);
  const apps = (await (await fetch(`${url}/_demo/apps`)).json()) as { process: string }[];
  t.same(
    apps.map((app) => app.process),
    ['running', 'running', 'running'],
  );
});

t.test('an app of the demo hangs, and another is restarted', async (t) => {
  for (const [option, app] of [
    ['--hang', 'amber'],
    ['--restart', 'teal'],
  ] as const) {
    const { code, result, stderr } = await drill([...SHORT, option, `demo:${app}`, '--writes', '0%', url]);
    t.equal(code, 0, stderr);
    t.match(result, {
      event: { harmed: [app], trouble: null },
      failures: { count: 0 },
      moved: { needlessly: 0 },
    });
  }
});

t.test('what the demo does not have is told', async (t) => {
  t.match(await drill(['--kill', 'demo:salmon', url]), {
    code: 1,
    stderr: /no app salmon\n.*coral, amber, teal/,
  });
  t.match(await drill(['--duration', '6s', url]), { code: 1, stderr: /revived 7s after the start/ });
});

t.test('a progress line on a terminal, and words for people', async (t) => {
  let stdout = '';
  let stderr = '';
  const io = {
    stdout: (text: string) => (stdout += text),
    stderr: (text: string) => (stderr += text),
    env: process.env,
    cwd: folder,
    terminal: true,
  };
  t.equal(await run([...SHORT, url], io), 0);
  t.match(stderr, /\d\.\d of 2 s {2}(before|during|after) {2}\d+ requests, 0 failed, \d+ moves, p99/);
  for (const line of [
    /^kill demo:coral, at 0\.\d+ s to \d\.\d+ s; coral was revived$/m,
    /^ {2}before +\d+ +0 +[\d.]+ ms +[\d.]+ ms +[\d.]+ ms +[\d.]+ ms$/m,
    /^ {2}harmed +coral \(named by the event\)$/m,
    /^ {2}moved +\d+ users, \d+ times: \d+ whose instance was harmed, 0 needlessly$/m,
    /^ {2}logins +50 made, \d+ users asked to log in again: \d+ whose instance was harmed, 0 needlessly$/m,
    /^ {2}sent twice +none of \d+ writes$/m,
    /^passed$/m,
  ]) {
    t.match(stdout, line);
  }
});

/** The words of a line of shell, with its quotes taken off by a shell. */
function wordsOf(line: string): Promise<string[]> {
  return new Promise((resolve) => {
    const shell = spawn('/bin/sh', ['-c', `printf '%s\\n' ${line}`]);
    let out = '';
    shell.stdout.on('data', (piece) => {
      out += piece;
    });
    shell.once('close', () => resolve(out.trimEnd().split('\n')));
  });
}

t.test('every command of docs/drill.md is one', async (t) => {
  const lines = [...page.replaceAll('\\\n', ' ').matchAll(/^npx limpet drill (.*)$/gm)].map(
    ([, line = '']) => line,
  );
  t.ok(lines.length >= 6);
  writeFileSync(join(folder, 'scenario.yaml'), yaml.replace('127.0.0.1', '192.0.2.1'));
  for (const line of lines) {
    // It would be run, and is refused for this host alone, when all else was sound.
    const words = (await wordsOf(line.replace(/ #.*$/, ''))).map((word) =>
      /^http:\/\/127/.test(word) ? word.replace('127.0.0.1', '192.0.2.1') : word,
    );
    const args = words.map((word, i) => (words[i - 1] === '-c' ? join(folder, 'scenario.yaml') : word));
    const said = await drill(args.filter((word) => word !== '--json'));
    t.match(said.stderr, /is not this machine/, line);
    t.notMatch(said.stderr.replace(/^.*is not this machine.*\n.*\n/gm, ''), 'error', line);
  }
});

t.test('the scenario of docs/drill.md is one', async (t) => {
  const path = join(folder, 'as-it-is.yaml');
  writeFileSync(path, yaml);
  const { scenario, problems } = readScenario({}, { name: 'scenario.yaml', path }, {});
  t.same(problems, []);
  t.match(scenario, { event: { kind: 'kill' }, limits: { failed: 0, moved: 0 } });
});
