// `limpet status`: which Limpet runs there, how it fares, and what is wrong.
import { parseArgs } from 'node:util';
import type { Severity, TroubleReport } from '../admin/live-view.ts';
import type { StatusView } from '../admin/view.ts';
import { ADMIN_HELP, ADMIN_OPTIONS, adminOf, print, telling } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { spanOf } from './span.ts';
import { shown, table } from './table.ts';

export const HELP = `limpet status [--admin URL] [--json]

Which Limpet runs there, how it fares, and what is wrong and what to do about it, the most urgent first.

${ADMIN_HELP}
Exit code: 0 told, whatever is wrong there; 1 not.
`;

type Told = StatusView & TroubleReport;

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  return telling('status', io, async () => {
    const { values } = parseArgs({ args: argv, options: ADMIN_OPTIONS });
    if (values.help) {
      io.stdout(HELP);
      return 0;
    }
    const admin = adminOf(values.admin, io);
    // The fields are contract (src/admin/view.ts, src/admin/live-view.ts).
    const status = (await admin.read('/api/v1/status')) as StatusView;
    const report = (await admin.read('/api/v1/troubles')) as TroubleReport;
    const told: Told = { ...status, ...report };
    print(io, values.json, told, () => inWords(told, Date.now()));
    return 0;
  });
}

function inWords(told: Told, nowMs: number): string {
  const { version, uptimeS, generation, workers, listeners, totals } = told;
  const threads = `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  const rows = listeners.map(({ name, url, connections }) => [name, url, connections]);
  const figures = [
    ['requests', totals.requests],
    ['failures', totals.failures],
    ['refused', totals.refused],
    ['retries', totals.retries],
    ['in flight', totals.inFlight],
  ] as const;
  return [
    `Limpet ${shown(version)}, up ${spanOf(uptimeS)}, config generation ${generation}, ${threads}\n`,
    `${figures.map(([what, count]) => `${what} ${count.toLocaleString('en')}`).join(', ')}\n\n`,
    table(['LISTENER', 'ADDRESS', 'CONNECTIONS'], rows),
    '\n',
    troublesInWords(told, nowMs),
  ].join('');
}

function troublesInWords({ ok, since, troubles }: TroubleReport, nowMs: number): string {
  const well = ok ? `all is well for ${spanSince(since, nowMs)}\n` : '';
  const lines = troubles.map(
    (trouble) =>
      `${SEVERITY_WORDS[trouble.severity]}: ${shown(trouble.what)} (for ${spanSince(trouble.since, nowMs)})\n  ${shown(trouble.advice)}\n`,
  );
  return well + lines.join('');
}

const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {
  critical: 'CRITICAL',
  warning: 'warning',
  notice: 'notice',
};

function spanSince(since: string, nowMs: number): string {
  return spanOf((nowMs - Date.parse(since)) / 1000);
}
