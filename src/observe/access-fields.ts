// Every field that the access log can tell, in one table: the config chooses from it, lines are made by it, the docs list it.
import type { AccessRecord } from './access-record.ts';
import { STAGE, STAGE_WORDS } from './stages.ts';

/** How a field's value is had of a record, and what it is. */
export type AccessValue =
  | { readonly kind: 'level' }
  | { readonly kind: 'time' }
  | { readonly kind: 'id' }
  | { readonly kind: 'target' }
  | { readonly kind: 'path' }
  | {
      readonly kind: 'span';
      readonly start: (record: AccessRecord) => number;
      readonly end: (record: AccessRecord) => number;
    }
  /** Null: left out. */
  | { readonly kind: 'text'; readonly of: (record: AccessRecord) => string | null }
  /** Less than 0: left out. */
  | { readonly kind: 'count'; readonly of: (record: AccessRecord) => number }
  | { readonly kind: 'ms'; readonly of: (record: AccessRecord) => number };

export interface AccessField {
  readonly meaning: string;
  readonly value: AccessValue;
}

const text = (meaning: string, of: (record: AccessRecord) => string | null): AccessField => ({
  meaning,
  value: { kind: 'text', of },
});
const count = (meaning: string, of: (record: AccessRecord) => number): AccessField => ({
  meaning,
  value: { kind: 'count', of },
});
const stage = (number: number): AccessField => ({
  meaning: `Milliseconds that it was ${STAGE_WORDS[number]}.`,
  value: { kind: 'ms', of: (record) => record.clock?.spentMs[number] ?? -1 },
});

/** The fields by name. Those that a request does not have are left out of its line. */
export const ACCESS_FIELDS = {
  level: { meaning: '`info`, as lines of the main log have a level.', value: { kind: 'level' } },
  time: { meaning: 'When it was over: UTC, ISO 8601 with milliseconds.', value: { kind: 'time' } },
  requestId: {
    meaning: "The request's id: `X-Request-Id`, as the instance and pages of errors have it.",
    value: { kind: 'id' },
  },
  traceId: {
    meaning: 'Id of the trace that the instance was told of in `traceparent`.',
    value: {
      kind: 'span',
      start: (record) => Math.max(0, record.traceStart),
      end: (record) => (record.traceStart < 0 ? 0 : record.traceStart + 32),
    },
  },
  client: text('Address of the client, as trusted proxies tell it.', (record) => record.client),
  listener: text('Name of the listener that it came through.', (record) => record.listener),
  method: {
    meaning: 'Method.',
    value: { kind: 'span', start: (record) => record.methodStart, end: (record) => record.methodEnd },
  },
  host: {
    meaning: 'Host that was asked for.',
    value: { kind: 'span', start: (record) => record.hostStart, end: (record) => record.hostEnd },
  },
  path: {
    meaning: 'Path without the query, as the client sent it; parameters like `;jsessionid=` are hidden.',
    value: { kind: 'path' },
  },
  target: {
    meaning: 'Path and query; values of parameters with the name of a secret are hidden.',
    value: { kind: 'target' },
  },
  protocol: text('`HTTP/1.1` or `HTTP/1.0`.', (record) => record.protocol),
  status: count('Status that the client was sent; 0 if it left before.', (record) => record.status),
  route: text('Name of the route.', (record) => record.route),
  pool: text('Name of the pool.', (record) => record.pool),
  upstream: text('Name of the instance that was asked last.', (record) => record.upstream),
  durationMs: {
    meaning: 'Milliseconds from the first byte of the request to the last of the answer.',
    value: { kind: 'ms', of: (record) => record.durationMs },
  },
  upstreamMs: {
    meaning:
      "Milliseconds from the last byte of the request to the head of the instance's answer, of the last try.",
    value: { kind: 'ms', of: (record) => record.upstreamMs },
  },
  headMs: {
    meaning: 'Milliseconds from the first byte of its head until it was decided what to do with it.',
    value: stage(STAGE.head).value,
  },
  sessionMs: stage(STAGE.session),
  queueMs: stage(STAGE.queue),
  connectMs: stage(STAGE.connect),
  bodyMs: stage(STAGE.body),
  waitMs: stage(STAGE.wait),
  answerMs: stage(STAGE.answer),
  clientMs: stage(STAGE.client),
  tunnelMs: stage(STAGE.tunnel),
  bytesIn: count('Bytes of the body, or of the tunnel, from the client.', (record) => record.bytesIn),
  bytesOut: count('Bytes of the body, or of the tunnel, to the client.', (record) => record.bytesOut),
  attempts: count('Instances asked, the first included; 0 if none was.', (record) => record.attempts),
  affinity: text(
    "What became of the user's home: `new`, `kept`, `moved`, `forged` or `none`.",
    (record) => record.affinity,
  ),
  session: text('Session block that it was checked by.', (record) => record.session),
  verdict: text(
    'Verdict of that check: `valid`, `anonymous`, `invalid` or `unknown`.',
    (record) => record.verdict,
  ),
  user: text(
    'Id of the user, where the session is valid. Personal data: not among the fields that are told without being asked for.',
    (record) => record.user,
  ),
  userAgent: text('`User-Agent` of the request.', () => null),
  referer: text('`Referer` of the request; what its query may hold of secrets is hidden.', () => null),
  tlsVersion: text('TLS version of the connection, such as `TLSv1.3`.', (record) => record.tlsVersion),
  tlsCipher: text('TLS cipher of the connection.', (record) => record.tlsCipher),
  end: text('Who ended it and in which stage: see below. `--`: it ended well.', (record) => record.end),
  fault: text('Code of the [error](errors.md) that ended it.', (record) => record.fault),
  endedBy: text('Whose doing that was: `client`, `upstream` or `limpet`.', (record) => record.endedBy),
  weight: count(
    'How many requests the line stands for: 1, or more for those of a sample. Told wherever `sample` is less than 100 %.',
    (record) => record.weight,
  ),
} as const satisfies Record<string, AccessField>;

export type AccessFieldName = keyof typeof ACCESS_FIELDS;

/** What is told without being asked for. */
export const DEFAULT_FIELDS: readonly AccessFieldName[] = [
  ...(['level', 'time', 'requestId', 'client', 'method', 'host', 'path', 'status', 'route', 'pool'] as const),
  ...(['upstream', 'durationMs', 'upstreamMs', 'bytesIn', 'bytesOut', 'attempts', 'affinity'] as const),
  ...(['end', 'fault', 'endedBy'] as const),
];

/** Fields that need the time of each stage to be kept. */
export const STAGE_FIELDS: ReadonlySet<string> = new Set<AccessFieldName>([
  ...(['headMs', 'sessionMs', 'queueMs', 'connectMs', 'bodyMs'] as const),
  ...(['waitMs', 'answerMs', 'clientMs', 'tunnelMs'] as const),
]);

/** Fields that are fields of the request by another name. */
export const CARRIED_NAMES: Readonly<Record<string, string>> = {
  userAgent: 'user-agent',
  referer: 'referer',
};

/** How a field of a message is named in the config and in lines: `request.x-tenant`. */
export const CARRIED_PATTERN = /^(request|response)\.([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})$/;
