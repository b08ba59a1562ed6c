// Users are shared out by weight; each stays on his side, and changed weights move no more than they must.
import t from 'tap';
import { CookieAffinity } from '../../src/affinity/cookie-affinity.ts';
import { ByteWriter, latin1Bytes, latin1Text } from '../../src/base/byte-writer.ts';
import { RandomBytes, SeededRandom } from '../../src/base/random.ts';
import { type Side, Split } from '../../src/plan/split.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { RequestHead } from '../../src/wire/request-head.ts';

const USERS = 20_000;
const seeded = new SeededRandom(7);
/** Draws that are the same in every run. */
class SeededBytes extends RandomBytes {
  override take(n: number): number {
    for (let i = 0; i < n; i++) this.bytes[i] = seeded.below(256);
    return 0;
  }
}
const random = new SeededBytes();

interface Fake {
  readonly side: Side;
  readonly cookie: CookieAffinity | null;
  candidates: unknown[];
  serving: boolean;
}

function fake(name: string, withCookie = true): Fake {
  const options = {
    name: 'limpet',
    secrets: [`the secret of ${name}`],
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
  } as const;
  const cookie = withCookie ? new CookieAffinity(options, name, ['a'], 0) : null;
  const made: Fake = {
    cookie,
    candidates: [{}],
    serving: true,
    side: {
      affinity: true,
      // Because: all that a split looks at of a pool.
      pool: {
        name,
        refresh: () => false,
        get candidates() {
          return made.candidates;
        },
        upstreams: [
          {
            get serving() {
              return made.serving;
            },
          },
        ],
        spec: { affinity: cookie === null ? null : { cookie, cookieName: latin1Bytes('limpet') } },
      } as unknown as Pool,
    },
  };
  return made;
}

const head = new RequestHead({ requestLineBytes: 8192, headBytes: 32_768, fields: 100, strictTarget: false });
function fieldsOf(cookie: string | null) {
  const line = cookie === null ? '' : `Cookie: theme=dark; limpet=${cookie}\r\n`;
  const bytes = latin1Bytes(`GET / HTTP/1.1\r\nHost: x\r\n${line}\r\n`);
  head.parse(bytes, 0, bytes.length);
  return head.fields;
}

function splitOf(...sides: (readonly [Fake, number])[]): Split<Side> {
  const split = new Split<Side>();
  for (const [{ side }, weight] of sides) split.add(side, weight);
  return split;
}

/** The cookie that a user is given who was found to belong to `home`. */
function cookieFor(split: Split<Side>, home: Fake): string {
  const out = new ByteWriter();
  home.cookie!.write(out, 0, split.keyHi, split.keyLo, false);
  return /limpet=([^;]+)/.exec(latin1Text(out.bytes, 0, out.length))![1]!;
}

const share = (names: readonly string[], name: string): number =>
  names.filter((each) => each === name).length / names.length;

t.test(
  'new users are shared out by weight, and each comes back to his side by the cookie that he is given',
  async (t) => {
    const [v1, v2] = [fake('v1'), fake('v2')];
    const split = splitOf([v1, 95], [v2, 5]);
    t.equal(split.byCookie, true);
    let back = 0;
    const names = Array.from({ length: USERS }, () => {
      const side = split.choose(fieldsOf(null), '203.0.113.7', random);
      const cookie = cookieFor(split, side === v1.side ? v1 : v2);
      if (split.choose(fieldsOf(cookie), '198.51.100.1', random) === side) back++;
      return side.pool!.name;
    });
    t.equal(back, USERS, 'wherever they come from');
    t.ok(Math.abs(share(names, 'v2') - 0.05) < 0.01, `${share(names, 'v2')}`);
  },
);

