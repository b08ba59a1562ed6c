// What `limpet check --live` tries of a config: each address, name, instance, store and key set that it names, once and from here.
import { randomBytes } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { systemTimers } from '../base/timers.ts';
import type { Bind, Config, RouteConfig } from '../config/config.ts';
import { tryBind, urlOf } from '../process/binding.ts';
import { bindSentence } from '../process/starting.ts';
import { explain } from '../proxy/explain.ts';
import { openSessions } from '../session/open-session.ts';
import type { SessionOptions } from '../session/options.ts';
import { StoreFault } from '../session/store.ts';
import { openStore, STORE_DEFAULTS } from '../session/stores/open-store.ts';
import { StoreProblem } from '../session/stores/store-url.ts';
import { REASONS } from '../session/verdict.ts';
import { checkAuthorities } from './live-authorities.ts';
import type { LiveFinding } from './live-finding.ts';
import { checkUpstreams } from './live-upstreams.ts';

/**
 * Tries everything that `config` names. `cookies`: the field `Cookie` of a user who is logged in, given by hand; null: none. Each try has the
 * time that the config gives it when Limpet runs; nothing is written anywhere, and no request but health checks is sent.
 */
export async function checkLive(config: Config, cookies: string | null): Promise<LiveFinding[]> {
  const found = await Promise.all([
    ...binds(config).map(([bind, secure]) => checkBind(bind, secure)),
    checkUpstreams(config),
    ...config.sessions.map((options) => checkSession(config, options, cookies)),
    checkRevocations(config),
    checkAuthorities(config),
    cookies === null ? [] : checkHomes(config, cookies),
  ]);
  return found.flat();
}

/** Every address, and whether it is spoken to by TLS. */
function binds({ listeners, admin }: Config): (readonly [bind: Bind, secure: boolean])[] {
  const found = listeners.map(({ bind, tls }) => [bind, tls !== null] as const);
  if (admin === null) return found;
  found.push([admin.bind, admin.tls !== null]);
  if (admin.probes !== null) found.push([admin.probes, false]);
  return found;
}

async function checkBind(bind: Bind, secure: boolean): Promise<LiveFinding[]> {
  // Trying a socket's path takes away the file that a dead process left, which is for `run` to do.
  if (bind.kind === 'unix' || bind.port === 0) return [];
  const trial = await tryBind(bind);
  const at = urlOf(bind, secure);
  if (trial.ok) return [{ step: 'listen', at, ok: true, text: 'the address is free' }];
  const text = bindSentence(bind, trial.code, trial.holder, secure);
  if (trial.code !== 'EADDRINUSE') return [{ step: 'listen', at, ok: false, text }];
  return [{ step: 'listen', at, ok: null, text: `${text}; this is as it should be where that is Limpet` }];
}

/** The block's store, its keys, and what it makes of the cookies. */
async function checkSession(
  config: Config,
  options: SessionOptions,
  cookies: string | null,
): Promise<LiveFinding[]> {
  const { name } = options;
  const findings: LiveFinding[] = [];
  let storeWhy: string | null = null;
  let keysWhy: string | null = null;
  try {
    const sessions = await openSessions(
      { file: config.file, sessions: [options] },
      {
        store: (_session, { up, why }) => {
          storeWhy = up ? null : (why ?? 'it does not answer');
        },
        keys: (_session, { up, why }) => {
          keysWhy = up ? null : (why ?? 'they cannot be read');
        },
      },
    );
    const [session] = sessions;
    if (session!.store !== null) {
      if (options.store !== null && (storeWhy === null || !session!.storeUp()))
        storeWhy = await lookUp(session!.store, options.store.family, options.store.prefix ?? '', storeWhy);
      findings.push({
        step: 'store',
        at: name,
        ok: storeWhy === null,
        text: storeWhy === null ? 'the store answers' : `the store does not answer: ${storeWhy}`,
      });
    }
    if (session!.format.watch !== undefined)
      findings.push({
        step: 'keys',
        at: name,
        ok: keysWhy === null,
        text: keysWhy === null ? 'the keys were read' : `the key set cannot be read: ${keysWhy}`,
      });
    if (cookies !== null) findings.push(await judge(config, options, cookies, sessions));
    await Promise.all(sessions.map((each) => each.close()));
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    findings.push({ step: 'store', at: name, ok: false, text: `${error.message}; right: ${error.right}` });
  }
  return findings;
}

