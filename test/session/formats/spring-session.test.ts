// What holds of Spring Session: which cookie is tried, when a session ends, who is in it, and what is no session.
import t from 'tap';
import type { StoredCell, StoredValue, StoreReader } from '../../../src/session/store.ts';
import { buildFormat, type Configured } from '../../vectors/judge.ts';
import { find, identity, NOW_S, request, spoiled } from './python-kit.ts';
import { SPRING_SAMPLES } from './spring-samples.ts';

const block: Configured = { verify: 'spring-session', store: 'redis' };
const ID = '0f8fad5b-d9cb-469f-a165-70867728950e';
const OTHER = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const cookie = (id: string): string => `SESSION=${Buffer.from(id).toString('base64')}`;

const java = (name: keyof typeof SPRING_SAMPLES): Buffer => Buffer.from(SPRING_SAMPLES[name], 'base64');

/** A java.lang.Long: the sample's last eight bytes. */
function long(value: number): Buffer {
  const bytes = java('number');
  bytes.writeBigInt64BE(BigInt(value), bytes.length - 8);
  return bytes;
}

type Fields = Readonly<Record<string, Buffer | string>>;

/** The fields of a session last used at NOW_S, for half an hour. */
function fields(more: Fields = {}): Fields {
  return {
    creationTime: long((NOW_S - 100) * 1000),
    lastAccessedTime: long(NOW_S * 1000),
    maxInactiveInterval: long(1800),
    ...more,
  };
}

const context = (name: keyof typeof SPRING_SAMPLES): Fields => ({
  'sessionAttr:SPRING_SECURITY_CONTEXT': java(name),
});

function redis(sessions: Readonly<Record<string, Fields>>, endsAtS: number | null = null): StoreReader {
  return {
    get: async ({ key }): Promise<StoredValue | null> => {
      const found = sessions[key.replace('spring:session:sessions:', '')];
      if (found === undefined) return null;
      const cells = new Map(
        Object.entries(found).map(([name, value]) => [name, Buffer.from(value as string)] as const),
      );
      return { bytes: new Uint8Array(0), cells, flags: 0, mtimeS: null, endsAtS };
    },
  };
}

t.test('the principal is the user, as an object or as a name', async (t) => {
  const userOf = (name: keyof typeof SPRING_SAMPLES) =>
    find(block, cookie(ID), redis({ [ID]: fields(context(name)) }));
  t.match(await userOf('user'), { verdict: 'valid', user: 'ann', endsAtS: NOW_S + 1800 });
  t.match(await userOf('text'), { verdict: 'valid', user: 'bob' });
  for (const nobody of ['anonymous', 'unproven', 'nobody'] as const)
    t.match(await userOf(nobody), { verdict: 'anonymous' }, nobody);
  t.match(await find(block, cookie(ID), redis({ [ID]: fields() })), { verdict: 'anonymous' });
  const removed = fields({ 'sessionAttr:SPRING_SECURITY_CONTEXT': '' });
  t.match(await find(block, cookie(ID), redis({ [ID]: removed })), { verdict: 'anonymous' });
});

t.test('a session of JSON is read, and boxed values in it', async (t) => {
  const json = (principal: string): Fields => ({
    creationTime: '1',
    lastAccessedTime: `["java.lang.Long",${NOW_S * 1000}]`,
    maxInactiveInterval: '1800',
    'sessionAttr:SPRING_SECURITY_CONTEXT': `{"@class":"o.SecurityContextImpl","authentication":{"authenticated":true,"principal":${principal}}}`,
    'sessionAttr:uid': '["java.lang.Long",42]',
    'sessionAttr:name': '"ann"',
  });
  const ask = (principal: string, user?: readonly string[]) =>
    find(user ? { ...block, user } : block, cookie(ID), redis({ [ID]: json(principal) }));
  t.match(await ask('{"username":"ann"}'), { verdict: 'valid', user: 'ann' });
  t.match(await ask('"ann"'), { verdict: 'valid', user: 'ann' });
  t.match(await ask('null', ['uid']), { verdict: 'valid', user: 42 });
  t.match(await ask('null', ['name']), { verdict: 'valid', user: 'ann' });
  t.match(await ask('null'), { verdict: 'anonymous' });
});

t.test('a session ends after its longest pause, whatever Redis still holds', async (t) => {
  const store = redis({ [ID]: fields(context('user')) }, NOW_S + 9000);
  t.equal((await find(block, cookie(ID), store, NOW_S + 1799)).verdict, 'valid');
  t.match(await find(block, cookie(ID), store, NOW_S + 1800), { verdict: 'invalid', reason: 'expired' });
  const endless = redis({ [ID]: fields({ ...context('user'), maxInactiveInterval: long(-1) }) });
  t.match(await find(block, cookie(ID), endless, NOW_S * 2), { verdict: 'valid', endsAtS: null });
});

