// What fuzzing found stays mended, and a bounded, seeded run of every target finds nothing new. `npm run fuzz` goes on without end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readCorpus, writeCase } from './corpus.ts';
import { LlhttpReader } from './llhttp-reading.ts';
import { replay, runTarget } from './run.ts';
import type { FuzzTarget } from './target.ts';
import { TARGETS } from './targets.ts';

const SEED = 20_261_121;

for (const target of TARGETS) {
  t.test(`${target.name}: ${target.about}`, async (t) => {
    for (const [file, one] of readCorpus(target.name)) {
      t.equal(replay(target, one).finding, null, `${file} stays mended`);
    }
    const bounds = { seed: SEED, from: 0, cases: target.messagesInCi, untilMs: Number.POSITIVE_INFINITY };
    const { finding, cases, kinds } = await runTarget(target, bounds);
    t.equal(finding, null, 'nothing is found');
    t.equal(cases, target.messagesInCi);
    t.ok(kinds.size > 1, 'and the cases were not all of one kind');
    // An explanation that a run as short as this often needs, so that the table is known to be looked at.
    if (target.explanations.length > 0) {
      t.ok(target.explanations.filter((kind) => kinds.has(kind)).length > 10, 'explanations were needed');
      t.ok((kinds.get('alike') ?? 0) > cases / 5, 'many cases are sound, and read alike');
    }
  });
}

t.test('the second opinion is that of a parser without leniencies', async (t) => {
  const llhttp = new LlhttpReader();
  const read = (text: string) => llhttp.requests(Buffer.from(text, 'latin1'));
  const POST = 'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n';
  t.match(read(`${POST}\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.0\r\n\r\n`), {
    end: 'closed',
    messages: [
      { start: 'POST /a', minor: 1, body: 'hi', trailers: ['X', 'y'], keepAlive: true, complete: true },
      { start: 'GET /', minor: 0, fields: [], body: '', keepAlive: false, complete: true },
    ],
  });
  t.match(read('QUERY / HTTP/1.1\r\nHost: a\r\n\r\n'), { end: 'waits', messages: [{ start: 'QUERY /' }] });
  for (const lenient of [
    `${POST}Content-Length: 5\r\n\r\n`,
    'GET / HTTP/1.1\nHost: a\n\n',
    'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
    'GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n',
    'GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\nG',
    `${POST}\r\n2 \r\nhi\r\n0\r\n\r\n`,
  ]) {
    const { end } = read(lenient);
    t.ok(end === 'refused' || end === 'closed', JSON.stringify(lenient));
  }
});

t.test(
  'a finding stops the run, is made as short as it can be, and is found again from its file',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-fuzz-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const bad: FuzzTarget = {
      name: 'bad',
      about: 'a parser that cannot bear two letters',
      messagesInCi: 0,
      make: (chance) => Buffer.from(chance.octets(40), 'latin1'),
      judge: (bytes) => {
        if (bytes.includes('q') && bytes.includes('Z')) throw new TypeError('q and Z');
        return { finding: null, kind: 'alike' };
      },
      explanations: [],
    };
    const bounds = { seed: 7, from: 100, cases: 1_000_000, untilMs: Number.POSITIVE_INFINITY };
    const { finding, cases } = await runTarget(bad, bounds);
    t.match(finding, { target: 'bad', seed: 7, number: 100 + cases - 1, found: 'threw TypeError: q and Z' });
    t.same([...(finding?.bytes ?? '')].sort(), ['Z', 'q']);
    writeCase(finding!, folder);
    const [again] = [...readCorpus('bad', folder).values()];
    t.same(again, finding);
    t.equal(replay(bad, again!).finding, finding!.found);
    const other = await runTarget(bad, { ...bounds, from: finding!.number, cases: 1 });
    t.equal(other.finding?.found, finding!.found, 'seed and number alone make it again');
  },
);
