// What holds of ASP.NET Core's two cookies: algorithms, purposes, chunks, ends, and what an attacker may try.
import t from 'tap';
import type { StoredCell, StoreReader } from '../../../src/session/store.ts';
import { buildFormat, type Configured } from '../../vectors/judge.ts';
import {
  NAME_ID,
  netSession,
  protect,
  type RingKey,
  ringKey,
  ticket,
  writeKey,
  writeRevocation,
} from './aspnet-kit.ts';
import { find, identity, NOW_S, request, spoiled } from './python-kit.ts';

const AUTH = [
  'app',
  'Microsoft.AspNetCore.Authentication.Cookies.CookieAuthenticationMiddleware',
  'Cookies',
  'v2',
];
const SESSION = ['app', 'SessionMiddleware'];
const ID = '0f8fad5b-d9cb-469f-a165-70867728950e';

const folder = t.testdir();
const key = ringKey('one');
const others = [
  ringKey('two', { hash: 'sha512' }),
  ringKey('three', { mode: 'GCM' }),
  ringKey('four', { bits: 128 }),
  ringKey('five', { bits: 128, mode: 'GCM' }),
  ringKey('six', { bits: 192 }),
];
const revoked = ringKey('seven');
for (const each of [key, ...others, revoked]) writeKey(folder, each);
writeRevocation(folder, revoked.id, '2026-11-02T00:00:00Z');

const auth: Configured = { verify: 'aspnetcore-auth', options: { keys: folder, application: 'app' } };
const state: Configured = {
  verify: 'aspnetcore-session',
  store: 'redis',
  prefix: 'inst:',
  user: ['UserId'],
  options: { keys: folder, application: 'app' },
};

const date = (atS: number): string => new Date(atS * 1000).toUTCString();
const signedIn = ticket({ [NAME_ID]: '42' }, { '.expires': date(NOW_S + 60) });
const ticketCookie = (plain = signedIn, by: RingKey = key, purposes = AUTH): string =>
  protect(plain, by, purposes).toString('base64url');
const stateCookie = (id = ID, by: RingKey = key, purposes = SESSION): string =>
  protect(Buffer.from(id), by, purposes).toString('base64').replace(/=+$/, '');
const asked = (value: string): string => `.AspNetCore.Cookies=${value}`;
const session = (value: string): string => `.AspNetCore.Session=${value}`;

function redis(data: StoredCell, endsAtS: number | null = null): StoreReader {
  return {
    get: async (query) =>
      query.kind === 'hash' && query.key === `inst:${ID}`
        ? { bytes: new Uint8Array(0), cells: new Map([['data', data]]), flags: 0, mtimeS: null, endsAtS }
        : null,
  };
}

t.test('a ticket of any key and algorithm names its user and its end', async (t) => {
  for (const by of [key, ...others])
    t.match(await find(auth, asked(ticketCookie(signedIn, by))), {
      verdict: 'valid',
      user: '42',
      endsAtS: NOW_S + 60,
    });
});

t.test('a ticket ends when it says, and never where it says nothing', async (t) => {
  const cookie = asked(ticketCookie());
  t.equal((await find(auth, cookie, undefined, NOW_S + 60)).verdict, 'valid');
  t.match(await find(auth, cookie, undefined, NOW_S + 61), { verdict: 'invalid', reason: 'expired' });
  const endless = asked(ticketCookie(ticket({ [NAME_ID]: '42' })));
  t.match(await find(auth, endless, undefined, NOW_S * 2), { verdict: 'valid', endsAtS: null });
});

t.test('tickets of other keys, apps, schemes and revoked keys are none', async (t) => {
  const reason = async (value: string): Promise<string> => (await find(auth, asked(value))).reason;
  t.equal(await reason(ticketCookie(signedIn, ringKey('stranger'))), 'token.key');
  t.equal(await reason(ticketCookie(signedIn, revoked)), 'token.key');
  t.equal(await reason(ticketCookie(signedIn, { ...key, master: Buffer.alloc(64) })), 'decrypt.failed');
  t.equal(await reason(ticketCookie(signedIn, key, ['other', ...AUTH.slice(1)])), 'decrypt.failed');
  t.equal(await reason(ticketCookie(signedIn, key, SESSION)), 'decrypt.failed');
  const identityScheme = [...AUTH.slice(0, 2), 'Identity.Application', 'v2'];
  t.equal(await reason(ticketCookie(signedIn, key, identityScheme)), 'decrypt.failed');
  const withScheme = { ...auth, options: { ...auth.options, scheme: 'Identity.Application' } };
  t.equal((await find(withScheme, asked(ticketCookie(signedIn, key, identityScheme)))).user, '42');
});

