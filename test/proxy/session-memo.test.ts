// Connections that remember their users' sessions side by side: none is ever given what is another's.
import t from 'tap';
import { ByteWriter, latin1Bytes } from '../../src/base/byte-writer.ts';
import { CELL_BYTES, MemoCells } from '../../src/proxy/memo-cells.ts';
import { SessionMemo } from '../../src/proxy/session-memo.ts';
import { SessionGuard } from '../../src/session/guard.ts';
import { Standing, type StandingOwner } from '../../src/session/standing.ts';
import { RequestHead } from '../../src/wire/request-head.ts';

const owner: StandingOwner = {
  name: 'members',
  // Nobody asks it here.
  policy: {} as StandingOwner['policy'],
  cookie: 'sid',
  bearer: true,
  againMs: 0,
  sequence: 0,
  isAt: () => true,
  countAgain: () => {},
  awaitToken: () => false,
};
const guard = new SessionGuard([]);
const head = new RequestHead({ requestLineBytes: 8192, headBytes: 32_768, fields: 100, strictTarget: false });
/** Heads are read from one buffer, as in a worker. */
const buffer = new Uint8Array(40_000);

function fieldsOf(cookie: string, token: string | null) {
  const authorization = token === null ? '' : `Authorization: Bearer ${token}\r\n`;
  const bytes = latin1Bytes(`GET /x HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n${authorization}\r\n`);
  buffer.set(bytes);
  head.parse(buffer, 0, bytes.length);
  return head.fields;
}

/** A user: by his number his cookie is short, fills a cell, or needs more; some show a token beside. */
class User {
  readonly memo = new SessionMemo();
  readonly cookie: string;
  readonly token: string | null;
  readonly standing: Standing;

  constructor(n: number) {
    this.cookie = `sid=${n}.${'x'.repeat([20, 120, 300, 470, 900][n % 5]!)}`;
    this.token = n % 3 === 0 ? `token-of-${n}` : null;
    this.standing = new Standing(
      { verifier: owner, verdict: 0, reason: 'check.none' },
      1000,
      `Limpet-Session: valid\r\nLimpet-User: ${n}\r\n`,
    );
    this.memo.keep(guard, fieldsOf(this.cookie, this.token), this.standing);
  }

  finds(cookie = this.cookie, token = this.token): boolean {
    return this.memo.find(guard, fieldsOf(cookie, token), 1) === this.standing;
  }

  /** What the app is told of him; null: the connection has it no more. */
  told(): string | null {
    const out = new ByteWriter(64);
    return this.memo.layLines(out) ? Buffer.from(out.view()).toString() : null;
  }
}

t.test('hundreds come and go, and each finds his own', async (t) => {
  if (!guard.memorable) t.fail('a guard that nothing is remembered for would prove nothing');
  let users = Array.from({ length: 400 }, (_, n) => new User(n));
  for (let round = 0; round < 3; round++) {
    for (const user of users) {
      if (!user.finds()) t.fail(`${user.cookie} is not found`);
      if (user.told() !== user.standing.lines) t.fail(`${user.cookie} is told of as ${user.told()}`);
      const { cookies, authorization } = user.memo.source('192.0.2.1');
      const shown = user.token === null ? null : `Bearer ${user.token}`;
      if (cookies !== user.cookie || authorization !== shown) t.fail(`${user.cookie} is read as ${cookies}`);
    }
    // Every third leaves, and others take the places.
    users.forEach((user, i) => {
      if (i % 3 === round) user.memo.release();
    });
    users = users.map((user, i) => (i % 3 === round ? new User(1000 * (round + 1) + i) : user));
  }
  const [one, other] = users;
  t.ok(one!.finds());
  t.notOk(one!.finds(other!.cookie, other!.token));
});

t.test('one whose connection is gone remembers nothing, and is given nothing more', async (t) => {
  const gone = new User(1);
  gone.memo.release();
  const next = new User(2);
  t.notOk(gone.finds());
  t.equal(gone.told(), null);
  t.equal(gone.memo.source('192.0.2.1').cookies, '');
  gone.memo.keep(guard, fieldsOf(gone.cookie, gone.token), gone.standing);
  t.notOk(gone.finds());
  gone.memo.release();
  t.ok(next.finds(), 'let go of twice, it gives nothing back that is in use');
  t.equal(new User(6).finds() && next.finds(), true);
});

t.test('who shows another credential is remembered by that', async (t) => {
  const user = new User(0);
  const changes = [User, User].map((_, i) => new User(3 + i));
  for (const as of [...changes, new User(5)]) {
    user.memo.keep(guard, fieldsOf(as.cookie, as.token), as.standing);
    t.equal(user.memo.find(guard, fieldsOf(as.cookie, as.token), 1), as.standing);
    t.equal(user.told(), as.standing.lines);
    t.equal(user.memo.find(guard, fieldsOf(user.cookie, user.token), 1), null);
  }
});

t.test('cells: no two share a place, and blocks that nobody uses are let go of', async (t) => {
  const cells = new MemoCells();
  const taken = Array.from({ length: 1000 }, () => {
    const block = cells.blockWithRoom();
    return { block, at: block.take() };
  });
  t.equal(new Set(taken.map(({ block }) => block)).size, Math.ceil(1000 / ((64 * 1024) / CELL_BYTES)));
  const places = new Map<object, Set<number>>();
  for (const { block, at } of taken) {
    const of = places.get(block) ?? new Set();
    if (of.has(at) || at % CELL_BYTES !== 0) t.fail(`${at} twice, or askew`);
    places.set(block, of.add(at));
  }
  for (const { block, at } of taken) cells.giveBack(block, at);
  const again = new Set(
    Array.from({ length: 128 }, () => cells.blockWithRoom()).map((block) => [block, block.take()][0]),
  );
  t.equal(again.size, 1, 'one was kept');
});
