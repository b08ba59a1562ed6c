// Every example in config/ is sound, without a warning, and is an example of what it says.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Check } from 'typebox/value';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/print.ts';
import { jsonSchema } from '../../src/config/schema/json-schema.ts';

const folder = fileURLToPath(new URL('../../config/', import.meta.url));
const env = {
  LIMPET_SECRET: 'an-example-secret-of-32-bytes-----',
  LIMPET_ADMIN_TOKEN: 'an-example-token-of-an-operator',
  LIMPET_READ_TOKEN: 'an-example-token-of-a-dashboard',
  SESSION_SECRET: 'an-example-secret-of-an-app-----',
};
const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

t.ok(examples.includes('limpet.yaml'), 'the default is among them');

for (const name of examples) {
  t.test(`${name} is sound`, async (t) => {
    const { config, problems } = loadConfig(`${folder}${name}`, env);
    t.equal(formatProblems(problems, { color: false }), '');
    t.not(config, null);
    const text = readFileSync(`${folder}${name}`, 'utf8');
    t.match(text, /^# .+\n/, 'says first what it is for');
    t.ok(Check(jsonSchema(), parse(text)), 'an editor finds nothing wrong with it');
  });
}

t.test('what the examples show is what is read', async (t) => {
  const two = loadConfig(`${folder}two-sites.yaml`, env).config;
  t.match(
    two?.routes.map((route) => route.name),
    [
      'shop.example.com/',
      'shop.example.com/api',
      'shop.example.com=/robots.txt',
      '*.example.com/',
      'blog.example.org/',
    ],
  );
  t.match(two?.errors['503'], { contentType: /html/, body: /<!doctype html>/ });
  const sticky = loadConfig(`${folder}sticky-sessions.yaml`, env).config;
  t.match(sticky?.pools[0]?.affinity?.cookie, { maxAgeS: 28_800, secrets: [env.LIMPET_SECRET] });
  const express = loadConfig(`${folder}session-express.yaml`, env).config;
  t.match(express?.sessions, [{ verify: 'express-session', require: 'login', store: { family: 'redis' } }]);
  const tokens = loadConfig(`${folder}session-jwt.yaml`, env).config;
  t.match(
    tokens?.routes.map((route) => route.sessions),
    [[], ['members', 'api'], ['api']],
  );
  t.match(loadConfig(`${folder}session-django.yaml`, env).config?.sessions, [{ require: 'session' }]);
  t.match(loadConfig(`${folder}kubernetes.yaml`, { ...env, PORT: '80' }).config?.listeners, [
    { bind: { port: 80 } },
  ]);
});