t.test('a ticket in several cookies is put together, and a missing part is no ticket', async (t) => {
  const long = ticketCookie(ticket({ [NAME_ID]: '42', fill: 'x'.repeat(9000) }));
  const parts = long.match(/.{1,4000}/g) ?? [];
  const chunks = parts.map((part, i) => `.AspNetCore.CookiesC${i + 1}=${part}`);
  const head = asked(`chunks-${parts.length}`);
  t.ok(parts.length > 2);
  t.equal((await find(auth, [head, ...chunks].join('; '))).user, '42');
  t.equal((await find(auth, [...chunks, head].join('; '))).user, '42');
  t.equal((await find(auth, [head, ...chunks.slice(1)].join('; '))).verdict, 'invalid');
  t.equal((await find(auth, [asked('chunks-1'), ...chunks].join('; '))).verdict, 'invalid');
  t.equal((await find(auth, asked('chunks-99'))).verdict, 'invalid');
});

t.test('who is behind a ticket that is stored elsewhere, only the app can look up', async (t) => {
  const kept = ticket({ 'Microsoft.AspNetCore.Authentication.Cookies-SessionId': 'abc' });
  t.match(await find(auth, asked(ticketCookie(kept))), { verdict: 'unknown', reason: 'user.elsewhere' });
  t.match(await find(auth, asked(ticketCookie(ticket({ role: 'x' })))), { verdict: 'anonymous' });
});

t.test('a session in Redis names its user as text or as a number', async (t) => {
  const store = redis(netSession({ UserId: 'ann', n: Buffer.from([0, 0, 1, 2]) }), NOW_S + 9);
  t.match(await find(state, session(stateCookie()), store), {
    verdict: 'valid',
    user: 'ann',
    endsAtS: NOW_S + 9,
  });
  const numbers = { ...state, user: ['n'], options: { ...state.options, userEncoding: 'int32' } };
  t.match(await find(numbers, session(stateCookie()), store), { verdict: 'valid', user: 258 });
  t.match(await find({ ...numbers, user: ['UserId'] }, session(stateCookie()), store), {
    verdict: 'anonymous',
  });
  t.match(await find({ ...state, user: ['none'] }, session(stateCookie()), store), { verdict: 'anonymous' });
});

t.test('a session that is not there, or not one, is as the app takes it', async (t) => {
  const found = (data: StoredCell, cookie = stateCookie()) => find(state, session(cookie), redis(data));
  const values = netSession({ UserId: 'ann' });
  t.match(await found(null), { reason: 'store.none' });
  t.match(await found(values, stateCookie(ID.replace('0', '1'))), { reason: 'store.none' });
  t.match(await found(Buffer.from('another format')), { verdict: 'anonymous' });
  t.match(await found(values.subarray(0, 25)), { verdict: 'unknown', reason: 'store.malformed' });
  t.match(await found('text'), { verdict: 'unknown', reason: 'store.malformed' });
  t.match(await found(values, stateCookie('short')), { verdict: 'invalid' });
  t.match(await found(values, stateCookie(ID, key, AUTH)), { reason: 'decrypt.failed' });
  t.match(await found(values, stateCookie(ID, revoked)), { reason: 'token.key' });
});

t.test('no spoiled cookie is valid, and none throws', async (t) => {
  const store = redis(netSession({ UserId: 'ann' }));
  for (const [block, cookie, good] of [
    [auth, asked, ticketCookie()],
    [auth, asked, ticketCookie(signedIn, others[1])],
    [state, session, stateCookie()],
  ] as const) {
    const format = buildFormat(block);
    const same = identity(block, cookie(good));
    for (const bad of spoiled(good)) {
      const read = format.read(request(cookie(bad)), NOW_S);
      // Bits of base64 that nobody reads make no other session.
      if ('identity' in read && read.identity === same) continue;
      t.equal((await find(format, cookie(bad), store)).verdict, 'invalid', bad.slice(0, 80));
    }
  }
  t.equal((await find(state, session('a'.repeat(8193)))).reason, 'credential.too-long');
  t.equal((await find(auth, '')).reason, 'credential.none');
});

t.test('without a ring or a name of the app there is nothing to check with', (t) => {
  const build = (options: object) => () => buildFormat({ ...auth, options: { ...options } });
  t.throws(build({ application: 'app' }), { name: 'FormatProblem', at: 'verify' });
  t.throws(build({ keys: folder }), { name: 'FormatProblem', at: 'verify' });
  t.throws(build({ keys: `${folder}/none`, application: 'app' }), {
    name: 'FormatProblem',
    at: 'verify.aspnetcore-auth.keys',
  });
  t.end();
});
