// The document of the admin API is a sound one, has every route, and is what is really answered; each call of it is made here, well and badly.
import { Validator } from '@seriousme/openapi-schema-validator';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import Schema from 'typebox/schema';
import { listenOn } from '../../src/admin/app.ts';
import type { AdminToken } from '../../src/config/config.ts';
import { digestOf } from '../../src/session/revocation/digest-words.ts';
import { namesOf, type Revocation } from '../../src/session/revocation/record.ts';
import { EVERYWHERE, LOOPBACK, makeAdmin } from './fake-view.ts';
import { CALLS } from './openapi-calls.ts';

type Json = Record<string, unknown>;
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: readonly unknown[];
  readonly requestBody?: unknown;
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Record<string, { schema: Json }> }>
  >;
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Json> };
}

const TOKENS: readonly AdminToken[] = [
  { name: 'grafana', token: 'read-read-read-read', access: 'read' },
  { name: 'ops', token: 'full-full-full-full', access: 'full' },
];
const FULL = { authorization: 'Bearer full-full-full-full' };
/** Calls that change nothing although they have a body. */
const READING: readonly string[] = ['explain'];
/** A revocation that is in force. */
const record: Revocation = {
  ...namesOf('p', [digestOf('x')]),
  letter: 'p',
  timeMs: 1_700_000_000_000,
  untilS: 1_700_086_400,
  atMs: 1_700_000_001_000,
  by: 'ops',
  user: 'ann',
  reason: 'new roles',
};

/** An admin side on which every call can succeed. */
function makeWhole(bind = LOOPBACK, tokens: readonly AdminToken[] = []) {
  const made = makeAdmin(bind, tokens);
  made.view.published = { text: '{"keys":[{"kid":"a","kty":"EC"}]}', maxAgeS: 60 };
  made.view.revocations = {
    revoke: async (input) => ({
      record: { ...record, by: input.by },
      renewed: false,
      shared: true,
      understood: [],
    }),
    lift: async () => record,
    page: async () => ({ records: [record], next: null }),
  };
  made.view.events.publish('health', 'info', 'something happened', { pool: 'shop' });
  return made;
}

const urlOf = (id: string): string => CALLS[id]!.url.replace('/p1', `/${record.id}`);

async function documentOf(app: FastifyInstance): Promise<Document> {
  return (await app.inject({ url: '/openapi.json', headers: FULL })).json() as Document; // checked by the validator below
}

/** Every operation with its method and path. */
function operationsOf(document: Document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
}

/** The schema with all that it refers to in its place. */
function whole(document: Document, schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((one) => whole(document, one));
  if (typeof schema !== 'object' || schema === null) return schema;
  if ('$ref' in schema) {
    const name = String(schema.$ref).split('/').at(-1)!;
    return whole(document, document.components.schemas[name]);
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, whole(document, value)]));
}

/** Of all tests: a server takes a while to be made. */
const { app, view, live } = makeWhole(EVERYWHERE, TOKENS);
const local = makeWhole();
const routes: { method: string; url: string; documented: boolean }[] = [];
app.addHook('onRoute', ({ method, url, schema }) => {
  for (const one of [method].flat())
    if (one !== 'HEAD') routes.push({ method: one, url, documented: schema?.tags !== undefined });
});
const document = await documentOf(app);
const operations = operationsOf(document);

t.test('the document is sound OpenAPI 3.1', async (t) => {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never);
  t.ok(valid, JSON.stringify(errors));
  t.match(document, { openapi: /^3\.1\./ });
  const ids = operations.map(({ operation }) => operation.operationId);
  t.equal(new Set(ids).size, ids.length, 'operations have names of their own');
});

