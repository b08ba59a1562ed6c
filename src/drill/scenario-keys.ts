// The keys of a drill, in a scenario file and as options of the command alike: the source of their checks, their help and their manual.
import { block, leaf, list } from '../config/schema/keys.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Most requests a second that are promised to be sent in time from one core. */
export const RATE_MAX = 2000;
export const USERS_MAX = 5000;

const text = leaf('text', '', { max: 8192 });

const load = {
  rate: leaf('count', 'Requests a second, over all users together.', { default: 200, min: 1, max: RATE_MAX }),
  users: leaf(
    'count',
    'Pretended users. Each keeps its own cookies and connection, and has one request under way at a time.',
    {
      default: 50,
      min: 1,
      max: USERS_MAX,
    },
  ),
  duration: leaf('duration', 'How long requests are sent.', {
    default: '15s',
    min: SECOND,
    max: 10 * MINUTE,
  }),
  timeout: leaf(
    'duration',
    'How long a request may wait to be sent, and then for its answer, until it has failed.',
    {
      default: '10s',
      min: 10,
      max: MINUTE,
    },
  ),
  request: list(
    'What is asked for: `GET /path`, or `POST /path body`. `{user}` and `{id}` are filled in.',
    text,
    {
      single: true,
      min: 1,
      max: 100,
    },
  ),
  writes: leaf(
    'percent',
    'Share of the requests that are taken from those with another method than GET, HEAD and OPTIONS.',
    {
      default: '10%',
      min: 0,
      max: 1,
    },
  ),
  header: list('A field sent with every request: `Name: value`.', text, { single: true, max: 50 }),
  ok: list('Statuses that are no failure.', leaf('statuses', '', {}), {
    default: ['200-399'],
    single: true,
    min: 1,
    max: 20,
  }),
};

const users = {
  login: leaf(
    'text',
    'How each user logs in before the load begins: `POST /login user={user}&password=x`.',
    {},
  ),
  loggedOut: list(
    'What tells that a user is asked to log in again: `status:401`, or a place in the answer, with `=VALUE` behind if it must have that value. By default 401, or a redirect to the path of `login`.',
    text,
    { single: true, max: 10 },
  ),
  instance: leaf(
    'text',
    'Where an answer says which instance gave it: `header:NAME`, `cookie:NAME`, `json:FIELD` or `body:REGEX`; with `~REGEX` behind, a part of it. By default looked for in the first answer.',
    {},
  ),
  handled: leaf(
    'text',
    'Where an answer to a write says how often the app has handled it, in the same way. The app knows it by its field `Drill-Request`.',
    {},
  ),
  ledger: list(
    'A text in which the value of `Drill-Request` stands once for each time that an app handled it, such as a log: `file:PATH` or a URL, read at the end. At most 64 MiB.',
    text,
    { single: true, max: 20 },
  ),
};

/** The keys that name an event, of which a drill has at most one. */
export const EVENT_KINDS = ['kill', 'hang', 'slow', 'restart', 'drain', 'reload'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

const events = {
  kill: leaf(
    'text',
    'Kills `pid:N`, `port:N` (who listens on it), `container:NAME`, `demo:APP`, or runs `run:COMMAND`.',
    {},
  ),
  hang: leaf(
    'text',
    'Stops the same where they stand (SIGSTOP, `docker pause`), and lets them go on afterwards.',
    {},
  ),
  slow: leaf('text', 'Runs `run:COMMAND`, which makes something slow.', {}),
  restart: leaf('text', 'Restarts `container:NAME` or `demo:APP`, or runs `run:COMMAND`.', {}),
  drain: leaf(
    'text',
    'Drains `POOL/NAME` of a Limpet through its admin API, and takes it back afterwards.',
    {},
  ),
  reload: leaf(
    'text',
    'Sends SIGHUP to `pid:N`, `port:N` or `container:NAME`, asks a Limpet by `admin`, or runs `run:COMMAND`.',
    {},
  ),
};

const event = {
  at: leaf('duration', 'When the event begins.', { default: '3s', min: 0, max: 10 * MINUTE }),
  for: leaf('duration', 'How long it lasts until it is undone.', { default: '4s', min: 0, max: 10 * MINUTE }),
  undo: leaf(
    'text',
    'A command that undoes it, such as one that starts again what was killed. It has 60 s, as every command here.',
    {},
  ),
  harmed: list(
    'The instances that the event harms, by the names that `instance` finds; `none` for none. By default those that a kill, hang or restart names or silences.',
    text,
    { single: true, max: 100 },
  ),
  admin: leaf(
    'text',
    "URL of a Limpet's admin API, to tell what it saw; its token comes from LIMPET_ADMIN_TOKEN. A drain or reload without it asks http://127.0.0.1:9090.",
    {},
  ),
};

const limits = {
  maxFailed: leaf(
    'count',
    'Failed requests that are allowed. Writes that were in the harmed instance are not counted.',
    {
      default: 0,
      min: 0,
    },
  ),
  maxP99: leaf('duration', 'The greatest p99 that is allowed before, during or after.', {
    min: 1,
    max: 2 * MINUTE,
  }),
  maxMoved: leaf('count', 'Users that may be moved needlessly, though their instance was not harmed.', {
    min: 0,
  }),
  maxLost: leaf('count', 'Logins that may be lost, needlessly or not.', { min: 0 }),
  maxTwice: leaf('count', 'Writes that may be handled twice. By default 0 where that can be known.', {
    min: 0,
  }),
};

const hosts = {
  yesThisHost: list(
    'A host beyond this machine that may be asked. Without it only loopback is, and no redirect is ever followed.',
    leaf('host', '', {}),
    { single: true, max: 10 },
  ),
};

/** The keys by what they are about, as the help shows them. */
export const KEY_GROUPS = {
  'The load': load,
  'Its users': users,
  'The event, at most one': events,
  'When, and what it harms': event,
  'What is allowed': limits,
  'Where to': hosts,
} as const;

/** All keys but `target`, which the command takes without an option. */
export const scenarioKeys = { ...load, ...users, ...events, ...event, ...limits, ...hosts };

export const scenarioBlock = block(
  '',
  { target: leaf('text', 'The URL of the proxy.', {}), ...scenarioKeys },
  { required: true },
);
