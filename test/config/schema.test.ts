// The schema is the one source: every key has its meaning, every default is sound, and editors accept what Limpet accepts.
import t from 'tap';
import { Check } from 'typebox/value';
import { parse } from 'yaml';
import { configurationDocs, isUpToDate } from '../../build/configuration-docs.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { Findings } from '../../src/config/problem.ts';
import { DocumentReader } from '../../src/config/read.ts';
import { jsonSchema } from '../../src/config/schema/json-schema.ts';
import { asSchema } from '../../src/config/schema/keys.ts';
import type { KeySchema } from '../../src/config/schema/meta.ts';
import { configSchema } from '../../src/config/schema/root.ts';
import { Source } from '../../src/config/source.ts';

/** Every key of every block, with its path. */
function keys(schema: KeySchema, path: string): [path: string, schema: KeySchema][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, property]): [string, KeySchema][] => {
    const inner = path === '' ? name : `${path}.${name}`;
    return [[inner, property], ...keys(property, inner)];
  });
  const parts = [...(schema.anyOf ?? []), schema.items, schema.additionalProperties].filter(
    (part) => part && 'x-limpet' in part,
  );
  return [...own, ...parts.flatMap((part) => keys(part as KeySchema, path))];
}

const all = keys(asSchema(configSchema), '');

t.test('every key says what it means, in a sentence', async (t) => {
  t.ok(all.length > 200, `${all.length} keys`);
  for (const [path, schema] of all) {
    t.match(
      schema.description,
      /^[A-Z`].*[.]( Takes .*\.)?( Default: .*\.| Inherited when left out\.)?$/s,
      path,
    );
  }
});

t.test('every default is sound', async (t) => {
  const findings = new Findings();
  const reader = new DocumentReader(
    new Source('', {}, findings),
    findings,
    () => '',
    () => null,
  );
  for (const [path, schema] of all) {
    if (schema.default === undefined) continue;
    t.doesNotThrow(() => reader.fallback(schema, path), path);
  }
  t.same(findings.list, []);
});

t.test('the JSON Schema is plain, and holds for what is accepted', async (t) => {
  const schema = jsonSchema();
  t.notMatch(JSON.stringify(schema), 'x-limpet');
  t.match(schema, { $schema: /2020-12/, type: 'object', additionalProperties: false });
  const good = [
    'listen: 8080\nupstreams: [http://a:1, { url: "https://b", weight: 2, tls: { verify: false } }]\n',
    'listen: unix:/run/x\nupstreams: [http://a:1]\nhealth: false\nworkers: 2\ntimeouts: { total: off, tunnel: 0, idle: 5s }\n',
    'listen: 1\nupstreams: [http://a:1]\nbalance: { hash: { on: path, load: off } }\nlimits: { body: 1.5 MiB, minRate: off }\n',
    'listen: 1\nupstreams: [http://a:1]\nhealth: { active: { status: 5xx }, passive: { statuses: [500, 502-504] }, panic: 0 }\n',
    'listen: 1\nupstreams: [http://a:1]\nerrors: { 503: { json: [1] }, 5xx: { text: x } }\nadmin: { tokens: [{ token: abcdefghijklmnopq }] }\n',
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: { file: x }, maxAge: session, secure: auto } }\n',
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ pool: default, retries: false, via: x, headers: { request: { set: { X-A: 1 } } } }]\n',
  ];
  for (const yaml of good) {
    const { config } = loadConfigText(yaml, 'f', {}, () => 'a-secret-of-more-than-sixteen-bytes');
    t.not(config, null, yaml);
    t.ok(Check(schema, parse(yaml)), yaml);
  }
  const bad = [
    'lisen: 8080\n',
    'listen: 1\nupstreams: []\n',
    'listen: 1\nupstreams: [{ name: x }]\n',
    'listen: 1\nupstreams: [http://a:1]\ntimeouts: { connect: 5 }\n',
    'listen: 1\nupstreams: [http://a:1]\nbalance: rr\n',
    'listen: 1\nupstreams: [http://a:1]\nretries: { budget: 20 }\n',
    'listen: 1\nupstreams: [http://a:1]\nlimits: { head: 32k }\n',
  ];
  for (const yaml of bad) t.notOk(Check(schema, parse(yaml)), yaml);
});

t.test('the manual is the one that the schema says', async (t) => {
  t.ok(isUpToDate(), 'else: node build/configuration-docs.ts');
  t.match(configurationDocs(), '| `connect` | `1s` | a duration, 1ms to 1h |');
});
