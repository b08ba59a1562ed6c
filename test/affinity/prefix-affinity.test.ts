// The app's own session cookie carries the mark out and loses it on the way in.
import t from 'tap';
import { AFFINITY } from '../../src/affinity/home-tokens.ts';
import type { CookieOptions } from '../../src/affinity/options.ts';
import { PrefixAffinity } from '../../src/affinity/prefix-affinity.ts';
import { ByteWriter } from '../../src/base/byte-writer.ts';

const WALL = 1_700_000_000_000;

function make(secrets = ['keyboard cat'], names = ['a', 'b', 'c']): PrefixAffinity {
  const options: CookieOptions = {
    name: 'limpet',
    secrets,
    maxAgeS: null,
    path: '/',
    domain: null,
    sameSite: 'lax',
    secure: 'auto',
    httpOnly: true,
    partitioned: false,
    mode: 'prefix',
    of: 'connect.sid',
    hide: true,
  };
  return new PrefixAffinity(options, 'shop', names, WALL);
}

/** The line written for a Set-Cookie value, or null where it is passed as it is. */
function rewrite(affinity: PrefixAffinity, field: string, position: number): string | null {
  const out = new ByteWriter();
  const bytes = Buffer.from(`..${field}..`, 'latin1');
  const written = affinity.rewrite(out, bytes, 2, 2 + Buffer.byteLength(field, 'latin1'), position);
  if (!written && out.length > 0) throw new Error('wrote something all the same');
  return written ? Buffer.from(out.view()).toString('latin1') : null;
}

function read(affinity: PrefixAffinity, value: string): [home: number, appValue: string] {
  const bytes = Buffer.from(`connect.sid=${value}; x=y`, 'latin1');
  const home = affinity.read(bytes, 12, 12 + value.length);
  return [home, bytes.toString('latin1', affinity.appStart, 12 + value.length)];
}

t.test('the mark goes out before the value, attributes untouched, and comes off again', async (t) => {
  const affinity = make();
  const line = rewrite(affinity, 'connect.sid=s%3Aabc.def; Path=/; HttpOnly; SameSite=Lax', 1)!;
  const value = /^Set-Cookie: connect\.sid=(\S+~s%3Aabc\.def); Path=\/; HttpOnly; SameSite=Lax\r\n$/.exec(
    line,
  )![1]!;
  t.same(read(affinity, value), [1, 's%3Aabc.def']);
  t.same(read(make(), value), [1, 's%3Aabc.def'], 'after a restart as well');
});

t.test('values of every form survive the round trip', async (t) => {
  const affinity = make();
  for (const app of ['x', '"quoted"', 'a~b~c', '~', 'a=b=c', 'é\xff', 'x'.repeat(3000)]) {
    const line = rewrite(affinity, `connect.sid=${app}`, 2)!;
    const value = line.slice('Set-Cookie: connect.sid='.length, -2);
    t.same(read(affinity, value), [2, app], app.slice(0, 10));
  }
});

t.test('other cookies and deletions pass as they are', async (t) => {
  const affinity = make();
  for (const field of [
    'other=1',
    'connect.sid2=1',
    'Connect.Sid=1',
    'connect.si',
    'connect.sid',
    '',
    'connect.sid=',
    'connect.sid= ; Max-Age=0',
    'connect.sid=; Path=/',
  ]) {
    t.equal(rewrite(affinity, field, 0), null, field);
  }
  t.match(
    rewrite(affinity, ' connect.sid = v', 0),
    /^Set-Cookie: {2}connect\.sid = \S+~v\r\n$/,
    'white space as browsers take it',
  );
});

t.test('a cookie from before the mark names nobody and is not touched', async (t) => {
  const affinity = make();
  for (const value of [
    '',
    's%3Aabc',
    'x'.repeat(64),
    `${'x'.repeat(20)}.${'y'.repeat(43)}`,
    `${'x'.repeat(64)}~abc`,
  ]) {
    t.same(read(affinity, value), [AFFINITY.none, value]);
  }
});

t.test('a mark under lost secrets costs the home, not the session', async (t) => {
  const line = rewrite(make(['old']), 'connect.sid=v', 1)!;
  const value = line.slice('Set-Cookie: connect.sid='.length, -2);
  t.same(read(make(['new']), value), [AFFINITY.forged, 'v']);
  t.same(read(make(['new', 'old']), value), [1, 'v'], 'a rotation costs nothing');
});

t.test('a home that left is lost, and all requests of the session have the same nonce', async (t) => {
  const line = rewrite(make(), 'connect.sid=v', 2)!;
  const value = line.slice('Set-Cookie: connect.sid='.length, -2);
  const affinity = make(['keyboard cat'], ['a', 'b']);
  t.same(read(affinity, value), [AFFINITY.lost, 'v']);
  const { nonceHi, nonceLo } = affinity;
  read(affinity, 'w');
  t.not(affinity.nonceHi, nonceHi);
  t.not(affinity.nonceLo, nonceLo);
  read(affinity, value);
  t.equal(affinity.nonceHi, nonceHi);
  t.equal(affinity.nonceLo, nonceLo);
});
