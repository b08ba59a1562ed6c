// A user's home, sealed in a cookie: good over restarts, reorders, replicas and rotations; no good when forged.
import { sign, unsign } from 'cookie-signature';
import t from 'tap';
import { CookieAffinity } from '../../src/affinity/cookie-affinity.ts';
import { AFFINITY } from '../../src/affinity/home-tokens.ts';
import type { CookieOptions } from '../../src/affinity/options.ts';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { HandClock } from '../../src/base/clock.ts';
import { RandomBytes } from '../../src/base/random.ts';

const WALL = 1_700_000_000_000;
const HOUR = 3_600_000;
const NAMES = ['10.0.0.1:3000', '10.0.0.2:3000', 'blue'];

function options(changes: Partial<CookieOptions> = {}): CookieOptions {
  return {
    name: 'limpet',
    secrets: ['keyboard cat'],
    maxAgeS: null,
    path: '/',
    domain: null,
    sameSite: 'lax',
    secure: 'auto',
    httpOnly: true,
    partitioned: false,
    mode: 'insert',
    of: null,
    hide: true,
    ...changes,
  };
}

function make(
  changes: Partial<CookieOptions> = {},
  names = NAMES,
  wallMs = WALL,
  pool = 'shop',
): CookieAffinity {
  return new CookieAffinity(options(changes), pool, names, wallMs);
}

function line(affinity: CookieAffinity, position: number, secure = false, hi = 1, lo = 2): string {
  const out = new ByteWriter();
  affinity.write(out, position, hi, lo, secure);
  return Buffer.from(out.view()).toString('latin1');
}

function value(affinity: CookieAffinity, position: number, hi = 1, lo = 2): string {
  return /^Set-Cookie: [^=]+=([^;]+);/.exec(line(affinity, position, false, hi, lo))![1]!;
}

function read(affinity: CookieAffinity, text: string): number {
  const bytes = Buffer.from(`Cookie: limpet=${text}; a=b`, 'latin1');
  return affinity.read(bytes, 15, 15 + text.length);
}

t.test('what is written for an upstream is read as that upstream', async (t) => {
  const affinity = make();
  for (let i = 0; i < NAMES.length; i++) {
    t.equal(read(affinity, value(affinity, i)), i);
    t.equal(affinity.renew, false);
  }
});

t.test('the nonce comes back bit for bit', async (t) => {
  const affinity = make();
  const random = new RandomBytes();
  const seen = new Set<string>();
  for (let i = 0; i < 200; i++) {
    affinity.draw(random);
    const { nonceHi, nonceLo } = affinity;
    const text = value(affinity, 1, nonceHi, nonceLo);
    seen.add(text);
    affinity.nonceHi = 0;
    affinity.nonceLo = 0;
    t.equal(read(affinity, text), 1);
    if (affinity.nonceHi !== nonceHi || affinity.nonceLo !== nonceLo) t.fail(`${nonceHi} ${nonceLo}`);
    const raw = Buffer.from(text.split('.').at(-1)!, 'base64url');
    t.equal(raw.readInt32BE(0), nonceHi);
    t.equal(raw.readInt32BE(4), nonceLo);
  }
  t.equal(seen.size, 200, 'no nonce twice');
});

t.test('the token is a cookie-signature under the secret, and shows neither address nor name', async (t) => {
  for (const maxAgeS of [null, 28_800]) {
    const affinity = make({ maxAgeS });
    for (let i = 0; i < NAMES.length; i++) {
      const text = value(affinity, i);
      const token = text.slice(0, text.lastIndexOf('.'));
      t.not(unsign(token, 'keyboard cat'), false);
      t.equal(unsign(token, 'other'), false);
      t.notMatch(text, /10\.0|3000|blue|shop/);
      t.match(
        text,
        /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/,
        'only cookie octets (RFC 6265 section 4.1.1)',
      );
    }
  }
});

t.test('a restart, a replica or another order of upstreams makes the same token', async (t) => {
  const first = make();
  const second = make({}, ['blue', '10.0.0.2:3000', '10.0.0.1:3000']);
  t.equal(value(first, 2), value(second, 0));
  t.equal(read(second, value(first, 0)), 2);
  t.equal(read(second, value(first, 1)), 1);
});

t.test('a user of an upstream that left is lost, not forged, and keeps his nonce', async (t) => {
  const before = make();
  const after = make({}, NAMES.slice(0, 2));
  t.equal(read(after, value(before, 2, 77, -5)), AFFINITY.lost);
  t.equal(after.nonceHi, 77);
  t.equal(after.nonceLo, -5);
  t.equal(read(after, value(before, 1)), 1, 'the others stay');
});

t.test('a rotated secret moves nobody: old tokens are read and renewed', async (t) => {
  const before = make({ secrets: ['old'] });
  const after = make({ secrets: ['new', 'old'] });
  t.equal(read(after, value(before, 2)), 2);
  t.equal(after.renew, true);
  const renewed = value(after, 2, after.nonceHi, after.nonceLo);
  t.not(renewed, value(before, 2));
  t.equal(read(after, renewed), 2);
  t.equal(after.renew, false);
  t.equal(
    read(make({ secrets: ['new'] }), value(before, 2)),
    AFFINITY.forged,
    'a secret that is gone is no good',
  );
});

t.test('every changed character makes a forgery', async (t) => {
  const affinity = make();
  const genuine = value(affinity, 0);
  const token = genuine.lastIndexOf('.');
  for (let i = 0; i < token; i++) {
    const other = genuine[i] === 'A' ? 'B' : 'A';
    const forged = genuine.slice(0, i) + other + genuine.slice(i + 1);
    t.equal(read(affinity, forged), AFFINITY.forged, `character ${i}`);
  }
});

