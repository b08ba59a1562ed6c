// A run of bytes that is laid four at a step comes out as it was, wherever it lies and however the writer grows.
import t from 'tap';
import { ByteWriter } from '../../src/base/byte-writer.ts';

const source = Buffer.from(Array.from({ length: 64 }, (_, i) => i + 1));
// A view that does not begin where its memory does, as cells in the middle of a block do not.
const padded = Buffer.concat([Buffer.from('ahead'), source]);
const view = new DataView(padded.buffer, padded.byteOffset + 5, source.length);

t.test('each length, from each place, behind what is there already', async (t) => {
  for (let start = 0; start < 9; start++) {
    for (let end = start; end <= start + 21; end++) {
      const out = new ByteWriter(64);
      out.latin1('ab'.repeat(start));
      out.words(view, start, end);
      const expected = Buffer.concat([Buffer.from('ab'.repeat(start)), source.subarray(start, end)]);
      if (!Buffer.from(out.view()).equals(expected)) t.fail(`${start} to ${end}`);
    }
  }
});

t.test('a writer that grows, is given away, or is full', async (t) => {
  const out = new ByteWriter(8, 100);
  out.words(view, 0, 4);
  const first = out.bytes;
  out.words(view, 4, 64);
  t.not(out.bytes, first, 'it has grown');
  t.same(Buffer.from(out.view()), source);
  const given = out.view();
  out.detach();
  out.words(view, 60, 64);
  t.same(Buffer.from(out.view()), source.subarray(60));
  t.same(Buffer.from(given), source, 'what was given away stays as it was');
  out.words(view, 0, 64);
  out.words(view, 0, 64);
  t.ok(out.overflow);
  t.equal(out.length, 68, 'what does not fit is left out whole');
});
