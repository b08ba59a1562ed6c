// `limpet top`: a running Limpet on the terminal, anew each second; without a terminal, once.
import { parseArgs } from 'node:util';
import { AskError } from '../admin/ask.ts';
import type { AdminClient } from '../admin/client.ts';
import type { LiveSnapshot } from '../admin/live-view.ts';
import { isWrong, parseDuration } from '../config/units.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, print, telling, UsageError } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import type { Screen } from './screen.ts';
import { shown } from './table.ts';
import { frameOf } from './top-frame.ts';

export const HELP = `limpet top [--interval DURATION] [--admin URL] [--json]

What is wrong, and every pool and upstream: state, requests and errors a second, latency, requests under way, users.
On a terminal it is shown anew each second, until q or Ctrl-C; elsewhere once. Rates and latencies look back over
the last seconds. Where there is too little room, what is simply up is left out first.

      --interval DURATION  how often; 500ms to 1m, default 1s
${ADMIN_HELP}
Colours are left out where NO_COLOR is set.

Exit code: 0 left, or told once; 1 the admin API could not be asked.
`;

const INTERVAL_BOUNDS = { min: 500, max: 60_000 };
/** Where there is no terminal. */
const COLUMNS = 100;

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  return telling('top', io, async () => {
    const { values } = parseArgs({ args: argv, options: { ...ADMIN_OPTIONS, interval: { type: 'string' } } });
    if (values.help) {
      io.stdout(HELP);
      return 0;
    }
    const interval = parseDuration(values.interval ?? '1s', INTERVAL_BOUNDS);
    if (isWrong(interval)) throw new UsageError(`--interval: ${interval.wrong}`, interval.right);
    const admin = adminOf(values.admin, io);
    const first = await read(admin);
    const screen = values.json ? null : (io.screen?.() ?? null);
    if (screen === null) {
      const room = { columns: COLUMNS, rows: null, color: false };
      print(
        io,
        values.json,
        first,
        () =>
          `${frameOf(first, room)
            .map((line) => line.trimEnd())
            .join('\n')}\n`,
      );
      return 0;
    }
    try {
      await watch(admin, first, interval.value, screen, !io.env.NO_COLOR);
    } finally {
      screen.close();
    }
    return 0;
  });
}

async function read(admin: AdminClient): Promise<LiveSnapshot> {
  return (await admin.read('/api/v1/live')) as LiveSnapshot; // contract (src/admin/live-view.ts)
}

/** Draws until somebody leaves. An API that is away is told on the screen, and asked again. */
async function watch(
  admin: AdminClient,
  first: LiveSnapshot,
  everyMs: number,
  screen: Screen,
  color: boolean,
): Promise<void> {
  let state = first;
  let trouble = '';
  let over = false;
  const left = screen.left.then(() => {
    over = true;
  });
  const draw = (): void => {
    const { columns, rows } = screen;
    const note = trouble === '' ? [] : [trouble.slice(0, columns)];
    screen.draw([...note, ...frameOf(state, { columns, rows: rows - note.length, color })]);
  };
  screen.onResize = draw;
  for (;;) {
    draw();
    let wake = (): void => {};
    const pause = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, everyMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    await Promise.race([left, pause]);
    wake();
    if (over) return;
    const next = await Promise.race([left, readAgain(admin)]);
    if (over || next === undefined) return;
    if (typeof next === 'string') trouble = `what follows is old: ${shown(next)}`;
    else {
      state = next;
      trouble = '';
    }
  }
}

/** Why it could not be read, in one line, in place of what would be read. */
async function readAgain(admin: AdminClient): Promise<LiveSnapshot | string> {
  try {
    return await read(admin);
  } catch (error) {
    if (error instanceof AskError) return error.message;
    throw error;
  }
}