t.test('values of every other shape are forged and harm nothing', async (t) => {
  const affinity = make({ maxAgeS: 100 });
  const genuine = value(affinity, 0);
  for (let i = 0; i < genuine.length; i++)
    t.equal(read(affinity, genuine.slice(0, i)), AFFINITY.forged, `cut at ${i}`);
  t.equal(read(affinity, `${genuine}A`), AFFINITY.forged);
  t.equal(read(affinity, `${genuine.slice(0, -1)}!`), AFFINITY.forged, 'a nonce that is no base64url');
  t.equal(read(affinity, '.'.repeat(genuine.length)), AFFINITY.forged);
  t.equal(read(affinity, '\xff'.repeat(genuine.length)), AFFINITY.forged);
  t.equal(read(affinity, genuine), 0);
});

t.test("another pool's cookie under the same secret is foreign, not lost", async (t) => {
  t.equal(read(make({}, NAMES, WALL, 'blog'), value(make(), 0)), AFFINITY.forged);
});

t.test('a genuine signature by the app with the same secret names nobody', async (t) => {
  const affinity = make();
  t.equal(read(affinity, `${sign('aaaaaaaabbbbbbbbbbbb', 'keyboard cat')}.AAAAAAAAAAA`), AFFINITY.forged);
});

t.test(
  'with a maximum age: kept through its life, renewed past half of it, worth nothing after',
  async (t) => {
    const clock = new HandClock(0, WALL - (WALL % (2 * HOUR)));
    const affinity = make({ maxAgeS: 8 * 3600 }, NAMES, clock.wallMs());
    const text = value(affinity, 1);
    const at = (hours: number): number => {
      clock.advance(hours * HOUR - clock.nowMs());
      affinity.tick(clock.wallMs());
      return read(affinity, text);
    };
    t.equal(at(0), 1);
    t.equal(affinity.renew, false);
    t.equal(at(3.9), 1);
    t.equal(affinity.renew, false, 'not before half its life');
    t.equal(at(6), 1);
    t.equal(affinity.renew, true);
    t.equal(at(8), 1);
    t.equal(at(9.9), 1);
    t.equal(at(10), AFFINITY.none);
    t.equal(at(1000), AFFINITY.none);
    t.equal(read(affinity, value(affinity, 2)), 2, 'what is written now is of now');
    t.equal(affinity.renew, false);
  },
);

t.test('a replica whose clock is a little ahead is understood, one that is far ahead is not', async (t) => {
  const affinity = make({ maxAgeS: 400 });
  t.equal(read(affinity, value(make({ maxAgeS: 400 }, NAMES, WALL + 100_000), 1)), 1);
  t.equal(read(affinity, value(make({ maxAgeS: 400 }, NAMES, WALL + 300_000), 1)), AFFINITY.none);
});

t.test('a changed maxAge moves nobody', async (t) => {
  const long = make({ maxAgeS: 28_800 });
  const short = make({ maxAgeS: 20_000 });
  const endless = make();
  t.equal(read(short, value(long, 1)), 1);
  t.equal(short.renew, true);
  t.equal(read(endless, value(long, 1)), 1);
  t.equal(endless.renew, true);
  t.equal(read(long, value(endless, 2)), 2);
  t.equal(long.renew, true);
});

t.test(
  'a flood of well-shaped forgeries uses up its allowance, and no user with a home notices',
  async (t) => {
    const affinity = make();
    const other = make({}, ['gone']);
    const genuine = value(affinity, 1);
    for (let i = 0; i < 200; i++) {
      const id = `${genuine.slice(0, 8)}${i.toString(36).padStart(12, '0')}`;
      t.equal(read(affinity, `${sign(id, 'wrong')}.AAAAAAAAAAA`), AFFINITY.forged);
    }
    t.equal(read(affinity, value(other, 0)), AFFINITY.forged, 'no check is left to see that it is genuine');
    t.equal(read(affinity, genuine), 1);
    affinity.tick(WALL + 1000);
    t.equal(read(affinity, value(other, 0)), AFFINITY.lost, 'a second later there is');
  },
);

t.test('all users of a lost upstream cost one check together', async (t) => {
  const affinity = make();
  const text = value(make({}, ['gone']), 0);
  for (let i = 0; i < 1000; i++) if (read(affinity, text) !== AFFINITY.lost) t.fail(`read ${i}`);
  t.pass('more than the allowance');
});

t.test('attributes are written as configured', async (t) => {
  const v = 'A{0}[\\w.+/-]+';
  t.match(line(make(), 0), new RegExp(`^Set-Cookie: limpet=${v}; Path=/; SameSite=Lax; HttpOnly\r\n$`));
  t.match(
    line(make(), 0, true),
    new RegExp(`^Set-Cookie: limpet=${v}; Path=/; SameSite=Lax; HttpOnly; Secure\r\n$`),
  );
  t.match(line(make({ secure: false }), 0, true), /HttpOnly\r\n$/);
  t.match(
    line(make({ secure: true, httpOnly: false, sameSite: 'strict' }), 0),
    /; SameSite=Strict; Secure\r\n$/,
  );
  const full = make({
    name: 'home',
    path: '/app',
    domain: 'example.com',
    maxAgeS: 60,
    sameSite: 'none',
    partitioned: true,
  });
  t.match(
    line(full, 0, true),
    /^Set-Cookie: home=\S+; Path=\/app; Domain=example\.com; Max-Age=60; SameSite=None; HttpOnly; Secure; Partitioned\r\n$/,
  );
  t.match(
    line(full, 0, false),
    /; Max-Age=60; HttpOnly\r\n$/,
    'nothing that a browser would refuse without Secure',
  );
});
