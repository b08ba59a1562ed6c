// A body counted off by one framing and laid out in another.
import t from 'tap';
import { ByteWriter, latin1Bytes, latin1Text } from '../../src/base/byte-writer.ts';
import { BodyRelay, layUnchunked } from '../../src/proxy/body-relay.ts';
import { BODY } from '../../src/wire/response-head.ts';

function relay(framing: number, text: string, outChunked: boolean, dropUnderscores = true, step = 4096) {
  const body = new BodyRelay('request');
  const out = new ByteWriter();
  body.begin(framing, 5, outChunked, dropUnderscores);
  const bytes = latin1Bytes(text);
  let at = 0;
  for (let end = 0; end < bytes.length && !body.done; ) {
    end = Math.min(bytes.length, end + step);
    at = body.feed(out, bytes, at, end);
  }
  return { body, at, text: latin1Text(out.bytes, 0, out.length), out };
}

t.test('a body of a length ends with it, and leaves what follows', async (t) => {
  const { body, at, text } = relay(BODY.length, 'helloGET /', false);
  t.ok(body.done);
  t.equal(at, 5);
  t.equal(text, 'hello');
});

t.test('chunks are newly framed, wherever the bytes were cut', async (t) => {
  const chunked = '3;x=y\r\nhel\r\n02\r\nlo\r\n0\r\n\r\n';
  t.equal(relay(BODY.chunked, chunked, true).text, '3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n');
  for (const step of [1, 2, 3, 5]) {
    const { body, text } = relay(BODY.chunked, chunked, false, true, step);
    t.ok(body.done);
    t.equal(text, 'hello', `in steps of ${step}`);
  }
});

t.test('L8: trailer fields with an underscore are dropped only where that is asked for', async (t) => {
  const chunked = '0\r\nX_a: 1\r\nX-b: 2\r\n\r\n';
  t.equal(relay(BODY.chunked, chunked, true, true).text, '0\r\nX-b: 2\r\n\r\n');
  t.equal(relay(BODY.chunked, chunked, true, false).text, '0\r\nX_a: 1\r\nX-b: 2\r\n\r\n');
});

t.test('F10: what was laid out in chunks is laid out again without them', async (t) => {
  const { out } = relay(BODY.chunked, '5\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n', true);
  const plain = new ByteWriter();
  layUnchunked(plain, out.bytes, out.length);
  t.equal(latin1Text(plain.bytes, 0, plain.length), 'hello!');
});
