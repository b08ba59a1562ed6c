// `limpet run --replace`: has the Limpet that runs start a successor of this program and config, and says how that ended.
import { resolve } from 'node:path';
import { giveOrder, type ReplaceOrder } from '../process/control-socket.ts';
import type { CommandIo } from './command-io.ts';

/** Of the command's own surroundings only: a successor has its own. */
const NOT_HANDED_ON = new Set([
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
]);

/** Resolves to the exit code: 0, a successor serves; 1, it does not, and the one that ran runs on. `args`: what the successor is run with. */
export async function replace(control: string, args: readonly string[], io: CommandIo): Promise<number> {
  const order: ReplaceOrder = {
    order: 'replace',
    command: [process.execPath, ...process.execArgv, resolve(process.argv[1] ?? ''), 'run', ...args],
    cwd: io.cwd,
    env: Object.fromEntries(
      Object.entries(io.env).flatMap(([name, value]) =>
        value === undefined || NOT_HANDED_ON.has(name) ? [] : [[name, value]],
      ),
    ),
  };
  const last = await giveOrder(control, order, (news) => {
    if (news.news === 'started') io.stderr(`limpet: process ${news.pid} starts\n`);
  });
  if (last === null) {
    io.stderr(
      `limpet: no Limpet that could be replaced listens on ${control}\n  would be right: \`limpet run\` to start one; the same --config, or --control, as the one that runs; the same user\n`,
    );
    return 1;
  }
  if (last.news !== 'done') {
    const why = last.news === 'refused' ? last.why : 'nothing was said of how it ended';
    io.stderr(`limpet: not replaced: ${why}\n`);
    return 1;
  }
  io.stderr(
    `${last.line}\nlimpet: process ${last.pid} serves in place of ${last.oldPid}, which ends what it has under way\n`,
  );
  return 0;
}
