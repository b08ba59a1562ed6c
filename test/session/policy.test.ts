// Who passes by verdict and reason, where a store is away or a cookie ambiguous.
import t from 'tap';
import type { SessionOptions } from '../../src/session/options.ts';
import { SessionPolicy } from '../../src/session/policy.ts';
import { REASONS, type Reason, VERDICT_NAMES, type Verdict } from '../../src/session/verdict.ts';

const NONE = { exempt: [], onFail: { kind: 'auto' } } as const;
const policy = (
  require: SessionOptions['require'],
  unjudged: SessionOptions['outage']['unjudged'],
  ambiguous: SessionOptions['ambiguous'] = 'forward',
): SessionPolicy =>
  new SessionPolicy({ ...NONE, require, ambiguous, outage: { graceMs: 0, unjudged, readyz: false } });
const passes = (of: SessionPolicy, verdict: Verdict, reason: Reason): boolean =>
  of.mayPass(VERDICT_NAMES.indexOf(verdict), reason);
const reasons = Object.keys(REASONS) as Reason[]; // the keys of a closed table

t.test('what cannot be told passes, whatever the reason, unless it is refused outright', async (t) => {
  for (const require of ['login', 'session', 'nothing'] as const) {
    for (const reason of reasons)
      t.equal(passes(policy(require, 'forward'), 'unknown', reason), true, reason);
  }
});

t.test(
  '`then: 503` refuses those that a store which is away would have to judge, and nobody else',
  async (t) => {
    for (const require of ['login', 'session'] as const) {
      const refused = reasons.filter((reason) => !passes(policy(require, '503'), 'unknown', reason));
      t.same(refused, ['store.down', 'store.late', 'store.busy']);
      t.equal(passes(policy(require, '503'), 'valid', 'user.known'), true);
      t.equal(passes(policy(require, '503'), 'anonymous', 'user.none'), require === 'session');
    }
    t.same(
      reasons.filter((reason) => !passes(policy('nothing', '503', 'refuse'), 'unknown', reason)),
      [],
      '`nothing` refuses nobody',
    );
  },
);

t.test('ambiguous cookies are refused where that is asked for', async (t) => {
  const refused = reasons.filter(
    (reason) => !passes(policy('login', 'forward', 'refuse'), 'unknown', reason),
  );
  t.same(refused, ['credential.ambiguous']);
});
