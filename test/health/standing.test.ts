// Which sign wins.
import t from 'tap';
import { type Signs, standingOf } from '../../src/health/standing.ts';

const none: Signs = {
  unresolved: null,
  checked: null,
  gone: null,
  hung: null,
  failing: null,
  suspected: null,
};

t.test('each sign alone', async (t) => {
  const rows: readonly (readonly [Partial<Signs>, string])[] = [
    [{}, 'up'],
    [{ unresolved: 'x' }, 'down'],
    [{ checked: { healthy: false, why: 'x' } }, 'down'],
    [{ checked: { healthy: null, why: '' } }, 'starting'],
    [{ checked: { healthy: true, why: '' } }, 'up'],
    [{ gone: 'x' }, 'ejected'],
    [{ hung: 'x' }, 'ejected'],
    [{ failing: 'x' }, 'ejected'],
    [{ suspected: 'x' }, 'suspected'],
  ];
  for (const [sign, observed] of rows) {
    t.equal(standingOf({ ...none, ...sign }, false).observed, observed, JSON.stringify(sign));
  }
});

t.test('the table from its last row up: each sign wins over all that stand below it', async (t) => {
  let signs: Signs = { ...none, checked: { healthy: null, why: '' } };
  const steps: readonly (readonly [Partial<Signs>, string, string])[] = [
    [{ suspected: 'silent' }, 'suspected', 'silent'],
    [{ failing: '3 failures' }, 'ejected', '3 failures'],
    [{ hung: 'hung' }, 'ejected', 'hung'],
    [{ gone: 'connect refused' }, 'ejected', 'connect refused'],
    [{ checked: { healthy: false, why: 'answered 503' } }, 'down', 'health check: answered 503'],
    [{ unresolved: 'no such name' }, 'down', 'no such name'],
  ];
  for (const [sign, observed, why] of steps) {
    signs = { ...signs, ...sign };
    t.same(standingOf(signs, false), { observed, why });
  }
});

t.test('a hung one that is alone keeps its users, unless it fails as well', async (t) => {
  t.equal(standingOf({ ...none, hung: 'x' }, true).observed, 'suspected');
  t.equal(standingOf({ ...none, hung: 'x', failing: 'y' }, true).observed, 'ejected');
});
