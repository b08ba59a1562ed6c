// Each instance of a config tried once: its name, its door, and its health, as a running Limpet would look at them.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { systemTimers } from '../base/timers.ts';
import type { Config, PoolConfig, UpstreamConfig } from '../config/config.ts';
import type { Probe, ProbeDone, ProbeResult, ProbeTarget } from '../health/probe.ts';
import { socketProber } from '../health/prober.ts';
import { authorityOf } from '../plan/compile.ts';
import type { Address } from '../upstream/upstream.ts';
import type { LiveFinding, LiveStep } from './live-finding.ts';

/** Instances that are tried at a time. */
const AT_ONCE = 32;
/** Addresses of one name that are tried. */
const ADDRESSES_MAX = 8;
/** How long an instance without a health check may take for any sign of life, ms. */
const LIFE_MS = 2000;

const prober = socketProber({ clock: systemClock, timers: systemTimers });

/** In config order. */
export async function checkUpstreams(config: Config): Promise<LiveFinding[]> {
  const all = config.pools.flatMap((pool) => pool.upstreams.map((upstream) => ({ pool, upstream })));
  const found: LiveFinding[][] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < all.length) {
      const at = next++;
      const { pool, upstream } = all[at]!;
      found[at] = await checkUpstream(pool, upstream);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found.flat();
}

async function checkUpstream(pool: PoolConfig, upstream: UpstreamConfig): Promise<LiveFinding[]> {
  const at = `${pool.name}/${upstream.name}`;
  const findings: LiveFinding[] = [];
  const say = (step: LiveStep, ok: boolean, text: string): void => {
    // Who is out of service by the config may be away.
    const isOut = !ok && upstream.wanted === 'maintenance';
    findings.push({ step, at, ok: isOut ? null : ok, text: isOut ? `${text}; it is in maintenance` : text });
  };
  const addresses = await addressesOf(upstream, say);
  let good: ProbeTarget | null = null;
  for (const address of addresses) {
    const target: ProbeTarget = { address, authority: authorityOf(upstream), tls: upstream.tls };
    const result = await probed((done) => prober.connect(target, pool.timeouts.connectMs, done));
    const where = 'path' in address ? address.path : `${address.host}:${address.port}`;
    say('connect', result.ok, `${where}: ${result.ok ? 'somebody listens' : result.why}`);
    if (result.ok) good ??= target;
  }
  if (good === null) return findings;
  const target = good;
  const { active } = pool.health;
  const { ok, why, latencyMs } = await probed((done) =>
    active === null ? prober.life(target, null, LIFE_MS, done) : prober.check(target, active, done),
  );
  const took = ok ? ` in ${Math.max(1, Math.round(latencyMs))} ms` : '';
  const asked =
    active === null ? 'sign of life' : active.tcp ? 'health check' : `health check of ${active.path}`;
  say('health', ok, `${asked}: ${why}${took}`);
  return findings;
}

async function addressesOf(
  { host, port, socketPath }: UpstreamConfig,
  say: (step: LiveStep, ok: boolean, text: string) => void,
): Promise<Address[]> {
  if (socketPath !== null) return [{ path: socketPath }];
  // Only unix sockets have no host.
  const name = host!.replace(/^\[|\]$/g, '');
  if (isIP(name) !== 0) return [{ host: name, port }];
  try {
    const found = await lookup(name, { all: true, order: 'ipv4first' });
    const addresses = [...new Set(found.map(({ address }) => address))];
    say('resolve', true, `${name} is ${addresses.slice(0, ADDRESSES_MAX).join(', ')}`);
    return addresses.slice(0, ADDRESSES_MAX).map((address) => ({ host: address, port }));
  } catch (error) {
    // `lookup` rejects with errors only.
    const { code, message } = error as NodeJS.ErrnoException;
    say(
      'resolve',
      false,
      `${name} does not resolve: ${code === 'ENOTFOUND' ? 'no such name' : (code ?? message)}`,
    );
    return [];
  }
}

function probed(start: (done: ProbeDone) => Probe): Promise<ProbeResult> {
  return new Promise((resolve) => {
    start(resolve);
  });
}
