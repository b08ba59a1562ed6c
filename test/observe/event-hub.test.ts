// Events are numbered, kept up to a bound, and told to whoever listens at that moment.
import t from 'tap';
import { EventHub, type HouseEvent } from '../../src/observe/event-hub.ts';

t.test(
  'who listens hears of each event until he leaves; who comes late asks for those after a number',
  async (t) => {
    const hub = new EventHub(() => Date.UTC(2026, 0, 2));
    const heard: HouseEvent[] = [];
    hub.publish('process', 'info', 'started');
    const leave = hub.listen((event) => heard.push(event));
    hub.publish('health', 'warn', 'app1 is down', { pool: 'shop', upstream: 'app1' });
    leave();
    hub.publish('health', 'info', 'app1 is up', { pool: 'shop', upstream: 'app1' });
    t.same(heard, [
      {
        id: 2,
        at: '2026-01-02T00:00:00.000Z',
        kind: 'health',
        level: 'warn',
        text: 'app1 is down',
        fields: { pool: 'shop', upstream: 'app1' },
      },
    ]);
    t.same(
      hub.since(0).map((event) => event.id),
      [1, 2, 3],
    );
    t.same(
      hub.since(2).map((event) => event.text),
      ['app1 is up'],
    );
  },
);

t.test('of many the last are kept', async (t) => {
  const hub = new EventHub(Date.now);
  for (let i = 0; i < 1200; i++) hub.publish('moved', 'info', 'a user was moved');
  const kept = hub.since(0);
  t.equal(kept.length, 500);
  t.equal(kept[0]!.id, 701);
});
