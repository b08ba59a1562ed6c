// `limpet top` and `limpet status`: what stands on the screen, in the room that there is, and a terminal that is as it was afterwards.
import t from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import type { LiveSnapshot, LiveUpstream, Trouble } from '../../src/admin/live-view.ts';
import type { Screen } from '../../src/cli/screen.ts';
import { spanOf } from '../../src/cli/span.ts';
import * as status from '../../src/cli/status.ts';
import * as top from '../../src/cli/top.ts';
import { frameOf } from '../../src/cli/top-frame.ts';
import { FakeLive, LOOPBACK, makeAdmin } from '../admin/fake-view.ts';
import { Child } from '../kit/child.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';
import { tell } from './told.ts';

const FIGURES = { requestsPerS: 12.34, errorsPerS: 0, p50Ms: 1.25, p99Ms: 250, inFlight: 3 };
const upstream = (name: string, more: Partial<LiveUpstream> = {}): LiveUpstream => ({
  ...FIGURES,
  name,
  url: `http://${name}`,
  wanted: 'ready',
  observed: 'up',
  why: '',
  since: '2026-01-01T00:00:00.000Z',
  weight: 1,
  eligible: true,
  requests: 10,
  errors: 0,
  users: 7,
  drainUntil: null,
  ...more,
});
const TROUBLE: Trouble = {
  id: 'upstream.down shop/green',
  severity: 'warning',
  what: 'shop/green is down: connection refused',
  since: '2025-12-31T23:58:00.000Z',
  advice: 'Start it again.',
  pool: 'shop',
  upstream: 'green',
  session: null,
};

function snapshot(upstreams: readonly LiveUpstream[], troubles: readonly Trouble[] = []): LiveSnapshot {
  const plain = new FakeLive().snapshot();
  return {
    ...plain,
    ok: troubles.length === 0,
    troubles,
    pools: [{ ...plain.pools[0]!, ...FIGURES, upstreams }],
  };
}

t.test('a state in 80 columns', async (t) => {
  const state = snapshot(
    [
      upstream('blue'),
      upstream('green', { observed: 'down', eligible: false, p50Ms: null, p99Ms: null, users: 123_456 }),
      upstream('a-name-that-is-much-too-long-for-it', {
        wanted: 'drain',
        observed: 'suspected',
        eligible: false,
      }),
    ],
    [TROUBLE],
  );
  t.equal(
    `${frameOf(state, { columns: 80, rows: null, color: false })
      .map((line) => line.trimEnd())
      .join('\n')}\n`,
    `Limpet 0.1.0  up 12 s  generation 1  workers 2/2
0.0 req/s  0.0 err/s  p50 - ms  p99 - ms  in flight 0
connections 1/100  tunnels 0  streams 0  refused 0.0/s  retries 0.0/s
warning: shop/green is down: connection refused (2 min)

POOL / UPSTREAM       STATE         REQ/S  ERR/S  P50 ms  P99 ms  FLIGHT   USERS
shop                  1/3 up         12.3    0.0     1.3     250       3    123k
  blue                up             12.3    0.0     1.3     250       3       7
  green               down           12.3    0.0       -       -       3    123k
  a-name-that-is-muc… drain susp…    12.3    0.0     1.3     250       3       7
`,
  );
});

t.test('no line is longer than the terminal, and in few rows what is up is left out first', async (t) => {
  const many = Array.from({ length: 40 }, (_, i) => upstream(`u${i}`, i === 30 ? { observed: 'down' } : {}));
  const state = snapshot(many, Array(9).fill(TROUBLE));
  for (const columns of [60, 80, 200])
    for (const line of frameOf(state, { columns, rows: null, color: false })) t.ok(line.length <= columns);
  const lines = frameOf(state, { columns: 80, rows: 24, color: false });
  t.equal(lines.length, 24);
  t.ok(
    lines.some((line) => line.startsWith('  u30')),
    'the one that is down is there',
  );
  t.ok(lines.some((line) => line.startsWith('and 5 more: limpet status')));
  t.match(lines.at(-1), /^\d+ more: limpet upstreams/);
  t.notMatch(lines.join(''), '\u001b');
  t.match(frameOf(state, { columns: 80, rows: 24, color: true }).join(''), '\u001b[31m  u30');
});

t.test('what moves a cursor is shown and not sent', async (t) => {
  const lines = frameOf(snapshot([upstream('a\u001b[2Jb')]), { columns: 120, rows: null, color: false });
  t.notMatch(lines.join(''), '\u001b');
});