t.test(
  'changed weights move as many as they must, all the same way, and nobody between other sides',
  async (t) => {
    const [v1, v2, v3] = [fake('v1'), fake('v2'), fake('v3')];
    const split = splitOf([v1, 90], [v2, 10], [v3, 0]);
    const users = Array.from({ length: USERS }, () => {
      const { name } = split.choose(fieldsOf(null), '', random).pool!;
      return { cookie: cookieFor(split, v1), name };
    });
    t.equal(users.filter(({ name }) => name === 'v3').length, 0, 'nobody where the weight is 0');
    split.weigh({ v2: 30 });
    t.same(split.weights, [90, 30, 0]);
    const after = users.map(({ cookie }) => split.choose(fieldsOf(cookie), '', random).pool!.name);
    t.equal(
      users.filter(({ name }, i) => name === 'v2' && after[i] !== 'v2').length,
      0,
      'nobody leaves what grew',
    );
    t.ok(Math.abs(share(after, 'v2') - 0.25) < 0.01, `${share(after, 'v2')}`);
    const reordered = splitOf([v3, 0], [v2, 30], [v1, 90]);
    t.same(
      users.map(({ cookie }) => reordered.choose(fieldsOf(cookie), '', random).pool!.name),
      after,
      'in whatever order the sides are written',
    );
  },
);

t.test(
  'a side where nobody takes users sends new ones on; one that drains keeps those who live there',
  async (t) => {
    const [v1, v2] = [fake('v1'), fake('v2')];
    const split = splitOf([v1, 1], [v2, 0]);
    split.choose(fieldsOf(null), '', random);
    const cookie = cookieFor(split, v1);
    v1.candidates = [];
    t.equal(split.choose(fieldsOf(null), '', random), v2.side, 'though its weight is 0');
    t.equal(split.choose(fieldsOf(cookie), '', random), v1.side, 'it drains');
    v1.serving = false;
    t.equal(split.choose(fieldsOf(cookie), '', random), v2.side, 'it is down');
    v2.candidates = [];
    t.equal(split.choose(fieldsOf(cookie), '', random), v1.side, 'all are: the first one answers for it');
  },
);

t.test('of three sides of which two are dead the third takes all', async (t) => {
  const sides = [fake('v1'), fake('v2'), fake('v3')] as const;
  const split = splitOf([sides[0], 90], [sides[1], 10], [sides[2], 1]);
  for (const living of sides) {
    for (const side of sides) {
      side.candidates = side === living ? [{}] : [];
      side.serving = side === living;
    }
    const names = Array.from({ length: 50 }, () => split.choose(fieldsOf(null), '', random) === living.side);
    t.notOk(names.includes(false), `${living.side.pool?.name} lives`);
  }
});

t.test('a home of another side is known to be none of a forger', async (t) => {
  const [v1, v2] = [fake('v1'), fake('v2')];
  const split = splitOf([v1, 1], [v2, 1]);
  split.choose(fieldsOf(null), '', random);
  const value = latin1Bytes(cookieFor(split, v1));
  t.equal(split.knows(v2.side, value, 0, value.length), true);
  t.equal(split.knows(v1.side, value, 0, value.length), false, 'its own is for itself to read');
  const forged = latin1Bytes(`${cookieFor(split, v1)}`.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')));
  t.equal(split.knows(v2.side, forged, 0, forged.length), false);
});

t.test(
  'without a cookie of affinity a user is known by his address; a broken cookie is as good as none',
  async (t) => {
    const [v1, v2] = [fake('v1', false), fake('v2', false)];
    const split = splitOf([v1, 50], [v2, 50]);
    t.equal(split.byCookie, false);
    const addresses = Array.from({ length: 2000 }, (_, i) => `203.0.${i >> 8}.${i & 255}`);
    const names = addresses.map((address) => split.choose(fieldsOf(null), address, random).pool!.name);
    t.same(
      addresses.map((address) => split.choose(fieldsOf('x.y'), address, random).pool!.name),
      names,
    );
    t.ok(Math.abs(share(names, 'v1') - 0.5) < 0.05, `${share(names, 'v1')}`);
    const cookies = splitOf([fake('a'), 1], [fake('b'), 1]);
    for (const broken of ['', 'x', 'a.b', `${'x'.repeat(60)}.${'y'.repeat(11)}`, `x.${'*'.repeat(11)}`])
      t.ok(cookies.choose(fieldsOf(broken), '', random));
  },
);
