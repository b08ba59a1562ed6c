// Listeners that a reload has taken out are kept until nobody is left who could outlast their deadline.
import t from 'tap';
import type { Listener } from '../../src/proxy/listener.ts';
import { ListenerSet } from '../../src/proxy/listener-set.ts';

t.test('a listener that was taken out is cut at its deadline, whoever is left by then', async (t) => {
  const done: string[] = [];
  const listener = {
    isOver: false,
    drain: (ms: number) => done.push(`drain ${ms}`),
    leave: () => done.push('leave'),
    kill: () => done.push('kill'),
  };
  const set = new ListenerSet();
  // Because: a set asks no more of its listeners than this; real ones need a data plane.
  const real = listener as unknown as Listener;
  set.use([real], 0, 3000);
  set.use([], 1000, 3000);
  set.everySecond(2000);
  set.leave();
  t.same(done, ['drain 3000', 'leave'], 'those who are there, or have not said yet who they are, keep it');
  set.everySecond(4000);
  t.same(done.splice(0), ['drain 3000', 'leave', 'kill']);
  listener.isOver = true;
  set.everySecond(5000);
  set.everySecond(6000);
  t.same(done.splice(0), ['kill'], 'and it is let go of once nobody is left');
});
