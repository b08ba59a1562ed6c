// Names become addresses, and stay with them as long as that is right.
import t from 'tap';
import { HandClock } from '../../src/base/clock.ts';
import { HandTimers } from '../../src/base/timers.ts';
import { Resolver, type ResolverUpstream } from '../../src/pool/resolver.ts';

interface Names {
  readonly resolver: Resolver;
  readonly timers: HandTimers;
  /** What the name server says: addresses, or an error code. */
  readonly answers: Map<string, readonly string[] | string>;
  readonly asked: string[];
  readonly told: string[];
  /** Lets `ms` pass, with the answers of the look-ups that it brings. */
  pass(ms: number): Promise<void>;
}

function upstream(slot: number, host: string, resolveMs = 30_000): ResolverUpstream {
  return { slot, host, port: 80, socketPath: null, resolveMs };
}

function names(upstreams: readonly ResolverUpstream[], lookup?: (host: string) => Promise<string[]>): Names {
  const clock = new HandClock(50_000);
  const timers = new HandTimers(clock);
  const answers = new Map<string, readonly string[] | string>();
  const asked: string[] = [];
  const told: string[] = [];
  const resolver = new Resolver({
    upstreams,
    clock,
    timers,
    onAddress: (slot, address, why) => {
      const where = address === null ? 'nowhere' : 'host' in address ? address.host : address.path;
      told.push(`${slot} ${where}: ${why}`);
    },
    lookup:
      lookup ??
      (async (host) => {
        asked.push(host);
        const answer = answers.get(host) ?? 'ENOTFOUND';
        if (typeof answer === 'string') throw Object.assign(new Error(answer), { code: answer });
        return answer;
      }),
  });
  return {
    resolver,
    timers,
    answers,
    asked,
    told,
    async pass(ms) {
      // In small steps, with a turn of the loop after each, so that an answer can set the next timer.
      for (let left = ms; left > 0; left -= 100) {
        timers.advance(Math.min(100, left));
        await settled();
      }
    },
  };
}