t.test('spans as people say them', async (t) => {
  for (const [seconds, words] of [
    [0, '0 s'],
    [-5, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [3661, '1 h 1 min'],
    [90_061, '1 d 1 h'],
    [86_460, '1 d'],
  ] as const)
    t.equal(spanOf(seconds), words);
});

async function startAdmin() {
  const { app, live, view } = makeAdmin();
  t.teardown(() => app.close());
  return { app, live, view, url: await listenOn(app, LOOPBACK) };
}

t.test('without a terminal it is told once; as JSON as the API tells it', async (t) => {
  const { url, live } = await startAdmin();
  t.match(await tell(top, ['--admin', url]), { code: 0, stdout: /^Limpet 0\.1\.0.*\nPOOL.*\nshop /s });
  t.same(JSON.parse((await tell(top, ['--json', '--admin', url])).stdout), live.snapshot());
  t.match(await tell(top, ['--interval', '1ms', '--admin', url]), { code: 1, stderr: /--interval: / });
  t.match(await tell(top, ['--admin', 'http://127.0.0.1:1']), { code: 1, stderr: /does not answer/ });
});

t.test(
  'on a terminal it is drawn anew, says when the API is away, and gives the terminal back',
  async (t) => {
    const { url, app, live } = await startAdmin();
    const drawn: string[] = [];
    let leave = (): void => {};
    let closed = false;
    const screen: Screen = {
      columns: 80,
      rows: 24,
      draw: (lines) => drawn.push(lines.join('\n')),
      left: new Promise((resolve) => {
        leave = resolve;
      }),
      onResize: () => {},
      close: () => {
        closed = true;
      },
    };
    const over = tell(top, ['--admin', url, '--interval', '500ms'], {
      screen: () => screen,
      env: { NO_COLOR: '1' },
    });
    await until('it is drawn', () => drawn.length > 0);
    live.snapshot = () => snapshot([upstream('blue')], [TROUBLE]);
    await until('it is drawn anew', () => drawn.at(-1)!.includes('shop/green is down'));
    t.notMatch(drawn.join(''), '\u001b');
    const before = drawn.length;
    screen.onResize();
    t.equal(drawn.length, before + 1);
    await app.close();
    await until('it says so', () => drawn.at(-1)!.startsWith('what follows is old: '));
    leave();
    t.match(await over, { code: 0, stdout: '', stderr: '' });
    t.ok(closed);
  },
);

t.test('a real terminal is left as it was: by q, and by a signal', async (t) => {
  const { url } = await startAdmin();
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const line = `stty cols 80 rows 24; '${pinnedNode}' '${main}' top --admin ${url}; echo "left with $?"; stty -a | grep -o ' -\\?echo '`;
  for (const how of ['q', 'SIGTERM'] as const) {
    const child = new Child('script', ['-qec', line, '/dev/null'], { owner: t, reads: true, group: true });
    await child.wrote(/all is well/, 60_000);
    if (how === 'q') child.type('q');
    else await tellTop(child, url);
    await child.wrote(/left with 0[\s\S]* echo/, 60_000);
    const written = child.stdout();
    const [taken, given] = ['\u001b[?1049h\u001b[?25l', '\u001b[?25h\u001b[?1049l'].map((code) =>
      written.indexOf(code),
    );
    t.ok(taken! >= 0 && given! > taken!, 'a screen of its own, and back');
    await child.kill('SIGKILL');
  }
});

/** Sends SIGTERM to the process that watches this address. */
async function tellTop(_child: Child, url: string): Promise<void> {
  const { readdirSync, readFileSync } = await import('node:fs');
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (argv.includes('top') && argv.includes(url)) process.kill(Number(pid), 'SIGTERM');
    } catch {
      // It ended meanwhile.
    }
  }
}

t.test('the status in words and as JSON', async (t) => {
  const { url, live, view } = await startAdmin();
  t.match(await tell(status, ['--admin', url]), {
    code: 0,
    stdout:
      /^Limpet 0\.1\.0, up 12 s, config generation 1, 2 workers\nrequests 10, .*\n\nLISTENER {2}ADDRESS .*\nweb .*\n\nall is well for /,
  });
  live.troubles = () => ({ ok: false, since: TROUBLE.since, troubles: [TROUBLE] });
  const { code, stdout } = await tell(status, ['--admin', url]);
  t.equal(code, 0);
  t.match(stdout, /\nwarning: shop\/green is down: connection refused \(for .*\)\n {2}Start it again\.\n$/);
  t.same(JSON.parse((await tell(status, ['--json', '--admin', url])).stdout), {
    ...view.status(),
    ...live.troubles(),
  });
});
