// What a rewrite compiles to, and where a prefix ends.
import t from 'tap';
import { latin1Bytes, latin1Text } from '../../src/base/byte-writer.ts';
import { compileRewrite, stripAt } from '../../src/plan/rewrite.ts';

const NONE = { stripPrefix: null, addPrefix: null, path: null };
const text = (bytes: Uint8Array | null | undefined): string | null =>
  bytes === null || bytes === undefined ? null : latin1Text(bytes, 0, bytes.length);

t.test('a path that is not rewritten has no rewrite', async (t) => {
  t.equal(compileRewrite(NONE), null);
  t.equal(compileRewrite({ ...NONE, stripPrefix: '/', addPrefix: '/' }), null, 'a slash is no prefix');
});

t.test('a prefix counts without its last slash, and the app is told of the one taken off', async (t) => {
  for (const stripPrefix of ['/a/b', '/a/b/']) {
    const rewrite = compileRewrite({ ...NONE, stripPrefix });
    t.equal(text(rewrite?.strip), '/a/b');
    t.equal(text(rewrite?.prefixLine), 'X-Forwarded-Prefix: /a/b\r\n');
  }
  const added = compileRewrite({ ...NONE, addPrefix: '/v1/' });
  t.equal(text(added?.add), '/v1');
  t.equal(added?.prefixLine, null);
});

t.test('a prefix is taken off by whole segments only', async (t) => {
  const rest = (path: string): string | null => {
    const bytes = latin1Bytes(path);
    const at = stripAt(latin1Bytes('/app'), bytes, 0, bytes.length);
    return at < 0 ? null : path.slice(at);
  };
  t.equal(rest('/app'), '');
  t.equal(rest('/app/'), '/');
  t.equal(rest('/app/x'), '/x');
  for (const path of ['/apple', '/ap', '/App/x', '/']) t.equal(rest(path), null, path);
});