t.test('every cookie of the name is tried until one has a session', async (t) => {
  const store = redis({ [ID]: fields(context('user')) });
  t.equal((await find(block, `${cookie(OTHER)}; ${cookie(ID)}`, store)).user, 'ann');
  t.equal((await find(block, `SESSION=!; ${cookie(ID)}`, store)).user, 'ann');
  const both = redis({ [OTHER]: fields(), [ID]: fields(context('user')) });
  t.equal((await find(block, `${cookie(OTHER)}; ${cookie(ID)}`, both)).verdict, 'anonymous');
  t.equal((await find(block, `${cookie(OTHER)}; `.repeat(9), store)).reason, 'credential.too-long');
});

t.test('an id of two lines is not two ids', (t) => {
  t.not(identity(block, cookie(`${ID}\n${OTHER}`)), identity(block, `${cookie(ID)}; ${cookie(OTHER)}`));
  t.equal(identity(block, cookie(ID)), identity(block, `SESSION="${cookie(ID).slice(8)}"`));
  t.end();
});

t.test('bare ids and ids with a route are read where the serializer writes them', async (t) => {
  const store = redis({ [ID]: fields(context('user')) });
  const bare = { ...block, options: { base64: false } };
  t.equal((await find(bare, `SESSION=${ID}`, store)).user, 'ann');
  t.equal((await find(block, `SESSION=${ID}`, store)).verdict, 'invalid');
  const routed = { ...block, options: { jvmRoutes: ['a', 'b'] } };
  t.equal((await find(routed, cookie(`${ID}.b`), store)).user, 'ann');
  t.equal((await find(routed, cookie(`${ID}.c`), store)).verdict, 'invalid');
});

t.test('while a remember-me cookie is sent, only the app can tell who is nobody', async (t) => {
  const store = redis({ [ID]: fields(context('user')), [OTHER]: fields() });
  for (const cookies of ['remember-me=1', `${cookie(OTHER)}; remember-me=1`, 'SESSION=!; remember-me=1'])
    t.match(await find(block, cookies, store), { verdict: 'unknown', reason: 'user.remembered' });
  t.equal((await find(block, `${cookie(ID)}; remember-me=1`, store)).verdict, 'valid');
  t.not(identity(block, cookie(ID)), identity(block, `${cookie(ID)}; remember-me=1`));
});

t.test('what the repository did not write is no session and nobody’s', async (t) => {
  const { creationTime: _, ...noStart } = fields(context('user'));
  const cut = java('user').subarray(0, 200);
  for (const odd of [
    noStart,
    { data: 'x' },
    fields({ lastAccessedTime: 'soon' }),
    fields({ maxInactiveInterval: java('user') }),
    fields({ 'sessionAttr:SPRING_SECURITY_CONTEXT': cut }),
    fields({ 'sessionAttr:SPRING_SECURITY_CONTEXT': '{"a":' }),
  ])
    t.match(await find(block, cookie(ID), redis({ [ID]: odd })), {
      verdict: 'unknown',
      reason: 'store.malformed',
    });
  const others = fields({ ...context('user'), 'sessionAttr:cart': cut });
  t.equal((await find(block, cookie(ID), redis({ [ID]: others }))).user, 'ann');
});

for (const family of ['postgres', 'mysql'] as const) {
  t.test(`a row of JDBC in ${family} names its user until it ends`, async (t) => {
    const rows: Configured = { ...block, store: family };
    const named = (name: string): string => (family === 'postgres' ? name.toLowerCase() : name);
    const row = (ends: StoredCell, user: StoredCell): StoreReader => ({
      get: async (query) => {
        t.match(query, {
          kind: 'row',
          keyColumn: named('SESSION_ID'),
          table: named('SPRING_SESSION'),
          key: ID,
        });
        const cells = new Map([
          [named('EXPIRY_TIME'), ends],
          [named('PRINCIPAL_NAME'), user],
        ]);
        return { bytes: new Uint8Array(0), cells, flags: 0, mtimeS: null, endsAtS: null };
      },
    });
    const endsMs = (NOW_S + 60) * 1000;
    for (const ends of [endsMs, BigInt(endsMs), String(endsMs)])
      t.match(await find(rows, cookie(ID), row(ends, 'ann')), { user: 'ann', endsAtS: NOW_S + 60 });
    t.match(await find(rows, cookie(ID), row(endsMs, null)), { verdict: 'anonymous' });
    t.match(await find(rows, cookie(ID), row(NOW_S * 1000, 'ann')), { reason: 'expired' });
    t.match(await find(rows, cookie(ID), row(null, 'ann')), { reason: 'store.malformed' });
  });
}

t.test('a path to the user is a problem where only a column names him', (t) => {
  t.throws(() => buildFormat({ ...block, store: 'mysql', user: ['uid'] }), {
    name: 'FormatProblem',
    at: 'user',
  });
  t.end();
});

t.test('no spoiled cookie is valid, and none throws', async (t) => {
  const store = redis({ [ID]: fields(context('user')) });
  const format = buildFormat(block);
  const same = identity(block, cookie(ID));
  for (const bad of spoiled(cookie(ID).slice(8))) {
    const read = format.read(request(`SESSION=${bad}`), NOW_S);
    // Without its padding it is the same id.
    if ('identity' in read && read.identity === same) continue;
    t.equal((await find(format, `SESSION=${bad}`, store)).verdict, 'invalid', bad.slice(0, 80));
  }
  t.equal((await find(block, '')).reason, 'credential.none');
});
