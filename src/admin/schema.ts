// How a route says what it takes and what it answers: small builders of JSON Schema, from which requests are checked, answers are written, and /openapi.json is made.
import type { FastifySchema } from 'fastify';

/** A JSON Schema (2020-12) in the words that Fastify's validator and serialiser know. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

export function text(description: string, more: Schema = {}): Schema {
  return { type: 'string', description, ...more };
}

/** A time of the wall clock, RFC 3339, UTC. Not called `format`: serialisers would write it anew. */
export function time(description: string): Schema {
  return text(`${description} RFC 3339, in UTC.`);
}

/** A whole number, 0 and up. */
export function count(description: string, more: Schema = {}): Schema {
  return { type: 'integer', minimum: 0, description, ...more };
}

export function amount(description: string, more: Schema = {}): Schema {
  return { type: 'number', description, ...more };
}

export function flag(description: string): Schema {
  return { type: 'boolean', description };
}

export function choice(description: string, values: readonly string[]): Schema {
  return { type: 'string', enum: values, description };
}

export function list(items: Schema, description = ''): Schema {
  return { type: 'array', items, ...(description === '' ? {} : { description }) };
}

/** What is null where there is none. */
export function orNull(schema: Schema): Schema {
  const { type, enum: values, description = '', ...rest } = schema;
  if (type === undefined || type === 'object')
    return { anyOf: [schema, { type: 'null' }], ...(description === '' ? {} : { description }) };
  const named = values === undefined ? {} : { enum: [...(values as readonly string[]), null] }; // of `choice`
  return { type: [type, 'null'], ...named, description, ...rest };
}

/** An object of an answer: all fields of `T` are always there, and a field that is not listed here does not compile. */
export function part<T>(description: string, properties: { readonly [Field in keyof T]-?: Schema }): Schema {
  return {
    type: 'object',
    description,
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
  };
}

/** A `part` that stands in the document under a name of its own; give it to `SHARED` in server.ts, and refer to it by `ref`. */
export function shape<T>(
  $id: string,
  description: string,
  properties: { readonly [Field in keyof T]-?: Schema },
): Schema & { readonly $id: string } {
  return { $id, title: $id, ...part<T>(description, properties) };
}

export function ref({ $id }: { readonly $id: string }): Schema {
  return { $ref: `${$id}#` };
}

/** The body of a request: none of its fields is needed unless `required` says so, and others are refused. */
export function body<T>(
  description: string,
  properties: { readonly [Field in keyof T]-?: Schema },
  more: Schema = {},
): Schema {
  return { type: 'object', description, additionalProperties: false, properties, ...more };
}

export const ERROR = shape<{ error: object }>('Error', 'What every refusal says.', {
  error: part<{ code: string; message: string }>('', {
    code: text('For programs; stable.'),
    message: text('For people: what is wrong, and what would be right.'),
  }),
});

/** What an answer carries that is no JSON. */
export function plain(type: string, description: string): Answer {
  return { description, content: { [type]: { schema: { type: 'string' } } } };
}

/** An answer in JSON. */
export function json(schema: Schema, description: string): Answer {
  return { description, content: { 'application/json': { schema } } };
}

/** An answer without a body. */
export function empty(description: string): Answer {
  return { description, type: 'null' };
}

type Answer = Schema;

/** Who may call it. none: everybody, without a token. */
export type Access = 'none' | 'read' | 'full';

export interface Call {
  /** Its name in the document: a verb and a noun. */
  readonly id: string;
  /** One line. */
  readonly does: string;
  /** More than a line, where there is more to say. */
  readonly more?: string;
  /** What it belongs to in the document. */
  readonly about: 'process' | 'upstreams' | 'sessions' | 'config' | 'metrics';
  /** Of the calls that change something only `full`; see `accessOf` in guard.ts. */
  readonly access?: Access;
  readonly params?: Schema;
  readonly query?: Schema;
  readonly headers?: Schema;
  readonly body?: Schema;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Codes of its own refusals, by status; those that any call may meet are added. */
  readonly refusals?: Readonly<Record<number, readonly string[]>>;
}

/** The options of a Fastify route for a call. `method`: as the route has it. */
export function route(call: Call): { schema: FastifySchema; config: { access?: Access } } {
  const { id, does, more, about, access, params, query, headers, body, answers, refusals = {} } = call;
  const codes = new Map<number, string[]>();
  const add = (status: number, ...names: readonly string[]): void => {
    codes.set(status, [...(codes.get(status) ?? []), ...names]);
  };
  if (params !== undefined) add(400, 'request.path');
  if (query !== undefined) add(400, 'query.invalid');
  if (body !== undefined) {
    add(400, 'body.invalid', 'body.empty', 'body.json', 'body.length');
    add(413, 'body.large');
    add(415, 'body.type');
  }
  for (const [status, names] of Object.entries(refusals)) add(Number(status), ...names);
  add(403, 'origin.foreign', 'host.foreign');
  if (access !== 'none') {
    add(503, 'admin.busy');
    add(401, 'token.refused');
    add(429, 'token.limit');
  }
  if (access === 'full') add(403, 'token.read');
  add(500, 'internal');
  const response: Record<number, Answer> = { ...answers };
  for (const [status, names] of [...codes].sort(([a], [b]) => a - b)) {
    const description = `\`${names.join('`, `')}\``;
    const told = response[status];
    // Where a status is an answer too (503 of /readyz), the answer's own form stands.
    if (told === undefined) response[status] = json(ref(ERROR), description);
  }
  const schema = {
    operationId: id,
    summary: does,
    ...(more === undefined ? {} : { description: more }),
    tags: [about],
    ...(access === 'none' ? { security: [] } : {}),
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { querystring: query }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
    response,
  };
  return { schema, config: access === undefined ? {} : { access } };
}