/** Every promise that is ready has been heard. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

t.test('IP literals and unix sockets are known at once and never looked up', async (t) => {
  const n = names([
    upstream(0, '10.0.0.1'),
    upstream(1, '[::1]'),
    { slot: 2, host: null, port: 0, socketPath: '/run/app.sock', resolveMs: 1000 },
  ]);
  n.resolver.start();
  await n.pass(5000);
  t.same(n.resolver.address(0), { host: '10.0.0.1', port: 80 });
  t.same(n.resolver.address(1), { host: '::1', port: 80 });
  t.same(n.resolver.address(2), { path: '/run/app.sock' });
  t.equal(n.resolver.address(9), null);
  n.resolver.kick(0);
  n.resolver.kick(9);
  t.same([n.asked, n.told], [[], []]);
});

t.test('a name is looked up at once and then every so often, once for all who bear it', async (t) => {
  const n = names([upstream(0, 'app', 30_000), upstream(1, 'app', 10_000)]);
  n.answers.set('app', ['10.0.0.1', '10.0.0.2']);
  t.equal(n.resolver.address(0), null);
  n.resolver.start();
  await settled();
  t.same(n.told, ['0 10.0.0.1: app is 10.0.0.1', '1 10.0.0.1: app is 10.0.0.1']);
  await n.pass(30_000);
  t.equal(n.asked.length, 4, 'at the pace of the quickest');
  t.equal(n.told.length, 2, 'and nothing new is not told');
});

t.test('an address that is still in the answer is kept, wherever it stands', async (t) => {
  const n = names([upstream(0, 'app', 1000)]);
  n.answers.set('app', ['10.0.0.1', '10.0.0.2']);
  n.resolver.start();
  await n.pass(1000);
  n.answers.set('app', ['10.0.0.3', '10.0.0.1']);
  await n.pass(2000);
  t.same(n.resolver.address(0), { host: '10.0.0.1', port: 80 });
  n.answers.set('app', ['10.0.0.3']);
  await n.pass(2000);
  t.same(n.resolver.address(0), { host: '10.0.0.3', port: 80 });
});

t.test(
  'after a failed connect it is asked at once, at most once a second, and another address is tried',
  async (t) => {
    const n = names([upstream(0, 'app', 0)]);
    n.answers.set('app', ['10.0.0.1', '10.0.0.2']);
    n.resolver.start();
    await n.pass(5000);
    t.equal(n.asked.length, 1, 'resolve: 0 asks only when a connect fails');
    n.resolver.kick(0);
    await settled();
    t.same(n.resolver.address(0), { host: '10.0.0.2', port: 80 });
    for (let i = 0; i < 100; i++) {
      n.resolver.kick(0);
      await n.pass(10);
    }
    t.ok(n.asked.length <= 4, `${n.asked.length} look-ups`);
    t.same(n.resolver.address(0), { host: '10.0.0.1', port: 80 }, 'round and round');
  },
);

t.test('a failed connect to the only address there is changes nothing', async (t) => {
  const n = names([upstream(0, 'app')]);
  n.answers.set('app', ['10.0.0.1']);
  n.resolver.start();
  await n.pass(2000);
  n.resolver.kick(0);
  await n.pass(2000);
  t.equal(n.told.length, 1);
  t.same(n.resolver.address(0), { host: '10.0.0.1', port: 80 });
});

t.test('a recreated container is found at its new address', async (t) => {
  const n = names([upstream(0, 'app')]);
  n.answers.set('app', ['172.18.0.3']);
  n.resolver.start();
  await n.pass(3000);
  n.answers.set('app', 'ENOTFOUND');
  n.resolver.kick(0);
  await n.pass(1000);
  n.answers.set('app', ['172.18.0.9']);
  n.resolver.kick(0);
  await n.pass(1000);
  t.equal(n.told.at(-1), '0 172.18.0.9: app is 172.18.0.9');
});

t.test('a name that does not resolve says why and is tried again until it does', async (t) => {
  const n = names([upstream(0, 'app')]);
  n.resolver.start();
  await settled();
  t.same(n.told, ['0 nowhere: app does not resolve: no such name']);
  await n.pass(60_000);
  t.ok(n.asked.length >= 10 && n.asked.length <= 18, `${n.asked.length} look-ups in a minute`);
  n.answers.set('app', ['10.0.0.1']);
  await n.pass(5000);
  t.same(n.resolver.address(0), { host: '10.0.0.1', port: 80 });
});

t.test('a name server that fails takes no address away', async (t) => {
  const n = names([upstream(0, 'app', 1000)]);
  n.answers.set('app', ['10.0.0.1']);
  n.resolver.start();
  await n.pass(1000);
  for (const answer of ['EAI_AGAIN', 'ENOTFOUND', []]) {
    n.answers.set('app', answer);
    await n.pass(3000);
    t.same(n.resolver.address(0), { host: '10.0.0.1', port: 80 });
  }
  t.equal(n.told.length, 1);
});

t.test('no more than eight look-ups are under way', async (t) => {
  let underWay = 0;
  let most = 0;
  const waiting: (() => void)[] = [];
  const n = names(
    Array.from({ length: 30 }, (_, i) => upstream(i, `app${i}`)),
    () => {
      most = Math.max(most, ++underWay);
      return new Promise((resolve) => {
        waiting.push(() => {
          underWay--;
          resolve(['10.0.0.1']);
        });
      });
    },
  );
  n.resolver.start();
  while (waiting.length > 0) {
    waiting.shift()!();
    await settled();
  }
  t.equal(most, 8);
  t.equal(n.told.length, 30);
});

t.test('stopped, it asks and tells nothing more', async (t) => {
  const n = names([upstream(0, 'app', 1000)]);
  n.answers.set('app', ['10.0.0.1']);
  n.resolver.start();
  n.resolver.stop();
  await n.pass(5000);
  n.resolver.kick(0);
  await n.pass(5000);
  t.same(n.told, []);
  t.ok(n.asked.length <= 1);
  t.equal(n.timers.count, 0);
});

t.test('localhost is an address of this machine, by the machine itself', async (t) => {
  const clock = new HandClock();
  const address = await new Promise((resolve) => {
    const resolver = new Resolver({
      upstreams: [upstream(0, 'localhost')],
      clock,
      timers: new HandTimers(clock),
      onAddress: (_slot, found) => resolve(found),
    });
    resolver.start();
  });
  t.match(address, { host: /^(127\.|::1$)/, port: 80 });
});

t.test(
  'other upstreams: known names keep their addresses, new ones are asked for at once, old ones no more',
  async (t) => {
    const n = names([upstream(0, 'kept'), upstream(1, 'gone')]);
    n.answers.set('kept', ['10.0.0.1']);
    n.answers.set('gone', ['10.0.0.2']);
    n.answers.set('new', ['10.0.0.3']);
    n.resolver.start();
    await settled();
    n.asked.length = 0;
    n.resolver.update([upstream(0, 'kept'), upstream(2, 'new'), upstream(3, 'kept')]);
    const waits = n.resolver.answered([0, 2, 3], 10_000);
    t.same(n.asked, ['new']);
    t.same(n.resolver.address(0), { host: '10.0.0.1', port: 80 });
    t.same(
      n.resolver.address(3),
      { host: '10.0.0.1', port: 80 },
      'what is known of a name need not be asked',
    );
    t.equal(n.resolver.address(1), null);
    await waits;
    t.same(n.resolver.address(2), { host: '10.0.0.3', port: 80 });
    n.asked.length = 0;
    await n.pass(40_000);
    t.notOk(n.asked.includes('gone'));
    t.ok(n.asked.includes('kept') && n.asked.includes('new'));
  },
);

t.test(
  'a name that has no address is answered too, and one whose server is silent is waited for so long',
  async (t) => {
    const n = names([upstream(0, 'nobody')]);
    n.resolver.start();
    await n.resolver.answered([0], 10_000);
    t.equal(n.resolver.address(0), null);
    const silent = names([upstream(0, 'silent')], () => new Promise(() => {}));
    silent.resolver.start();
    let done = false;
    const waits = silent.resolver.answered([0], 3000).then(() => {
      done = true;
    });
    await silent.pass(2900);
    t.equal(done, false);
    await silent.pass(200);
    await waits;
    t.ok(done);
  },
);
