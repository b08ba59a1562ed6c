// The name in a ClientHello is found wherever its records are cut, and nonsense is nonsense, not a crash.
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import t from 'tap';
import { ClientHello, HELLO } from '../../src/wire/client-hello.ts';

/** What a real client says first. */
async function helloFor(servername?: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      connect({ port, host: '127.0.0.1', ...(servername === undefined ? {} : { servername }) }).on(
        'error',
        () => {},
      );
    });
  });
}

const named = await helloFor('Shop.Example.test');
const hello = new ClientHello();

t.test('the name is read, in lower case; without one there is none', async (t) => {
  t.equal(hello.read(named, 0, named.length), HELLO.done);
  t.equal(hello.name, 'shop.example.test');
  const nameless = await helloFor();
  t.equal(hello.read(nameless, 0, nameless.length), HELLO.done);
  t.equal(hello.name, null);
});

t.test('every part of it asks for more, and what follows does no harm', async (t) => {
  for (let end = 0; end < named.length; end++)
    if (hello.read(named, 0, end) !== HELLO.more) t.fail(`at ${end} of ${named.length}`);
  const more = Buffer.concat([Buffer.from('xx'), named, Buffer.from('behind')]);
  t.equal(hello.read(more, 2, more.length), HELLO.done);
  t.equal(hello.name, 'shop.example.test');
});

t.test('it may lie in many records', async (t) => {
  const body = named.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < body.length; at += 7) {
    const part = body.subarray(at, at + 7);
    records.push(Buffer.from([22, 3, 1, 0, part.length]), part);
  }
  const cut = Buffer.concat(records);
  t.equal(hello.read(cut, 0, cut.length), HELLO.done);
  t.equal(hello.name, 'shop.example.test');
});

t.test('thousands of tiny records are walked, and put together once at most', async (t) => {
  const message = Buffer.alloc(16 * 1024);
  message.set([1, 0, 0x3f, 0xfc]);
  const records = Buffer.alloc(message.length * 6);
  message.forEach((byte, i) => {
    records.set([22, 3, 1, 0, 1, byte], i * 6);
  });
  const joined = t.capture(Buffer, 'concat', Buffer.concat);
  t.equal(hello.read(records, 0, records.length - 1), HELLO.more);
  t.equal(hello.read(records, 0, records.length), HELLO.done);
  t.ok(joined().length <= 1, `${joined().length} times`);
  t.equal(hello.name, null);
});

t.test('what is none is garbage', async (t) => {
  const cases: Record<string, Buffer> = {
    'plain HTTP': Buffer.from('GET / HTTP/1.1\r\n'),
    'another record': Buffer.from([23, 3, 1, 0, 4, 0, 0, 0, 0]),
    'another message': Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]),
    'an empty record': Buffer.from([22, 3, 1, 0, 0]),
    'more than anybody says': Buffer.from([22, 3, 1, 0, 4, 1, 255, 255, 255]),
    'version 2 of SSL': Buffer.from([22, 2, 0, 0, 4, 1, 0, 0, 0]),
  };
  for (const [what, bytes] of Object.entries(cases))
    t.equal(hello.read(bytes, 0, bytes.length), HELLO.garbage, what);
});

t.test('no byte of it can be changed so that it throws', async (t) => {
  for (let at = 0; at < named.length; at++) {
    for (const value of [0, 1, 127, 255]) {
      const changed = Buffer.from(named);
      changed[at] = value;
      hello.read(changed, 0, changed.length);
    }
  }
  t.pass('none');
});
