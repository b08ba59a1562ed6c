// Who serves the users of a pool that has nobody for them, by the routes as they are written.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { standInsOf } from '../../src/process/stand-ins.ts';

function routesOf(routes: readonly unknown[]) {
  const upstreams = (port: number): unknown => ({ upstreams: [`http://127.0.0.1:${port}`] });
  const text = JSON.stringify({
    listen: 8080,
    pools: { v1: upstreams(1), v2: upstreams(2), v3: upstreams(3) },
    routes,
  });
  const { config, problems } = loadConfigText(text, '/nowhere/limpet.yaml', {}, () => '');
  if (config === null) throw new Error(JSON.stringify(problems));
  return config;
}
const split = (path: string, ...pools: string[]): unknown => ({
  path,
  pools: pools.map((pool) => ({ pool, weight: 1 })),
});
const all = (): boolean => true;

t.test('the other sides of its routes, such as take users', async (t) => {
  const config = routesOf([split('/', 'v1', 'v2', 'v3')]);
  t.same(standInsOf(config, 'v2', all), ['v1', 'v3']);
  t.same(
    standInsOf(config, 'v2', (name) => name === 'v3'),
    ['v3'],
  );
  t.same(
    standInsOf(config, 'v2', () => false),
    [],
    'who takes nobody is none',
  );
});

t.test('none, where one route leads to it alone or to others that take nobody', async (t) => {
  const alone = routesOf([split('/', 'v1', 'v2'), { path: '/old', pool: 'v1' }, { path: '/3', pool: 'v3' }]);
  t.same(standInsOf(alone, 'v1', all), []);
  t.same(standInsOf(alone, 'v2', all), ['v1']);
  const two = routesOf([split('/', 'v1', 'v2'), split('/b', 'v1', 'v3'), split('/c', 'v1', 'v2')]);
  t.same(standInsOf(two, 'v1', all), ['v2', 'v3']);
  t.same(
    standInsOf(two, 'v1', (name) => name === 'v2'),
    [],
  );
});
