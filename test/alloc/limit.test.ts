// A rate limit, a list of addresses and a count of connections cost no memory per request.
import t from 'tap';
import { latin1Bytes } from '../../src/base/byte-writer.ts';
import { AccessList } from '../../src/limit/access-list.ts';
import { AddressCounts } from '../../src/limit/address-counts.ts';
import { parseAddress } from '../../src/limit/address-words.ts';
import type { LimitBy } from '../../src/limit/options.ts';
import { GateMaker, ownGateTools } from '../../src/plan/route-gate.ts';
import { findClient, findUser } from '../../src/proxy/limit-key.ts';
import { Standing, type StandingOwner } from '../../src/session/standing.ts';
import { VERDICT_NAMES } from '../../src/session/verdict.ts';
import { PARSE } from '../../src/wire/head-fields.ts';
import { RequestHead } from '../../src/wire/request-head.ts';
import { bytesPerCall, NOISE_BYTES } from './bytes-per-call.ts';

const BYTES = latin1Bytes(
  'GET / HTTP/1.1\r\nHost: x\r\nX-Key: abcdef\r\nCookie: a=1; sid=0123456789abcdef\r\n\r\n',
);
const head = new RequestHead({ requestLineBytes: 8192, headBytes: 32_768, fields: 100, strictTarget: false });
if (head.parse(BYTES, 0, BYTES.length) !== PARSE.done) throw new Error('no head');
const addresses = [parseAddress('192.0.2.1'), parseAddress('2001:db8::1')];

function limitBy(by: LimitBy) {
  const options = { name: by.by, count: 1000, perMs: 1000, burst: 1000, by, dryRun: false, shared: -1 };
  const gate = new GateMaker(ownGateTools(), 64).gateOf({ access: null, rateLimits: [options] })!;
  return (gate.early[0] ?? gate.late[0])!;
}

for (const by of [
  { by: 'address' },
  { by: 'everyone' },
  { by: 'header', name: 'X-Key' },
  { by: 'header', name: 'X-None' },
  { by: 'cookie', name: 'sid' },
] as const) {
  t.test(
    `a limit by ${by.by}${'name' in by ? ` ${by.name}` : ''} counts without allocation, also what it refuses`,
    async (t) => {
      const limit = limitBy(by);
      let passed = 0;
      const bytes = bytesPerCall((i) => {
        findClient(limit, head.fields, addresses[i & 1]!);
        // A fourth of the rate that is let in, so that most are refused.
        if (limit.limit.take(1000 + (i >> 2))) passed++;
      });
      t.ok(passed > 0);
      t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
    },
  );
}

t.test('a limit by user counts without allocation', async (t) => {
  const limit = limitBy({ by: 'session-user' });
  const owner = { name: 'members' } as StandingOwner; // all that is asked of it
  const valid = VERDICT_NAMES.indexOf('valid');
  const kind = { verifier: owner, verdict: valid, reason: 'user.known' } as const;
  const lines = 'Limpet-Session: valid\r\nLimpet-User: ann@example.com\r\n';
  const told = new Standing(kind, 0, lines);
  const stored = new Standing(kind, 0, 'Limpet-Session: valid\r\n');
  stored.facts = { session: 's', user: 'bob', tokenId: null, issuedAtS: null };
  let found = 0;
  const bytes = bytesPerCall((i) => {
    if (findUser(limit, i % 2 === 0 ? told : stored) && limit.limit.take(1000 + i)) found++;
  });
  t.ok(found > 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('lists and counts of addresses are asked without allocation', async (t) => {
  const list = new AccessList(
    {
      allow: null,
      deny: { blocks: ['10.0.0.0/8', '192.0.2.128/25', '2001:db9::/32', 'fd00::/8'], files: [] },
    },
    new Map(),
  );
  const counts = new AddressCounts(AddressCounts.allocate(100, 1), 0, 64);
  let welcome = 0;
  const bytes = bytesPerCall((i) => {
    const address = addresses[i & 1]!;
    if (list.mayCome(address)) welcome++;
    counts.leave(counts.arrive(address));
  });
  t.ok(welcome > 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});
