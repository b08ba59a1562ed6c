// A10: an answer's bytes are passed on as they come, and no faster than the client takes them.
import t from 'tap';
import { get, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { RawClient } from '../kit/raw-client.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({ upstreams: [upstream.url], health: unwatched });

t.test('A10: bytes of an answer are passed on as they come', async (t) => {
  for (const [name, head, wrap] of [
    [
      'chunked',
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n',
      (s: string) => `${s.length.toString(16)}\r\n${s}\r\n`,
    ],
    ['close-delimited', 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n', (s: string) => s],
    ['length', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n', (s: string) => s],
  ] as const) {
    const client = await RawClient.open(limpet.port);
    upstream.script = async (exchange) => {
      await exchange.whole();
      exchange.send(head);
      await client.untilText('HTTP/1.1 200');
      for (const event of ['data: one\n\n', 'data: two\n\n', 'data: three\n\n']) {
        exchange.send(wrap(event));
        // The next one is sent only when this one has arrived: a proxy that waits for more never gets it.
        await client.untilText(event);
      }
      exchange.connection.reset();
    };
    client.send(get('/a10'));
    await client.untilText('three');
    t.pass(`${name}: each event arrived before the next was sent`);
    client.destroy();
  }
});

t.test('A10: a slow client pauses its upstream', async (t) => {
  const total = 64 << 20;
  let sent = 0;
  upstream.script = async (exchange) => {
    await exchange.whole();
    exchange.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    const piece = Buffer.alloc(1 << 16, 'x');
    while (sent < total && !exchange.connection.closed) {
      if (!exchange.connection.socket.write(piece)) {
        await new Promise<void>((resolve) => {
          exchange.connection.socket.once('drain', resolve).once('close', resolve);
        });
      }
      sent += piece.length;
    }
  };
  const client = await RawClient.open(limpet.port);
  client.socket.pause();
  client.send(get('/slow'));
  // Kernel buffers on both connections fill first; then nothing moves. Still: the same count at two looks, and far from all.
  for (let last = -1; sent !== last || sent === 0; ) {
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  t.ok(sent < total / 2, `the upstream was held back at ${sent >> 20} of ${total >> 20} MiB`);
  let came = 0;
  // First in line, so that the count is right when the wait below looks at it.
  client.socket.prependListener('data', (piece: Buffer) => {
    came += piece.length;
  });
  client.socket.resume();
  // Counted, not parsed: a look at every piece of 64 MiB would be quadratic.
  await client.until(() => (came > total ? true : null), 'whole body', 20_000);
  t.ok(came < total + 1000, 'and all of it comes once the client reads');
  client.destroy();
});
