// Schema of a session block: whose sessions are checked, where they are kept, who may pass and what the app is told.
import type { FormatKind } from '../../session/format.ts';
import type { OptionSpec } from '../../session/format-options.ts';
import { FORMAT_KINDS, type FormatName } from '../../session/kinds.ts';
import { block, choice, either, type Key, leaf, list, map, offable, pem, secret } from './keys.ts';
import { passedToken } from './signing.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Duration that stands for no bound: Infinity, written `never`. */
const NEVER = { never: Number.POSITIVE_INFINITY };

const names = Object.keys(FORMAT_KINDS) as FormatName[];
const kinds = Object.entries<FormatKind>(FORMAT_KINDS);

/** The keys of one format, from its own words for them. */
function formatKeys(name: string, kind: FormatKind): Key<unknown> {
  const keys = Object.entries(kind.options).map(([key, spec]) => [key, formatKey(spec)] as const);
  return block(`Options of \`${name}\`.`, Object.fromEntries(keys), {});
}

function formatKey(spec: OptionSpec): Key<unknown> {
  const { about } = spec;
  switch (spec.kind) {
    case 'flag':
      return leaf('flag', about, { default: spec.default });
    case 'choice':
      return choice(about, spec.of, { default: spec.default });
    case 'text':
      return leaf('text', about, spec.default === null ? {} : { default: spec.default });
    case 'texts':
      return list(about, leaf('text', '', {}), { default: spec.default, single: true, max: 100 });
    case 'secret':
      return secret(about, {});
    case 'secrets':
      return list(about, secret('', {}), { default: [], single: true, max: 20 });
    case 'seconds':
      return leaf('duration', about, {
        default: spec.default === null ? 'never' : `${spec.default}s`,
        min: 0,
        max: 4000 * DAY,
        words: NEVER,
      });
    case 'count':
      return leaf('count', about, { default: spec.default, min: spec.min, max: spec.max });
    case 'path':
      return leaf('text', about, { takes: 'a path, relative to the config' });
  }
}

const formatWords = kinds.map(([name, kind]) => `\`${name}\`: ${kind.about}`);

const verify = either(
  `Whose sessions they are. ${formatWords.join(' ')}`,
  [
    choice('', names, {}),
    block('', Object.fromEntries(kinds.map(([name, kind]) => [name, formatKeys(name, kind)])), {}),
  ],
  { required: true },
);

const dataPath = (meaning: string) =>
  either(
    meaning,
    [
      leaf('text', '', { takes: 'names with dots between them: `passport.user`' }),
      list('', leaf('text', '', {}), { min: 1, max: 32 }),
    ],
    {},
  );

/** How a store is recognised. */
export const storeTls = block(
  'TLS towards the store, and how it is recognised.',
  {
    verify: leaf('flag', 'Refuse a store whose certificate is not valid for its name.', { default: true }),
    serverName: leaf('host', "Name for SNI and for the certificate; without it, the store's host.", {
      takes: 'a host name',
    }),
    ca: pem("Authorities that are trusted, instead of the system's.", {}),
  },
  {},
);

const storeLike = (meaning: string) =>
  either(
    meaning,
    [
      secret('', {}),
      block(
        '',
        {
          url: secret(
            '`redis://`, `rediss://`, `redis+cluster://`, `redis+sentinel://`, `memcached://`, `postgres://`, `mysql://`, `sqlite:path`, `mongodb://`, `file:path` or `http(s)://`.',
            { required: true },
          ),
          prefix: leaf('text', "What keys begin with; without it, the framework's default.", {}),
          table: leaf('text', "Table or collection; without it, the framework's default.", {}),
          replicas: leaf('flag', 'Read from replicas where there are any.', { default: false }),
          deadline: leaf('duration', 'Longest look-up; then the verdict is `unknown`.', {
            default: '250ms',
            min: 1,
            max: 60_000,
          }),
          concurrency: leaf('count', 'Look-ups under way at once, per worker.', {
            default: 100,
            min: 1,
            max: 10_000,
          }),
          waiting: leaf(
            'count',
            'Look-ups that may wait for a place, per worker; more are `unknown` at once.',
            {
              default: 1000,
              min: 0,
              max: 100_000,
            },
          ),
          tls: storeTls,
        },
        {},
      ),
    ],
    {},
  );

/** `revocation` where it is written out. */
export const revocation = block(
  '',
  {
    url: secret(
      'The Redis in which revocations are kept, and which replicas share: `redis://`, `rediss://`, `redis+unix:`, `redis+cluster://`, `redis+sentinel://`. Without it, they are kept in this process and are gone with it.',
      {},
    ),
    prefix: leaf('text', 'What its keys begin with; Limpets of one prefix share their revocations.', {
      default: 'limpet',
    }),
    ttl: leaf(
      'duration',
      'How long a revocation stays where nothing else is said: as long as a session or token could still live.',
      { default: '30d', min: 1000, max: 4000 * DAY },
    ),
    entries: leaf('count', 'Most revocations, and most logins remembered after them; 100 bytes each.', {
      default: '1M',
      min: 1,
      max: 10_000_000,
    }),
    tls: storeTls,
  },
  {},
);

