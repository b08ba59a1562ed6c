// Traffic of all kinds while a Limpet reloads again and again with real changes: what failed, which tunnels were closed, what was answered.
import { renameSync, writeFileSync } from 'node:fs';
import { type RunningLimpet, startLimpet } from './limpet.ts';
import { type DrillUpstream, startDrillUpstreams, stopDrillUpstreams } from './load-drill.ts';
import { memoryKiB } from './load-usage.ts';
import { calm, until } from './named-app.ts';
import { freePort } from './ports.ts';
import { SteadyTraffic } from './steady-traffic.ts';
import { startStreamsApp } from './streams-app.ts';

export interface ReloadTraffic {
  readonly reloads: number;
  /** Between two reloads at least, ms. */
  readonly everyMs: number;
  /** Requests a second on kept connections. */
  readonly rate: number;
  readonly users: number;
  /** Open WebSockets, and as many event streams. */
  readonly streams: number;
  readonly workers: number;
}

export interface ReloadFigures {
  readonly applied: number;
  readonly answered: number;
  /** Whatever went wrong, in words. */
  readonly failures: readonly string[];
  readonly freshConnections: number;
  readonly echoes: number;
  readonly events: number;
  readonly reloadMs: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Resident memory after a tenth of the reloads, and at the end, MiB. */
  readonly rssMiB: readonly [number, number];
  /** Configs that still lived a while after the streams had ended. */
  readonly olderAtEnd: number;
}

type Owner = { teardown(run: () => unknown): void };

const SECRETS = ['the-first-secret-of-a-drill', 'the-second-secret-of-a-drill'];

/** Runs the whole of it. */
export async function reloadUnderTraffic(spec: ReloadTraffic, owner: Owner): Promise<ReloadFigures> {
  const upstreams = await startDrillUpstreams('kill', null);
  owner.teardown(() => stopDrillUpstreams(upstreams));
  const app = await startStreamsApp();
  owner.teardown(() => app.stop());
  const extraPort = await freePort();
  const textOf = (round: number): string =>
    JSON.stringify(configOf(round, upstreams, `http://127.0.0.1:${app.port}`, extraPort, spec.workers));
  const limpet = await startLimpet(textOf(0), { owner });
  const rewrite = (round: number): void => rewriteConfig(limpet, textOf(round));

  const traffic = await SteadyTraffic.start({
    port: limpet.port,
    rate: spec.rate,
    users: spec.users,
    freshRate: spec.rate / 4,
    streams: spec.streams,
    core: null,
  });
  owner.teardown(() => traffic.kill());
  const failures: string[] = [];
  const reloadMs: number[] = [];
  let applied = 0;
  let early = 0;
  for (let round = 1; round <= spec.reloads; round++) {
    rewrite(round);
    const beganMs = performance.now();
    const done = await reload(limpet);
    reloadMs.push(performance.now() - beganMs);
    if (done.result === 'applied') applied++;
    else failures.push(`reload ${round}: ${JSON.stringify(done)}`);
    if (round === Math.ceil(spec.reloads / 10)) early = rssMiB(limpet);
    await new Promise((resolve) => setTimeout(resolve, spec.everyMs));
  }
  const late = rssMiB(limpet);
  const told = await traffic.end();
  failures.push(...told.failures);
  let olderAtEnd = -1;
  await until('all older configs are let go', async () => {
    olderAtEnd = (await shown(limpet)).older;
    return olderAtEnd === 0;
  }).catch(() => {});
  return {
    applied,
    answered: told.answered,
    failures,
    freshConnections: told.freshAnswered,
    echoes: told.echoes,
    events: told.events,
    reloadMs,
    p50Ms: told.p50Ms,
    p99Ms: told.p99Ms,
    rssMiB: [early, late],
    olderAtEnd,
  };
}

/**
 * A config for each round, of a cycle: an upstream leaves and comes back, a weight changes, a route with a pool of its own comes and goes, so does a
 * listener; the secret of affinity is rotated; timeouts and limits change.
 */
function configOf(
  round: number,
  upstreams: readonly DrillUpstream[],
  streams: string,
  extraPort: number,
  workers: number,
): object {
  const at = (i: number): string => `http://127.0.0.1:${upstreams[i]!.port}`;
  const has = (bit: number): boolean => Math.floor(round / bit) % 2 === 1;
  const secrets = has(2) ? [SECRETS[1], SECRETS[0]] : [SECRETS[0], SECRETS[1]];
  return {
    listeners: [
      { bind: '127.0.0.1:{port}' },
      ...(has(2) ? [{ bind: `127.0.0.1:${extraPort}`, name: 'extra' }] : []),
    ],
    admin: { bind: '127.0.0.1:{adminPort}' },
    log: { access: false },
    workers,
    limits: { head: has(1) ? '16KiB' : '32KiB' },
    routes: [
      { path: '/', pool: 'main', timeouts: { response: has(2) ? '20s' : '30s' } },
      { path: '/long', pool: 'streams' },
      ...(has(4) ? [{ path: '/extra', pool: 'extra' }] : []),
    ],
    pools: {
      main: {
        // The third upstream comes and goes, so its users move.
        upstreams: [{ url: at(0), weight: has(1) ? 2 : 1 }, at(1), ...(has(1) ? [at(2)] : [])],
        affinity: { cookie: { secrets } },
      },
      streams: { upstreams: [streams], health: calm },
      ...(has(4) ? { extra: { upstreams: [streams], health: calm } } : {}),
    },
    ...(has(4) ? { errors: { 404: { text: `round ${round}` } } } : {}),
  };
}

/** Writes another config for a running Limpet; `{port}` and `{adminPort}` stand for its own. Nothing reads it yet. */
export function rewriteConfig(limpet: RunningLimpet, text: string): void {
  const adminPort = new URL(limpet.adminUrl).port;
  const filled = text.replaceAll('{port}', String(limpet.port)).replaceAll('{adminPort}', adminPort);
  // As a careful editor does: whole or not at all.
  writeFileSync(`${limpet.configFile}.new`, filled);
  renameSync(`${limpet.configFile}.new`, limpet.configFile);
}

/** Reloads by the API. */
export async function reload(
  limpet: RunningLimpet,
): Promise<{ readonly result?: string; readonly [key: string]: unknown }> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/reload`, { method: 'POST' });
  return (await answer.json()) as { result?: string };
}

/** What `GET /api/v1/config` tells. */
export async function shown(limpet: RunningLimpet): Promise<{
  readonly generation: number;
  readonly older: number;
  readonly config: Record<string, unknown>;
}> {
  const answer = await fetch(`${limpet.adminUrl}/api/v1/config`);
  return (await answer.json()) as Awaited<ReturnType<typeof shown>>;
}

function rssMiB({ pid }: RunningLimpet): number {
  return Math.round(memoryKiB([pid]).rssKiB / 1024);
}
