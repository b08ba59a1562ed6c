// One worker's verifier alone, as a process of its own: how many look-ups a core makes, and what a remembered verdict takes.
import { setTimeout as sleep } from 'node:timers/promises';
import { sign } from 'cookie-signature';
import { Redis } from 'ioredis';
import { systemTimers } from '../src/base/timers.ts';
import { loadConfigText } from '../src/config/load.ts';
import type { CredentialSource } from '../src/session/format.ts';
import { openSessions } from '../src/session/open-session.ts';
import type { VerdictWaiter } from '../src/session/standing.ts';
import { SessionVerifier } from '../src/session/verifier.ts';
import { cpuMicros } from '../test/kit/load-usage.ts';

const SECRET = 'the secret of all sessions in the bench';
/** Look-ups under way at once. */
const AT_ONCE = 100;
const KEYS = 20_000;

function config(redisPort: number, cache: object | false) {
  const text = JSON.stringify({
    listen: 8080,
    upstreams: ['http://127.0.0.1:1'],
    session: {
      verify: 'express-session',
      secrets: [SECRET],
      user: 'passport.user',
      store: { url: `redis://127.0.0.1:${redisPort}/0`, deadline: '5s' },
      cache,
    },
  });
  const { config } = loadConfigText(text, 'bench.yaml', {}, () => '');
  if (config === null) throw new Error('the config of the bench is wrong');
  return config;
}

async function verifierFor(redisPort: number, cache: object | false) {
  const [session] = await openSessions(config(redisPort, cache));
  const { options, format, store } = session!;
  const verifier = new SessionVerifier({
    options,
    format,
    store,
    timers: systemTimers,
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    onChecked: () => {},
    onBug: (_name, error) => {
      throw error;
    },
  });
  return { session: session!, verifier };
}

const request = (id: string): CredentialSource => ({
  cookies: `connect.sid=${encodeURIComponent(`s:${sign(id, SECRET)}`)}`,
  authorization: null,
  userAgent: null,
  clientAddress: '127.0.0.1',
});

/** Asks for every one of `requests`, `AT_ONCE` at a time, until `more` says no. */
function askAll(
  verifier: SessionVerifier,
  requests: (index: number) => CredentialSource,
  more: (asked: number) => boolean,
): Promise<number> {
  return new Promise((resolve) => {
    let asked = 0;
    let running = 0;
    const next = (): void => {
      while (more(asked)) {
        const waiter: VerdictWaiter = {
          waitsFor: null,
          onVerdict: () => {
            running--;
            next();
          },
        };
        if (running >= AT_ONCE) return;
        if (verifier.check(requests(asked++), waiter) === null) running++;
      }
      if (running === 0) resolve(asked);
    };
    next();
  });
}

async function lookUps(redisPort: number, seconds: number): Promise<object> {
  const { session, verifier } = await verifierFor(redisPort, false);
  const requests = Array.from({ length: KEYS }, (_, i) => request(`id-${i}`));
  const run = async (ms: number): Promise<{ asked: number; tookMs: number; cpu: number }> => {
    const began = performance.now();
    const cpu = cpuMicros([process.pid]);
    const asked = await askAll(
      verifier,
      (i) => requests[i % KEYS]!,
      () => performance.now() - began < ms,
    );
    return { asked, tookMs: performance.now() - began, cpu: cpuMicros([process.pid]) - cpu };
  };
  await run(1500);
  const { asked, tookMs, cpu } = await run(seconds * 1000);
  await session.close();
  return { lookupsPerSecond: (asked / tookMs) * 1000, cpuMicros: cpu / asked };
}

/** Bytes in use once nothing more is freed: what was let go of in this turn goes only in a later one, some of it in the background. */
async function used(): Promise<number> {
  let last = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    for (let k = 0; k < 3; k++) globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    if (i > 2 && heapUsed + external > last * 0.999) break;
    last = heapUsed + external;
    await sleep(100);
  }
  return last;
}

/** Heap and buffers that a remembered verdict takes; `push`: while Redis tells of its changes. */
async function memory(redisPort: number, count: number, push: 'auto' | false): Promise<object> {
  const before = await used();
  const { session, verifier } = await verifierFor(redisPort, { ttl: '1h', entries: count, push });
  const client = new Redis({ port: redisPort, host: '127.0.0.1' });
  for (let at = 0; at < count; at += KEYS) {
    const batch = client.pipeline();
    for (let i = at; i < Math.min(count, at + KEYS); i++)
      batch.set(`sess:m-${i}`, `{"cookie":{},"passport":{"user":"user-${i}"}}`);
    await batch.exec();
    await askAll(
      verifier,
      (i) => request(`m-${at + i}`),
      (asked) => asked < KEYS && at + asked < count,
    );
    // Where changes are told, what is gone from the store is remembered no more.
    if (push === false) await client.flushdb();
  }
  client.disconnect();
  const bytes = ((await used()) - before) / verifier.remembered;
  // Redis follows a million keys, and tells of those beyond as if they had changed.
  if (verifier.remembered < count * 0.99)
    throw new Error(`${verifier.remembered} of ${count} verdicts were remembered`);
  await session.close();
  return push === false ? { bytesPerVerdict: bytes } : { bytesPerPushedVerdict: bytes };
}

async function fill(redisPort: number): Promise<void> {
  const client = new Redis({ port: redisPort, host: '127.0.0.1' });
  const batch = client.pipeline();
  for (let i = 0; i < KEYS; i++) {
    const session = { cookie: { originalMaxAge: null }, passport: { user: i }, csrf: 'x'.repeat(180) };
    batch.set(`sess:id-${i}`, JSON.stringify(session));
  }
  await batch.exec();
  client.disconnect();
}

const [mode, redisPort, amount] = process.argv.slice(2);
if (mode === 'look-ups') await fill(Number(redisPort));
const told =
  mode === 'look-ups'
    ? await lookUps(Number(redisPort), Number(amount))
    : await memory(Number(redisPort), Number(amount), mode === 'memory-pushed' ? 'auto' : false);
process.stdout.write(`${JSON.stringify(told)}\n`);
process.exit(0);