const onFail = either(
  'What a client is answered that may not pass. `auto`: 401, as JSON, as a page or as text by what it accepts.',
  [
    choice('', ['auto', '401'], {}),
    block(
      '',
      {
        redirect: leaf(
          'text',
          'Where to. `{path}` is the path and query that were asked for, encoded: `/login?next={path}`.',
          { takes: 'an address, with `{path}` to fill in' },
        ),
        status: leaf('count', 'Status of the answer.', { min: 200, max: 599 }),
        body: leaf('text', 'Body of the answer.', {}),
        headers: map('Fields of the answer.', leaf('fieldValue', '', {}), { keys: 'fieldName', max: 50 }),
      },
      {},
    ),
  ],
  { default: 'auto' },
);

const passedField = either(
  '',
  [
    leaf('text', '', { takes: 'a path in the session: `user.role`' }),
    list('', leaf('text', '', {}), { min: 1, max: 32 }),
    block(
      '',
      {
        path: dataPath('Where it is in the session.'),
        type: choice(
          '`any`: text, numbers and booleans as they are, the rest as JSON. A value of another type is not passed on.',
          ['any', 'text', 'number', 'boolean', 'json'],
          { default: 'any' },
        ),
      },
      {},
    ),
  ],
  {},
);

export const session = block(
  'A check of the session before a request is forwarded.',
  {
    verify,
    secrets: list(
      "The app's own secrets: the first signs, all are accepted. `base64:` and `hex:` in front say how a key of bytes is written.",
      secret('', {}),
      { default: [], single: true, max: 20 },
    ),
    cookie: leaf('cookieName', "Name of the session cookie; without it, the framework's default.", {}),
    user: dataPath(
      "Where the user id is in the session; without it, the framework's default. A list where a name holds a dot.",
    ),
    store: storeLike('Where sessions are kept. Only ever read. Not for sessions that live in their cookie.'),
    rows: storeLike("The table behind a store that only caches, for Django's `cached_db`."),
    require: choice(
      '`login`: a user who is logged in; `session`: also a visitor with a genuine session; `nothing`: everybody, observed, annotated and counted.',
      ['login', 'session', 'nothing'],
      { default: 'login' },
    ),
    exempt: list(
      'Paths that need no session: `/login` (by segments), `= /exact`, or `GET /public` for one method.',
      leaf('text', '', { takes: '`/path`, `= /path` or `METHOD /path`' }),
      { default: [], single: true, max: 1000 },
    ),
    onFail,
    ambiguous: choice(
      'A session cookie that can be read in more than one way: `forward` lets the app decide, `refuse` answers 400.',
      ['forward', 'refuse'],
      { default: 'forward' },
    ),
    cache: offable(
      'Verdicts of valid sessions that are remembered. `false`: none.',
      block(
        '',
        {
          ttl: leaf(
            'duration',
            'How long a verdict holds, and never beyond the end of the session. A logout in the app counts here after so long, or at once where the store tells of changes.',
            { default: '30s', min: 1, max: DAY },
          ),
          entries: leaf('count', 'Most verdicts, per worker; the longest unused is forgotten first.', {
            default: '100k',
            min: 1,
            max: 10_000_000,
          }),
          push: offable(
            'Ask the store to tell of changes (`auto`: where it can), so that a logout in the app counts at once and `ttl` is only the fallback. `false`: do not.',
            choice('', ['auto'], {}),
            { default: 'auto' },
          ),
        },
        {},
      ),
      { default: {} },
    ),
    outage: block(
      'What becomes of sessions while their store is away.',
      {
        grace: leaf(
          'duration',
          'How long a verdict still stands after it was last known to be true; the app is told `;stale`. 0: not at all.',
          { default: '5m', min: 0, max: DAY },
        ),
        // biome-ignore lint/suspicious/noThenProperty: a key of the config's contract; nobody awaits a schema.
        then: choice(
          'What becomes of those whose verdict only the store could give: `forward` (the app decides) or `503`.',
          ['forward', '503'],
          { default: 'forward' },
        ),
        readyz: leaf(
          'flag',
          '`/readyz` is 503, and says why, while this store is away for any worker. Replicas share the store, so that all of them go at once: only where something else can take over.',
          { default: false },
        ),
      },
      { default: {} },
    ),
    revocation: either(
      'Where it is kept what was revoked by `limpet sessions revoke` and the admin API: one switch for all session blocks, so that all that say this say the same. Short: the URL of a Redis that replicas share. Without it: in this process.',
      [secret('', {}), revocation],
      {},
    ),
    pass: block(
      'What the upstream is told, beside `Limpet-Session` with the verdict. What a client sends under these names is dropped.',
      {
        user: offable('Field for the user id.', leaf('fieldName', '', {}), { default: 'Limpet-User' }),
        fields: map('Fields of the session by the name of the field that carries them.', passedField, {
          keys: 'fieldName',
          max: 50,
          default: {},
        }),
        token: passedToken(passedField),
      },
      { default: {} },
    ),
  },
  {},
);