t.test('every route is in the document, and every operation is one of a route', async (t) => {
  t.same(
    routes.filter(({ documented }) => !documented),
    [],
    'a route is made by `route` of src/admin/schema.ts',
  );
  const told = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort();
  const there = routes.map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`).sort();
  t.same(told, there);
});

t.test('every operation has a call here', async (t) => {
  t.same(operations.map(({ operation }) => operation.operationId).sort(), Object.keys(CALLS).sort());
});

for (const { path, method, operation } of operations) {
  const { operationId: id, responses } = operation;
  const call = CALLS[id];
  if (call === undefined) continue;
  const { body } = call;
  const payload = body === undefined ? {} : { payload: body };

  t.test(`${id}: the answer is as documented, and nothing of it is kept back`, async (t) => {
    t.equal(call.method.toLowerCase(), method);
    if (id === 'streamEvents') {
      const base = await listenOn(app, LOOPBACK);
      const response = await fetch(base + urlOf(id), { headers: FULL });
      t.equal(response.status, 200);
      t.match(response.headers.get('content-type'), 'text/event-stream');
      await response.body?.cancel();
      return;
    }
    const answer = await app.inject({ method: call.method, url: urlOf(id), headers: FULL, ...payload });
    t.equal(answer.statusCode, call.status, answer.body);
    const { content } = responses[String(call.status)]!;
    if (content === undefined) {
      t.equal(answer.body, '');
      return;
    }
    const type = String(answer.headers['content-type']).split(';')[0]!;
    t.same(Object.keys(content), [type]);
    if (type !== 'application/json') return;
    const check = Schema.Compile(whole(document, content[type]!.schema) as object);
    t.same(check.Errors(answer.json())[1], []);
    const raw = { getStatus: view.status(), listUpstreams: view.upstreams(), listSessions: view.sessions() };
    const history = { getHistory: live.history(null), getPoolHistory: live.history('shop') };
    const liveOnes = { getLive: live.snapshot(), getTroubles: live.troubles(), ...history };
    const own = { ...raw, ...liveOnes, listContinuity: view.continuity() }[id];
    if (own !== undefined) t.same(answer.json(), JSON.parse(JSON.stringify(own)));
  });

  t.test(`${id}: who has no right to it is told so by name`, async (t) => {
    const url = urlOf(id);
    // An address of its own, known to be somebody's with a token: else guesses at one operation would count for all.
    const remoteAddress = `10.0.0.${operations.findIndex(({ operation: one }) => one === operation) + 1}`;
    await app.inject({
      url: '/api/v1/status',
      headers: { authorization: 'Bearer read-read-read-read' },
      remoteAddress,
    });
    const ask = (headers: Record<string, string>) =>
      app.inject({ method: call.method, url, headers, remoteAddress, ...payload });
    const told = async (headers: Record<string, string>) => {
      const answer = await ask(headers);
      const { error } = answer.json() as { error: { code: string } };
      const { description, content } = responses[String(answer.statusCode)]!;
      t.match(description, `\`${error.code}\``, 'and the document has it');
      t.ok(
        Schema.Compile(whole(document, content!['application/json']!.schema) as object).Check(answer.json()),
      );
      return [answer.statusCode, error.code];
    };
    t.same(await told({ ...FULL, host: 'a:1', origin: 'http://evil.example' }), [403, 'origin.foreign']);
    if (operation.security?.length === 0) {
      t.equal((await ask({})).statusCode, call.status, 'it asks for no token');
    } else {
      t.same(await told({}), [401, 'token.refused']);
      t.same(await told({ authorization: 'Bearer not-the-token' }), [401, 'token.refused']);
      for (let i = 0; i < 9; i++) await ask({ authorization: 'Bearer not-the-token' });
      t.same(await told({ authorization: 'Bearer not-the-token' }), [429, 'token.limit']);
    }
    const foreign = { method: call.method, url, headers: { host: 'evil.example' }, ...payload };
    const answer = await local.app.inject(foreign);
    t.same([answer.statusCode, answer.json().error.code], [403, 'host.foreign']);
    t.match(responses['403']!.description, '`host.foreign`');
  });

  t.test(`${id}: a wrong method or body is told by name`, async (t) => {
    const url = urlOf(id);
    const codeOf = async (input: object) => {
      const answer = await app.inject({ method: call.method, url, ...input });
      return [answer.statusCode, answer.json().error.code];
    };
    const used = Object.keys(document.paths[path]!).map((one) => one.toUpperCase());
    const wrong = (['PUT', 'DELETE', 'POST'] as const).find((one) => !used.includes(one))!;
    const refused = await app.inject({ method: wrong, url, headers: FULL });
    t.same([refused.statusCode, refused.json().error.code], [405, 'method.wrong']);
    const allowed = String(refused.headers.allow).split(', ');
    t.same(allowed.filter((one) => one !== 'HEAD').sort(), used.sort());
    if (operation.requestBody === undefined) return;
    const headers = { ...FULL, 'content-type': 'application/json' };
    t.same(await codeOf({ headers, payload: call.badBody }), [400, 'body.invalid']);
    t.same(await codeOf({ headers, payload: '{' }), [400, 'body.json']);
    t.same(await codeOf({ headers, payload: '' }), [400, 'body.empty']);
    t.same(await codeOf({ headers: { ...FULL, 'content-type': 'text/plain' }, payload: 'x' }), [
      415,
      'body.type',
    ]);
    t.same(await codeOf({ headers, payload: `"${'x'.repeat(CALLS[id]?.tooLong ?? 20_000)}"` }), [
      413,
      'body.large',
    ]);
    for (const status of ['400', '413', '415'])
      t.match(responses[status]?.description, '`body.', `and the document has ${status}`);
  });

  t.test(`${id}: a read token may call it where it changes nothing`, async (t) => {
    const mayNot = responses['403']!.description.includes('token.read');
    t.equal(mayNot, call.method !== 'GET' && !READING.includes(id));
    if (id === 'streamEvents') return;
    const changes = view.changes.length;
    const headers = { authorization: 'Bearer read-read-read-read' };
    const answer = await app.inject({ method: call.method, url: urlOf(id), headers, ...payload });
    t.equal(answer.statusCode, mayNot ? 403 : call.status);
    if (mayNot) t.equal(answer.json().error.code, 'token.read');
    t.equal(view.changes.length, changes);
  });
}

t.teardown(() => Promise.all([app.close(), local.app.close()]));
