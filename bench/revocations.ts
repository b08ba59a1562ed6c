// What a million revocations cost: memory, the start that reads them, and how soon an order is in force in every worker of two Limpets.
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { NODE, saysOnStderr, startProcess, stopProcess } from '../test/kit/load-process.ts';
import { freePort } from '../test/kit/ports.ts';
import { type BenchRun, scratchFolder, startUpstreams } from './bench-run.ts';
import { LIMPET_MAIN } from './peer-limpet.ts';
import { type Measurement, type Report, rowsOf } from './report.ts';
import { loadRevocations, REVOCATION_DB } from './revocation-load.ts';
import { startSessions } from './session-peers.ts';

const REVOCATIONS = 1_000_000;
const ORDERS = 100;
/** Connections to each Limpet: enough that every worker has some. */
const CONNECTIONS = 6;
const KEY = 'a signing key only for benchmarks, long enough';
/** Until what a start leaves behind is freed, ms. */
const SETTLE_MS = 5000;

export async function revocations(run: BenchRun): Promise<Report> {
  const { dir, sweep } = scratchFolder();
  const redis = await startSessions(run.loadCore, dir);
  const upstreams = await startUpstreams(run, 1);
  try {
    await loadRevocations(redis.port, REVOCATIONS);
    const url = `redis://127.0.0.1:${redis.port}/${REVOCATION_DB}`;
    const start = (prefix: string): Promise<RunningLimpet> =>
      startLimpet(dir, upstreams.ports[0]!, { url, prefix, entries: '1100k' });
    const rounds: Measurement[] = [];
    for (let round = 0; round < run.rounds; round++) {
      const none = await costOf(() => start('nobody'));
      const all = await costOf(() => start('limpet'));
      const limpets = await Promise.all([start('limpet'), start('limpet')]);
      const took = await orders(limpets);
      await Promise.all(limpets.map((limpet) => limpet.stop()));
      const figures = {
        startMs: all.readyMs,
        readMs: all.readyMs - none.readyMs,
        bytesEach: (all.residentBytes - none.residentBytes) / REVOCATIONS,
        p50Ms: took[ORDERS / 2]!,
        p99Ms: took[ORDERS - 2]!,
        maxMs: took[ORDERS - 1]!,
      };
      run.progress(`revocations ${JSON.stringify(figures)}`);
      rounds.push({ figures, trouble: '' });
    }
    return {
      name: 'revocations',
      title: `${REVOCATIONS / 1e6} million revocations in Redis: the start that reads them and their memory; ${ORDERS} orders, each from the first byte of its POST to the last connection's refusal, over two Limpets with two workers each`,
      columns: [
        { key: 'startMs', head: 'start ms', digits: 0 },
        { key: 'readMs', head: 'of it, reading', digits: 0 },
        { key: 'bytesEach', head: 'bytes each', digits: 0 },
        { key: 'p50Ms', head: 'in force p50 ms', digits: 1 },
        { key: 'p99Ms', head: 'p99 ms', digits: 1 },
        { key: 'maxMs', head: 'longest ms', digits: 1 },
      ],
      ratioOf: '',
      rows: rowsOf(new Map([['limpet', rounds]]), ''),
    };
  } finally {
    await stopProcess(upstreams.child);
    await redis.stop();
    sweep();
  }
}

interface RunningLimpet {
  readonly port: number;
  readonly adminUrl: string;
  readonly pid: number;
  stop(): Promise<void>;
}

async function startLimpet(dir: string, upstream: number, revocation: object): Promise<RunningLimpet> {
  const port = await freePort();
  const adminPort = await freePort();
  const file = join(dir, `${port}.yaml`);
  const config = {
    listen: `127.0.0.1:${port}`,
    workers: 2,
    upstreams: [`http://127.0.0.1:${upstream}`],
    session: { verify: { jwt: { algorithms: ['HS256'] } }, secrets: [KEY], user: 'sub', revocation },
    admin: { bind: `127.0.0.1:${adminPort}` },
    log: { level: 'warn', access: false },
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  const child = startProcess(NODE, [LIMPET_MAIN, 'run', '-c', file], { core: null, cwd: dir });
  const stop = (): Promise<void> => stopProcess(child);
  try {
    await saysOnStderr(child, 'limpet: listening on', 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, adminUrl: `http://127.0.0.1:${adminPort}`, pid: child.pid ?? -1, stop };
}

/** How long a start takes, and what is resident when it has settled. */
async function costOf(
  start: () => Promise<RunningLimpet>,
): Promise<{ readonly readyMs: number; readonly residentBytes: number }> {
  const began = performance.now();
  const limpet = await start();
  const readyMs = performance.now() - began;
  await sleep(SETTLE_MS);
  const status = readFileSync(`/proc/${limpet.pid}/status`, 'latin1');
  const residentBytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  await limpet.stop();
  return { readyMs, residentBytes };
}

/** How long each order took until no connection got through any more, ms, the shortest first. */
async function orders(limpets: readonly RunningLimpet[]): Promise<number[]> {
  const connections = limpets.flatMap(({ port }) =>
    Array.from({ length: CONNECTIONS }, () => ({
      port,
      agent: new Agent({ keepAlive: true, maxSockets: 1 }),
    })),
  );
  const took: number[] = [];
  for (let i = 0; i < ORDERS; i++) {
    const user = randomUUID();
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(user)
      .setIssuedAt(Math.floor(Date.now() / 1000) - 60)
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(KEY));
    const status = ({ port, agent }: (typeof connections)[number]) => statusOf(port, agent, token);
    // Each worker remembers that it is valid.
    await Promise.all(connections.map(status));
    const began = performance.now();
    const refused = connections.map(async (connection) => {
      while ((await status(connection)) !== 401) await sleep(1);
      return performance.now() - began;
    });
    const order = [{ user, block: true }, { user, before: new Date().toISOString() }, { token }][i % 3]!;
    const answer = await fetch(`${limpets[i % limpets.length]!.adminUrl}/api/v1/revocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
    if (answer.status !== 201) throw new Error(await answer.text());
    took.push(Math.max(...(await Promise.all(refused))));
  }
  for (const { agent } of connections) agent.destroy();
  return took.sort((a, b) => a - b);
}

function statusOf(port: number, agent: Agent, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { port, host: '127.0.0.1', agent, headers: { authorization: `Bearer ${token}` } },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      },
    );
    asked.once('error', reject);
    asked.end();
  });
}
