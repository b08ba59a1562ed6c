// What a revocation can name of each framework's sessions, tried on those that the frameworks wrote: their ids, and when they were issued.
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { Pending } from '../../../src/session/format.ts';
import { FORMAT_KINDS, type FormatName } from '../../../src/session/kinds.ts';
import { type Case, formatOf, judgeCase, type OwnFile } from '../../vectors/own-form.ts';

/** Formats whose cookie or token says when it was issued or signed; the others cannot. */
const DATED: ReadonlySet<string> = new Set([
  'aspnetcore-auth',
  'authjs',
  'nextauth',
  'jwt',
  'django: cookie',
  'fastify-secure-session',
  'flask',
  'flask-login',
  'gorilla',
  'koa-session: cookie',
  'spring-session',
  'starlette',
  'symfony',
]);
/** Formats whose sessions have an id though no store holds them under it. */
const OWN_IDS: ReadonlySet<string> = new Set([
  'rails-cookie',
  'rack-cookie',
  'rack-session',
  'devise: cookie',
  'laravel: cookie',
]);
/** Among the vectors are some of a clock that is an hour ahead, s. */
const AHEAD_MAX_S = 3700;
/** How long a session of the vectors may have been signed before it is judged, s. */
const AGE_MAX_S = 400 * 86_400;

const folder = new URL('../../vectors/frameworks/', import.meta.url);
const seen = new Set<string>();

for (const name of readdirSync(folder).sort()) {
  const file = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as OwnFile;
  t.test(name, async (t) => {
    const valid = file.cases.filter(({ verdict }) => verdict === 'valid');
    t.ok(valid.length > 0);
    for (const one of valid) await look(t, one);
  });
}

t.test('every format that claims a time or an id of its own was seen to have it', async (t) => {
  for (const name of DATED) t.ok(seen.has(`${name} dated`), name);
  // Those of Rack's own sessions that the vectors were made of hold none.
  for (const name of OWN_IDS) if (!name.startsWith('rack-')) t.ok(seen.has(`${name} id`), name);
});

async function look(t: Test, one: Case): Promise<void> {
  const { verify } = one.configured;
  const found = await judgeCase(one);
  const pending = (await formatOf(one)).read(one.request, one.atS) as Pending; // valid, so it was read
  const id = found.session ?? pending.session ?? pending.identity;
  const name = nameOf(verify, one);
  const { issuedAtS = null } = found;
  if (issuedAtS !== null) {
    seen.add(`${name} dated`);
    t.ok(issuedAtS <= one.atS + AHEAD_MAX_S && issuedAtS > one.atS - AGE_MAX_S, `${one.what}: ${issuedAtS}`);
  }
  // A remember-me cookie alone has no time; JSON Web Tokens need not have one.
  const mayLack =
    verify === 'jwt' || verify === 'nextauth' || verify === 'authjs' || verify === 'flask-login';
  if (!mayLack) t.equal(issuedAtS !== null, DATED.has(name), `${one.what}: issue time`);
  const keys = one.answers.filter(({ value }) => value !== null).map(({ query }) => query.key);
  if (keys.length > 0)
    t.ok(
      keys.some((key) => isUnder(key, id)),
      `${one.what}: ${id} of ${keys}`,
    );
  // Of its two cookies the one that counts is told from the other: flask-login.test.ts.
  else if (verify !== 'flask-login' && (found.session ?? pending.session) !== undefined) {
    t.ok(OWN_IDS.has(name), `${name}: an id of its own`);
    t.match(id, /^[\w-]{20,64}$/);
    seen.add(`${name} id`);
  }
  // A token that is signed by ECDSA has two signatures: jwt.test.ts.
  if (verify === 'jwt') return;
  t.equal(pending.alias === undefined, !/^[-r]/.test(pending.identity) || isPlainId(verify), one.what);
  if (pending.alias !== undefined) t.equal(pending.alias.slice(1), pending.identity.slice(1));
}

function nameOf(verify: FormatName, { configured }: Case): string {
  const kind = FORMAT_KINDS[verify];
  const isCookie = kind.stores.length > 0 && (configured.store ?? null) === null;
  return isCookie ? `${verify}: cookie` : verify;
}

/** Whether a store's key is the id's, or that of a hash of it as Rails and scs make them. */
function isUnder(key: string, id: string): boolean {
  return (
    key.endsWith(id) ||
    key.endsWith(hash('sha256', id, 'hex')) ||
    key.endsWith(hash('sha256', id, 'base64url'))
  );
}

/** Formats whose identity is the credential itself, which may begin with any letter. */
function isPlainId(verify: FormatName): boolean {
  return !/^(flask|flask-session|laravel|symfony|spring-session|rack-.*|rails-.*|devise)$/.test(verify);
}
