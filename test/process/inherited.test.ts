// Sockets that were handed down: every one has a worker, and only who may bind more does.
import t from 'tap';
import type { Bind } from '../../src/config/config.ts';
import { gather } from '../../src/process/estate.ts';
import { Inheritance } from '../../src/process/inherited.ts';

const web: Bind = { kind: 'tcp', host: '0.0.0.0', port: 8080 };
const six: Bind = { kind: 'tcp', host: '::', port: 8443 };
const unix: Bind = { kind: 'unix', path: '/run/l.sock' };
const own = (bind: Bind, fds: number[]) => ({ bind, fds, extends: true, managed: false });
const given = (bind: Bind, fds: number[]) => ({ bind, fds, extends: false, managed: true });

t.test('each socket is one worker’s, whatever their numbers', async (t) => {
  const left = new Inheritance([own(web, [4, 5, 6])]);
  const shares = (workers: number): (readonly number[])[] =>
    Array.from({ length: workers }, (_, worker) => left.shareOf(worker, workers, [web])[0]!.fds);
  t.same(shares(1), [[4, 5, 6]]);
  t.same(shares(2), [[4, 6], [5]]);
  t.same(shares(4), [[4], [5], [6], []], 'the fourth binds one of its own');
  t.equal(left.workersFor([web], 4), 4);
});

t.test('no more workers than sockets, where no more can be bound', async (t) => {
  t.equal(new Inheritance([given(web, [3])]).workersFor([web], 4), 1);
  t.equal(new Inheritance([given(web, [3, 4]), given(unix, [5])]).workersFor([web, unix], 4), 2);
  t.equal(new Inheritance([given(web, [3])]).workersFor([web, six], 4), 4, 'another address is free');
  t.equal(new Inheritance([]).workersFor([web], 4), 4);
  t.equal(new Inheritance([]).workersFor([unix], 4), 4);
});

t.test('an address is found as it is written in the config', async (t) => {
  const left = new Inheritance([given({ kind: 'tcp', host: '::', port: 8080 }, [3]), given(six, [4])]);
  t.same(left.find(web)?.fds, [3], 'systemd’s port on every interface is that of IPv6');
  t.equal(left.find({ kind: 'tcp', host: '127.0.0.1', port: 8080 }), null);
  t.same(
    left.unused([web]).map(({ fds }) => fds),
    [[4]],
  );
});

t.test('sockets of several workers are put together', async (t) => {
  const found = [
    { bind: web, fds: [20] },
    { bind: unix, fds: [22] },
    { bind: web, fds: [21] },
    { bind: unix, fds: [] },
  ];
  t.same(
    gather(
      found,
      (bind) => bind.kind === 'tcp',
      () => false,
    ),
    [own(web, [20, 21]), { ...own(unix, [22]), extends: false }],
  );
  t.throws(
    () =>
      gather(
        [{ bind: web, fds: [-1] }],
        () => true,
        () => false,
      ),
    /descriptors/,
  );
});
