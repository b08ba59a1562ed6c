// What an operator is told of a pool, by what was counted of it.
import t from 'tap';
import { judge } from '../../src/process/continuity-view.ts';

const judged = (changed: number, moved: number, same = 0, kept = 1000) =>
  judge('shop', { requests: { first: 0, kept, changed }, resets: { moved, same } });

t.test('losses that go with changes of instance are dependence', async (t) => {
  t.same(judged(50, 41), {
    finding: 'depends',
    sentence: 'pool shop depends on stickiness: 41 sessions were lost in 50 changes of instance',
  });
  t.match(judged(1204, 3, 1, 10_000), {
    finding: 'depends',
    sentence:
      'pool shop depends on stickiness: 3 sessions were lost in 1,204 changes of instance; 1 was lost where it had been, which is no matter of stickiness',
  });
});

t.test('many changes and no loss mean that affinity can go', async (t) => {
  t.same(judged(1204, 0), {
    finding: 'free',
    sentence: 'no session was lost in 1,204 changes of instance: affinity can go',
  });
  t.match(judged(1204, 0, 7).sentence, /affinity can go; 7 were lost where they had been/);
});

t.test('losses that are as frequent without a change are no matter of changes', async (t) => {
  t.match(judged(1000, 20, 20), {
    finding: 'unrelated',
    sentence: /20 sessions were lost in 1,000 changes of instance, which is about as often as without one/,
  });
  t.match(judged(1000, 2), {
    finding: 'unrelated',
    sentence: '2 sessions were lost in 1,000 changes of instance: affinity is not what keeps them',
  });
  t.match(judged(1000, 1), { finding: 'unrelated', sentence: /^1 session was lost in/ });
});

t.test('too few changes say nothing, and how to make some', async (t) => {
  t.match(judged(0, 0), {
    finding: 'unclear',
    sentence:
      'not enough changes seen yet (no session has changed its instance): take an instance out (maintenance) or run `limpet drill` to make some',
  });
  t.match(judged(1, 0).sentence, /\(0 sessions were lost in 1 change of instance\)/);
  t.match(judged(7, 2), {
    finding: 'unclear',
    sentence: /\(2 sessions were lost in 7 changes of instance\)/,
  });
});
