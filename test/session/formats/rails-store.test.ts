// What holds of Rails' sessions in caches, Redis and tables: their keys, their layouts, their ends.
import { deflateSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { SeededRandom } from '../../../src/base/random.ts';
import type { StoredCell } from '../../../src/session/store.ts';
import type { Configured } from '../../vectors/judge.ts';
import { find, NOW_S, storeOf } from './python-kit.ts';
import { binary, dump, entry71, object, privateId, type Ruby } from './ruby-kit.ts';

const ID = '0123456789abcdef0123456789abcdef';
const HASHED = privateId(ID);
const session = { user_id: 7 };
const payload = dump(session);
const END_S = NOW_S + 60;
const cache: Configured = { verify: 'rails-store', store: 'redis', prefix: 'app', user: ['user_id'] };
const asked = `_session_id=${ID}`;
const CACHE_KEY = `app:_session_id:${HASHED}`;

const entry61 = (value: Ruby, more: Readonly<Record<string, Ruby>> = {}) =>
  object('ActiveSupport::Cache::Entry', { '@value': value, '@version': null, ...more });
const inCache = (bytes: Buffer, flags = 0, block: Configured = cache) =>
  find(block, asked, storeOf({ [CACHE_KEY]: { bytes, flags } }));

t.test('cache entries of every version are read, and end when they say', async (t) => {
  const life = { '@created_at': NOW_S + 0.5, '@expires_in': 59.5 };
  const packed: Ruby = binary(deflateSync(payload));
  const layouts = [
    dump(entry61(session, life)),
    dump(entry61(packed, { ...life, '@compressed': true })),
    Buffer.concat([Buffer.from([0]), dump([session, END_S + 0.25])]),
    Buffer.concat([Buffer.from([1]), deflateSync(dump([session, END_S + 0.25]))]),
    entry71(payload, END_S),
    entry71(deflateSync(payload), END_S, 0x81),
    entry71(payload, END_S, 1, 'v1'),
  ];
  for (const bytes of layouts) {
    const found = await inCache(bytes);
    t.match(found, { verdict: 'valid', user: 7 });
    t.equal(Math.floor(found.endsAtS ?? 0), END_S);
    const later = await find(cache, asked, storeOf({ [CACHE_KEY]: { bytes } }), END_S + 1);
    t.match(later, { verdict: 'invalid', reason: 'expired' });
  }
  t.match(await inCache(dump(entry61(session))), { verdict: 'valid', endsAtS: null });
  t.match(await inCache(entry71(payload, -1)), { verdict: 'valid', endsAtS: null });
  t.match(await inCache(Buffer.concat([Buffer.from([0]), dump([session])])), { endsAtS: null });
  t.match(await inCache(entry71(dump({ cart: [1] }), -1)), { verdict: 'anonymous' });
  t.match(await inCache(entry71(dump(null), -1)), { verdict: 'invalid', reason: 'store.none' });
});

t.test('a store that ends sooner than the entry decides the end', async (t) => {
  const found = await find(
    cache,
    asked,
    storeOf({ [CACHE_KEY]: { bytes: entry71(payload, END_S), endsAtS: NOW_S + 5 } }),
  );
  t.match(found, { verdict: 'valid', endsAtS: NOW_S + 5 });
});

t.test('Memcached: what Dalli wraps is unwrapped by its flags', async (t) => {
  const block: Configured = { ...cache, store: 'memcached' };
  const entry = entry71(payload, END_S);
  t.match(await inCache(dump(binary(entry)), 1, block), { verdict: 'valid', user: 7 });
  t.match(await inCache(deflateSync(dump(binary(entry))), 3, block), { verdict: 'valid', user: 7 });
  t.match(await inCache(gzipSync(dump(binary(entry))), 3, block), { verdict: 'valid', user: 7 });
  t.match(await inCache(entry, 0, block), { verdict: 'valid', user: 7 });
  t.match(await inCache(dump(entry61(session)), 1, block), { verdict: 'valid', user: 7 });
  t.match(await inCache(dump(entry61(session)), 3, block), { verdict: 'unknown', reason: 'store.malformed' });
  const own: Configured = { ...block, prefix: null, options: { sessionStore: 'mem_cache_store' } };
  const store = storeOf({ [`rack:session:${HASHED}`]: { bytes: payload, flags: 1 } });
  t.match(await find(own, asked, store), { verdict: 'valid', user: 7 });
  const raw = storeOf({ [`rack:session:${ID}`]: { bytes: payload, flags: 1 } });
  t.match(await find(own, asked, raw), { verdict: 'invalid' });
});

t.test('keys are made of the namespace, which needs no colon of its own', async (t) => {
  const at = (prefix: string | null, key: string) =>
    find({ ...cache, prefix }, asked, storeOf({ [key]: { bytes: entry71(payload, -1) } }));
  t.match(await at('app:', CACHE_KEY), { verdict: 'valid' });
  t.match(await at(null, `_session_id:${HASHED}`), { verdict: 'valid' });
  t.match(await at('', `_session_id:${HASHED}`), { verdict: 'valid' });
  const redis: Configured = { ...cache, prefix: null, options: { sessionStore: 'redis_store' } };
  const store = storeOf({ [`rack:session:${HASHED}`]: { bytes: payload } });
  t.match(await find(redis, asked, store), { verdict: 'valid', user: 7 });
});

t.test('sessions under the bare id are found as Rails finds them, unless that is switched off', async (t) => {
  const store = storeOf({ [`app:_session_id:${ID}`]: { bytes: entry71(payload, -1) } });
  t.match(await find(cache, asked, store), { verdict: 'valid', user: 7 });
  t.match(await find({ ...cache, options: { rawIds: false } }, asked, store), { verdict: 'invalid' });
  const hashedEnded = storeOf({
    [CACHE_KEY]: { bytes: entry71(payload, NOW_S) },
    [`app:_session_id:${ID}`]: { bytes: entry71(payload, -1) },
  });
  t.match(await find(cache, asked, hashedEnded), { verdict: 'valid' });
  const escaped = storeOf({ 'app:_session_id:a%25b': { bytes: entry71(payload, -1) } });
  t.match(await find({ ...cache, store: 'memcached' }, '_session_id=a%25b', escaped), { verdict: 'valid' });
});

const table: Configured = { verify: 'rails-store', store: 'mysql', user: ['user_id'] };
const row = (cell: StoredCell, key = HASHED) =>
  storeOf({ [key]: { cells: new Map<string, StoredCell>([['data', cell]]) } });

t.test('rows hold base64 of Marshal or JSON, and never end', async (t) => {
  const lines = payload.toString('base64').replace(/.{8}/g, '$&\n');
  t.match(await find(table, asked, row(lines)), { verdict: 'valid', user: 7, endsAtS: null });
  t.match(await find(table, asked, row(Buffer.from(lines))), { verdict: 'valid', user: 7 });
  t.match(await find(table, asked, row('{"value":{"user_id":7}}')), { verdict: 'valid', user: 7 });
  t.match(await find(table, asked, row('{"user_id":7}')), { verdict: 'anonymous' });
  t.match(await find(table, asked, row(null)), { verdict: 'anonymous' });
  for (const bad of ['', 'zz', '{', '[]', '{"value":7}', 7, true])
    t.match(await find(table, asked, row(bad)), { verdict: 'unknown', reason: 'store.malformed' });
  const by = (serializer: string, cell: string) =>
    find({ ...table, options: { serializer } }, asked, row(cell));
  t.match(await by('json', '{"value":{"user_id":7}}'), { verdict: 'valid' });
  t.match(await by('json', lines), { verdict: 'unknown' });
  t.match(await by('marshal', lines), { verdict: 'valid' });
  t.match(await by('marshal', '{"value":{"user_id":7}}'), { verdict: 'unknown' });
});

t.test('the private id of a row is no cookie', async (t) => {
  const store = row('{"value":{"user_id":7}}');
  t.match(await find(table, `_session_id=${HASHED}`, store), { verdict: 'invalid', reason: 'store.none' });
  t.match(await find(table, asked, row('{"value":{"user_id":7}}', ID)), { verdict: 'valid' });
});

t.test('Devise reads a store as Rails does', async (t) => {
  const held = {
    'warden.user.user.key': [[7], 'salt'],
    'warden.user.user.session': { last_request_at: NOW_S },
  };
  const devise: Configured = {
    verify: 'devise',
    cookie: '_session_id',
    store: 'redis',
    options: { timeoutIn: 60 },
  };
  const store = storeOf({ [`_session_id:${HASHED}`]: { bytes: entry71(dump(held), -1) } });
  t.match(await find(devise, asked, store), { verdict: 'valid', user: 7, endsAtS: NOW_S + 60 });
  t.match(await find(devise, asked, store, NOW_S + 60), { verdict: 'invalid', reason: 'expired' });
});

t.test('a store that the option contradicts is a problem', async (t) => {
  const asks = (block: Partial<Configured>) => find({ ...cache, ...block }, asked);
  await t.rejects(asks({ store: null }), { name: 'FormatProblem', at: 'store' });
  await t.rejects(asks({ options: { sessionStore: 'active_record_store' } }), {
    name: 'FormatProblem',
    at: 'sessionStore',
  });
  await t.rejects(asks({ store: 'memcached', options: { sessionStore: 'redis_store' } }), {
    name: 'FormatProblem',
    at: 'sessionStore',
  });
});

t.test('a cookie that is no id asks no store', async (t) => {
  for (const bad of ['a b', 'a%00b', 'x'.repeat(201), '%C3%A9', '\xe9'])
    t.match(await find(cache, `_session_id=${bad}`), { verdict: 'invalid', reason: 'credential.malformed' });
  t.match(await find(cache, `_session_id=${'.'.repeat(8192)}`), { verdict: 'invalid' });
  t.match(await find(cache, `_session_id=${'.'.repeat(8193)}`), { reason: 'credential.too-long' });
  t.match(await find(cache, '_session_id='), { reason: 'credential.none' });
});

t.test('whatever a store holds, nothing throws, and what was cut off is not valid', async (t) => {
  const random = new SeededRandom(4);
  const block: Configured = { ...cache, store: 'memcached' };
  const samples = [dump(entry61(session)), entry71(payload, END_S), dump(binary(entry71(payload, END_S)))];
  for (const [at, good] of samples.entries()) {
    const flags = at === 1 ? 0 : 1;
    for (let i = 0; i < good.length; i++) {
      const { verdict } = await inCache(good.subarray(0, i), flags, block);
      if (verdict !== 'unknown') t.fail(`${verdict} for ${i} bytes of sample ${at}`);
    }
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(good);
      bytes[random.below(bytes.length)] = random.below(256);
      await inCache(bytes, random.below(4), block);
    }
  }
  t.pass();
});
