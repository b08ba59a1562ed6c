// What may be configured about Rails' sessions in a store, and which store of Rails follows from it.
import { FormatProblem } from '../format.ts';
import type { StoreFamily } from '../store.ts';

export const RAILS_STORE_OPTIONS = {
  sessionStore: {
    kind: 'choice',
    of: ['auto', 'cache_store', 'redis_store', 'mem_cache_store', 'active_record_store'],
    default: 'auto',
    about: '`config.session_store`; `auto`: active_record_store for a table, else cache_store.',
  },
  serializer: {
    kind: 'choice',
    of: ['hybrid', 'json', 'marshal'],
    default: 'hybrid',
    about: 'How sessions are written, but in cache_store; `hybrid` reads both JSON and Marshal.',
  },
  rawIds: {
    kind: 'flag',
    default: true,
    about: 'Sessions under the bare id of the cookie are found too, as Rails does for those of old versions.',
  },
  idColumn: { kind: 'text', default: 'session_id', about: 'Column of the id, of active_record_store.' },
  dataColumn: { kind: 'text', default: 'data', about: 'Column of the session, of active_record_store.' },
} as const;

export type RailsStoreName = 'cache_store' | 'redis_store' | 'mem_cache_store' | 'active_record_store';

export const RAILS_STORE_FAMILIES: readonly StoreFamily[] = [
  'redis',
  'memcached',
  'postgres',
  'mysql',
  'sqlite',
];

const FAMILIES: Readonly<Record<RailsStoreName, readonly StoreFamily[]>> = {
  cache_store: ['redis', 'memcached'],
  redis_store: ['redis'],
  mem_cache_store: ['memcached'],
  active_record_store: ['postgres', 'mysql', 'sqlite'],
};

/** What keys begin with when nothing was configured: the defaults of redis-actionpack and of Rack::Session::Dalli. */
const PREFIXES: Readonly<Record<RailsStoreName, string>> = {
  cache_store: '',
  redis_store: 'rack:session:',
  mem_cache_store: 'rack:session:',
  active_record_store: '',
};

/** Which of Rails' stores it is. Throws FormatProblem where store and option contradict each other. */
export function railsStoreName(
  asked: (typeof RAILS_STORE_OPTIONS)['sessionStore']['of'][number],
  family: StoreFamily | null,
): RailsStoreName {
  if (family === null)
    throw new FormatProblem(
      'store',
      'these sessions are in a store, and none is named',
      'the app’s own store',
    );
  const byFamily = FAMILIES.active_record_store.includes(family) ? 'active_record_store' : 'cache_store';
  const name = asked === 'auto' ? byFamily : asked;
  const families = FAMILIES[name];
  if (!families.includes(family))
    throw new FormatProblem('sessionStore', `${name} is not kept in ${family}`, families.join(', '));
  return name;
}

/** What keys begin with. Rails puts a colon between namespace and key, so one that was left out is added. */
export function railsPrefix(configured: string | null, name: RailsStoreName): string {
  if (configured === null) return PREFIXES[name];
  return configured === '' || configured.endsWith(':') ? configured : `${configured}:`;
}
