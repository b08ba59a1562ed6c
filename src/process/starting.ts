// What is made sure of before anything starts: addresses that are free, and secrets that all workers share.
import { randomBytes } from 'node:crypto';
import type { Bind, Config } from '../config/config.ts';
import { isAnyPort } from './any-port.ts';
import { tryBind, urlOf } from './binding.ts';
import { NO_INHERITANCE } from './inherited.ts';

/** Why a start failed, for the reader; the exit code is 2. */
export class StartError extends Error {
  override name = 'StartError';
  /** What would be right; '' where the message says all. */
  readonly hint: string;

  constructor(message: string, hint = '') {
    super(message);
    this.hint = hint;
  }
}

/**
 * The config with real ports in place of 0, after every address was found free, or inherited. Throws a StartError naming the one that is
 * neither.
 */
export async function withPorts(config: Config, inheritance = NO_INHERITANCE): Promise<Config> {
  const listeners = [];
  for (const listener of config.listeners) {
    if (!isAnyPort(listener.bind) && inheritance.find(listener.bind) !== null) {
      listeners.push(listener);
      continue;
    }
    const trial = await tryBind(listener.bind);
    const { bind, tls } = listener;
    if (!trial.ok) {
      const { code, holder } = trial;
      throw new StartError(bindSentence(bind, code, holder, tls !== null), BIND_HINTS[code] ?? '');
    }
    listeners.push(bind.kind === 'tcp' ? { ...listener, bind: { ...bind, port: trial.port } } : listener);
  }
  return { ...config, listeners };
}

const BIND_HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another address, or end that process; a Limpet that runs with this config is replaced by --replace',
  EACCES: 'a port from 1024 on, or the right to bind it (setcap, or AmbientCapabilities= of systemd)',
  EADDRNOTAVAIL: 'an address of this machine, or the port alone for all of them',
};

/** `secure`: it would be spoken to by TLS. */
export function bindSentence(bind: Bind, code: string, holder: string | null, secure = false): string {
  const where = urlOf(bind, secure);
  if (code === 'EADDRINUSE') {
    return `cannot listen on ${where}: it is in use${holder === null ? '' : ` by ${holder}`}`;
  }
  if (code === 'EACCES')
    return `cannot listen on ${where}: not permitted (ports below 1024 need a privilege)`;
  if (code === 'EADDRNOTAVAIL') return `cannot listen on ${where}: this machine has no such address`;
  return `cannot listen on ${where}: ${code}`;
}

/** A config as the file says it, and as it runs. */
export interface GivenAndRunning {
  readonly given: Config;
  readonly config: Config;
}

/** Secrets made for pools that have none: shared by the workers, gone with the process. `before`: those that were made already stay; `left`: by pool, by the process that this one replaces. */
export function withSecrets(
  config: Config,
  before: GivenAndRunning | null = null,
  left: Readonly<Record<string, string>> = {},
): Config {
  // A pool may be called `constructor`.
  const leftFor = (pool: string): string | undefined => (Object.hasOwn(left, pool) ? left[pool] : undefined);
  return {
    ...config,
    pools: config.pools.map((pool) => {
      const cookie = pool.affinity?.cookie;
      if (pool.affinity === null || cookie === null || cookie === undefined || cookie.secrets.length > 0)
        return pool;
      const secrets = [
        madeFor(pool.name, before) ?? leftFor(pool.name) ?? randomBytes(32).toString('base64url'),
      ];
      return { ...pool, affinity: { ...pool.affinity, cookie: { ...cookie, secrets } } };
    }),
  };
}

/** What was made for a pool whose config had no secret before either; null: nothing was. */
function madeFor(pool: string, before: GivenAndRunning | null): string | null {
  if (before === null) return null;
  const cookieOf = ({ pools }: Config) => pools.find(({ name }) => name === pool)?.affinity?.cookie ?? null;
  if (cookieOf(before.given)?.secrets.length !== 0) return null;
  return cookieOf(before.config)?.secrets[0] ?? null;
}

/** The secrets that were made, by pool: what a successor goes on with. */
export function madeSecrets(running: GivenAndRunning): Record<string, string> {
  // Not by assignment, which `__proto__` would be lost by.
  return Object.fromEntries(
    running.config.pools.flatMap(({ name }): [string, string][] => {
      const secret = madeFor(name, running);
      return secret === null ? [] : [[name, secret]];
    }),
  );
}