/** Looks for a session that there is not; null: the store said so. */
async function lookUp(
  store: NonNullable<Awaited<ReturnType<typeof openSessions>>[number]['store']>,
  family: string,
  prefix: string,
  known: string | null,
): Promise<string | null> {
  // Tables and documents are asked by columns that only a session's own check knows.
  if (family !== 'redis' && family !== 'memcached' && family !== 'file') return known;
  try {
    await store.get({ kind: 'value', key: `${prefix}limpet-check-${randomBytes(9).toString('hex')}` });
    return null;
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    return known ?? error.message;
  }
}

/** What the block makes of the cookies: of a route that it alone guards, so that nothing else decides. */
async function judge(
  config: Config,
  options: SessionOptions,
  cookies: string,
  sessions: Awaited<ReturnType<typeof openSessions>>,
): Promise<LiveFinding> {
  const at = options.name;
  const guarded = config.routes.find((route) => route.sessions.includes(options.name));
  const pool = config.pools[0]?.name;
  if (guarded === undefined || pool === undefined)
    return { step: 'cookie', at, ok: null, text: 'no route asks for this block' };
  const action = guarded.action.kind === 'pool' ? guarded.action : ({ kind: 'pool', pool } as const);
  const alone: RouteConfig = {
    ...guarded,
    action,
    host: null,
    path: '/',
    exact: false,
    methods: null,
    sessions: [options.name],
  };
  const question = { method: 'GET', url: '/', headers: [['Cookie', cookies] as const] };
  const { session } = await explain({ ...config, routes: [alone], sessions: [options] }, question, sessions);
  if (session === null) return { step: 'cookie', at, ok: null, text: 'nothing was checked' };
  const { verdict, reason } = session;
  return {
    step: 'cookie',
    at,
    ok: verdict === 'valid' || verdict === 'anonymous',
    text: `the cookies given by hand are ${verdict}: ${REASONS[reason]}`,
  };
}

/** Whether the cookies by which users keep their instances are of these secrets, pool by pool. */
async function checkHomes(config: Config, cookies: string): Promise<LiveFinding[]> {
  const named = config.pools.filter(({ affinity }) => affinity?.cookie?.secrets.length);
  const shown = named.filter(({ affinity }) => cookies.includes(`${affinity!.cookie!.name}=`));
  return Promise.all(
    shown.map(async ({ name }) => {
      const route = config.routes.find(({ action }) => action.kind === 'pool' && action.pool === name);
      const at = `pool ${name}`;
      if (route === undefined) return { step: 'cookie', at, ok: null, text: 'no route leads to this pool' };
      const alone: RouteConfig = {
        ...route,
        host: null,
        path: '/',
        exact: false,
        methods: null,
        sessions: [],
      };
      const question = { method: 'GET', url: '/', headers: [['Cookie', cookies] as const] };
      const { affinity } = await explain({ ...config, routes: [alone] }, question, []);
      return { step: 'cookie', at, ok: affinity !== 'forged', text: HOME_TEXT[affinity ?? 'none'] };
    }),
  );
}

const HOME_TEXT = {
  none: 'the route keeps no homes',
  new: 'the affinity cookie names no home: it was never set, or is another pool’s',
  kept: 'the affinity cookie is signed by one of the secrets, and its home is there',
  moved: 'the affinity cookie is signed by one of the secrets; its home takes nobody now',
  lost: 'the affinity cookie is signed by one of the secrets; its home takes nobody now',
  forged: 'the affinity cookie is signed by none of the secrets',
} as const;

async function checkRevocations({ revocation }: Config): Promise<LiveFinding[]> {
  if (revocation === null || revocation.url === null) return [];
  let why: string | null = null;
  const at = 'revocation';
  try {
    const store = await openStore(
      { ...STORE_DEFAULTS, url: revocation.url, tls: revocation.tls, folder: '' },
      {
        clock: systemClock,
        timers: systemTimers,
        random: systemRandom(),
        changed: ({ up, why: said }) => {
          why = up ? null : (said ?? 'it does not answer');
        },
      },
    );
    why = await lookUp(store, 'redis', revocation.prefix, why);
    await store.close();
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    why = error.message;
  }
  const text = why === null ? 'the Redis of revocations answers' : `the Redis of revocations is away: ${why}`;
  return [{ step: 'revocation', at, ok: why === null, text }];
}
