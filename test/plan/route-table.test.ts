// Which route a request belongs to: host before path, longer before shorter, method last.
import t from 'tap';
import { latin1Bytes } from '../../src/base/byte-writer.ts';
import { HostTable } from '../../src/plan/host-table.ts';
import { PathTable } from '../../src/plan/path-table.ts';
import { RouteTable } from '../../src/plan/route-table.ts';

interface Route {
  readonly name: string;
  readonly host: string | null;
  readonly path: string;
  readonly exact: boolean;
  readonly methods: readonly string[] | null;
  readonly methodBytes: readonly Uint8Array[] | null;
}

function route(host: string | null, path: string, methods: readonly string[] | null = null): Route {
  const exact = path.startsWith('= ');
  return {
    name: `${host ?? '*'} ${path} ${methods?.join('|') ?? 'any'}`,
    host,
    path: exact ? path.slice(2) : path,
    exact,
    methods,
    methodBytes: methods?.map(latin1Bytes) ?? null,
  };
}

function find(table: RouteTable<Route>, host: string, path: string, method = 'GET'): string | null {
  const bytes = latin1Bytes(`${method} ${host}`);
  const pathBytes = latin1Bytes(path);
  const from = method.length + 1;
  const found = table.find(bytes, 0, method.length, from, bytes.length, pathBytes, 0, pathBytes.length);
  return found?.name ?? null;
}

const first = (values: readonly string[]): string => values[0]!;
function pathOf(paths: readonly string[], path: string): string | null {
  const table = new PathTable<string>();
  for (const p of paths) {
    const exact = p.startsWith('= ');
    table.add(exact ? p.slice(2) : p, exact, p);
  }
  const bytes = latin1Bytes(path);
  return table.find(bytes, 0, bytes.length, first, null);
}

t.test('a prefix matches whole segments', async (t) => {
  for (const path of ['/a', '/a/', '/a/b', '/a//b']) t.equal(pathOf(['/a'], path), '/a', path);
  for (const path of ['/ab', '/b', '/', '/A', '/b/a']) t.equal(pathOf(['/a'], path), null, path);
  t.equal(pathOf(['/a/'], '/a'), '/a/', 'a slash at the end of a prefix says nothing');
});

t.test('the longest prefix wins, in whatever order they were given', async (t) => {
  const paths = ['/', '/a', '/a/b', '/a/b/c/d'];
  for (const list of [paths, [...paths].reverse()]) {
    t.equal(pathOf(list, '/a/b/c'), '/a/b');
    t.equal(pathOf(list, '/a/b/c/d/e'), '/a/b/c/d');
    t.equal(pathOf(list, '/a/c'), '/a');
    t.equal(pathOf(list, '/x'), '/');
  }
});

t.test('an exact path is that path alone, and comes before a prefix', async (t) => {
  const paths = ['/', '/a', '= /a', '= /'];
  t.equal(pathOf(paths, '/a'), '= /a');
  t.equal(pathOf(paths, '/a/'), '/a');
  t.equal(pathOf(paths, '/a/b'), '/a');
  t.equal(pathOf(paths, '/'), '= /');
});

t.test('a path deeper than any route, or of hundreds of segments, is found by its prefix', async (t) => {
  t.equal(pathOf(['/a'], `/a${'/x'.repeat(500)}`), '/a');
  const deep = '/s'.repeat(60);
  t.equal(pathOf([deep], `${deep}/more`), deep);
  t.equal(pathOf([deep], deep.slice(0, -2)), null);
});

t.test('hosts: the exact name, then the longest wildcard, then any', async (t) => {
  const table = new HostTable<string>();
  for (const host of ['a.example.com', '*.example.com', '*.b.example.com', null])
    table.at(host, () => host ?? 'any');
  const find = (host: string): string | null => {
    const bytes = latin1Bytes(host);
    return table.find(bytes, 0, bytes.length, 0);
  };
  t.equal(find('a.example.com'), 'a.example.com');
  t.equal(find('A.Example.COM'), 'a.example.com', 'in any case');
  t.equal(find('x.b.example.com'), '*.b.example.com');
  t.equal(find('x.y.b.example.com'), '*.b.example.com', 'over several labels');
  t.equal(find('c.example.com'), '*.example.com');
  t.equal(find('example.com'), 'any', 'a wildcard is not its own suffix');
  t.equal(find('xexample.com'), 'any');
  t.equal(find(''), 'any', 'no host at all');
  t.equal(find(`${'x.'.repeat(400)}example.com`), 'any', 'more labels than a name can have');
});

t.test('a host whose own routes do not match leaves the request to less specific ones', async (t) => {
  const table = new RouteTable([route('a.example', '/only'), route('*.example', '/wild'), route(null, '/')]);
  t.equal(find(table, 'a.example', '/only'), 'a.example /only any');
  t.equal(find(table, 'a.example', '/wild'), '*.example /wild any');
  t.equal(find(table, 'a.example', '/else'), '* / any');
  t.equal(find(table, 'a.example.', '/only'), 'a.example /only any', 'with its final dot');
});

t.test('without a route for anybody there is none', async (t) => {
  const table = new RouteTable([route('a.example', '/')]);
  t.equal(find(table, 'b.example', '/'), null);
  t.equal(find(table, '', '/'), null);
  t.equal(table.methodMismatch, null);
});

t.test(
  'a route that names the method comes before one for all, and a shorter path may take it',
  async (t) => {
    const table = new RouteTable([
      route(null, '/', null),
      route(null, '/api', ['POST']),
      route(null, '/both'),
      route(null, '/both', ['PUT', 'PATCH']),
    ]);
    t.equal(find(table, '', '/api', 'POST'), '* /api POST');
    t.equal(find(table, '', '/api', 'GET'), '* / any');
    t.equal(find(table, '', '/both', 'PATCH'), '* /both PUT|PATCH');
    t.equal(find(table, '', '/both', 'PAT'), '* /both any', 'the whole method');
  },
);

t.test('a path whose routes take other methods is told apart from one without routes', async (t) => {
  const table = new RouteTable([route(null, '/api', ['POST', 'PUT'])]);
  t.equal(find(table, '', '/api', 'GET'), null);
  t.same(
    table.methodMismatch?.flatMap((r) => r.methods),
    ['POST', 'PUT'],
  );
  t.equal(find(table, '', '/else', 'GET'), null);
  t.equal(table.methodMismatch, null, 'and forgotten by the next');
});

t.test('two spellings of a path matter only where there is more than one way to go', async (t) => {
  t.notOk(new RouteTable([route(null, '/')]).ambiguityMatters);
  t.ok(new RouteTable([route(null, '/'), route(null, '/admin')]).ambiguityMatters);
  t.ok(new RouteTable([route(null, '/app')]).ambiguityMatters);
});
