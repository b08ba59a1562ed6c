// What an authority says is told in one line, whatever it says.
import t from 'tap';
import { oneLine, readProblem, sentenceOf } from '../../src/acme/problem.ts';

const said = (value: unknown): string | null => {
  const problem = readProblem(value);
  return problem === null ? null : sentenceOf(problem);
};

t.test('detail, kind and the names that it is about', async (t) => {
  t.equal(
    said({ type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many certificates', status: 429 }),
    'too many certificates (rateLimited)',
  );
  t.equal(
    said({
      type: 'urn:ietf:params:acme:error:compound',
      detail: 'several',
      subproblems: [
        { detail: 'no address', identifier: { type: 'dns', value: 'a.test' } },
        { detail: 'forbidden' },
        { identifier: { value: 'c.test' } },
        { detail: 'not told' },
      ],
    }),
    'several; a.test: no address; forbidden (compound)',
  );
  t.equal(said({ type: 'about:blank' }), 'about:blank');
  t.equal(said({ detail: 'only this' }), 'only this');
});

t.test('anything else is none', async (t) => {
  for (const value of [null, undefined, '', 'text', 7, [], {}, { type: 3, detail: {} }])
    t.equal(said(value), null);
  t.equal(said({ detail: 'x', subproblems: 'nonsense' }), 'x');
  t.equal(said({ detail: 'x', subproblems: [null, 1, { detail: 'y', identifier: null }] }), 'x; y');
});

t.test('no line end or other order to a terminal or a log gets through, and no end of text', async (t) => {
  t.equal(oneLine(' a\r\nb\u001b[31mc\u2028d\u202ee\u0000 '), 'a b [31mc d e');
  const long = oneLine('x'.repeat(1e6));
  t.ok(long.length <= 400 && long.endsWith('…'));
  t.ok(said({ detail: 'y'.repeat(1e6) })!.length <= 400);
});
