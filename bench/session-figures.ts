// What no load through a proxy shows: how many look-ups one core makes, what a remembered verdict takes of memory, what a token costs by itself.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NODE } from '../test/kit/load-process.ts';
import { type BenchRun, scratchFolder } from './bench-run.ts';
import type { Measurement, Report } from './report.ts';
import { rowsOf } from './report.ts';
import { startSessions } from './session-peers.ts';

const run = promisify(execFile);
const WORKER = fileURLToPath(new URL('session-worker.ts', import.meta.url));
const TOKENS = fileURLToPath(new URL('token-worker.ts', import.meta.url));
const VERDICTS = 1_000_000;

export async function sessionFigures(bench: BenchRun): Promise<Report> {
  const { dir, sweep } = scratchFolder();
  const redis = await startSessions(bench.loadCore, dir);
  const ask = (mode: string, amount: number) =>
    told('--expose-gc', WORKER, mode, `${redis.port}`, `${amount}`);
  const told = async (...rest: readonly string[]): Promise<Record<string, number>> => {
    const words = [NODE, ...rest];
    if (bench.proxyCore !== null) words.unshift('taskset', '-c', `${bench.proxyCore}`);
    const { stdout } = await run(words[0]!, words.slice(1));
    return JSON.parse(stdout) as Record<string, number>;
  };
  try {
    const memory = { ...(await ask('memory', VERDICTS)), ...(await ask('memory-pushed', VERDICTS)) };
    const rounds: Measurement[] = [];
    for (let round = 0; round < bench.rounds; round++) {
      const lookUps = await ask('look-ups', bench.measureMs / 1000);
      const figures = { ...lookUps, ...memory, ...(await told(TOKENS)) };
      bench.progress(`session-figures ${JSON.stringify(figures)}`);
      rounds.push({ figures, trouble: '' });
    }
    return {
      name: 'session-figures',
      title: `sessions of Express in Redis, none remembered, 100 look-ups at once; memory of ${VERDICTS / 1e6} million remembered verdicts; what a phantom token adds to a request by itself, and its signature`,
      columns: [
        { key: 'lookupsPerSecond', head: 'look-ups/s', digits: 0 },
        { key: 'cpuMicros', head: 'CPU us/look-up', digits: 1 },
        { key: 'bytesPerVerdict', head: 'bytes/verdict', digits: 0 },
        { key: 'bytesPerPushedVerdict', head: 'bytes, changes told', digits: 0 },
        { key: 'tokenNanos', head: 'token ns/req', digits: 0 },
        { key: 'signatureMicros', head: 'CPU us/signature', digits: 0 },
      ],
      ratioOf: '',
      rows: rowsOf(new Map([['limpet', rounds]]), ''),
    };
  } finally {
    await redis.stop();
    sweep();
  }
}
