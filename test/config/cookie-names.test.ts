// Two pools that one client meets and whose affinity cookies are one: told at the check, since each would overwrite the other's.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';

/** What is warned of two pools with these cookies, at routes of these hosts. */
function warnings(one: object, two: object, hosts: readonly (string | undefined)[] = []): string[] {
  const pool = (port: number, cookie: object): object => ({
    upstreams: [`http://127.0.0.1:${port}`],
    affinity: { cookie: { secrets: ['a secret of sixteen or more'], ...cookie } },
  });
  const host = (at: number): object => (hosts[at] === undefined ? {} : { host: hosts[at] });
  const text = JSON.stringify({
    listen: 8080,
    pools: { one: pool(3001, one), two: pool(3002, two) },
    routes: [
      { path: '/', pool: 'one', ...host(0) },
      { path: '/two', pool: 'two', ...host(1) },
    ],
  });
  const { config, problems } = loadConfigText(text, 'limpet.yaml', {}, () => '');
  t.ok(config, 'it is sound all the same');
  return problems.map(({ message }) => message);
}

t.test('one name and path on hosts that one client may see is warned of', async (t) => {
  const told = warnings({}, {});
  t.equal(told.length, 1);
  t.match(told[0], /the cookie .*limpet.* is that of pool .*one.* too/);
  t.equal(warnings({}, {}, ['a.example', 'a.example']).length, 1);
  t.equal(warnings({}, {}, [undefined, 'a.example']).length, 1);
});

t.test('cookies or hosts that browsers tell apart are not', async (t) => {
  t.same(warnings({}, { name: 'other' }), []);
  t.same(warnings({}, { path: '/two' }), []);
  t.same(warnings({}, {}, ['a.example', 'b.example']), []);
});
