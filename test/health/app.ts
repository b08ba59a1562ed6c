// A small app to be looked at, as a process of its own: how it behaves is its argument. Writes `listening PORT`.
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';

const [behaviour = 'well', port = '0'] = process.argv.slice(2);

/** What a look at `/` finds. */
function answerOf(): { readonly status: number; readonly body: string } {
  return behaviour === 'failing'
    ? { status: 503, body: 'out of order' }
    : { status: 200, body: 'all is well' };
}

const server =
  behaviour === 'mute' || behaviour === 'closing' || behaviour === 'nonsense'
    ? createTcpServer((socket) => {
        socket.on('error', () => undefined);
        if (behaviour === 'closing') socket.once('data', () => socket.end());
        if (behaviour === 'nonsense') socket.once('data', () => socket.end('220 smtp.example.com ready\r\n'));
      })
    : createHttpServer((request, response) => {
        const { status, body } = answerOf();
        if (request.url === '/seen') {
          response.end(JSON.stringify({ method: request.method, fields: request.headers }));
        } else if (request.url === '/endless') {
          const pour = (): void => {
            while (!response.destroyed && response.write('x'.repeat(4096)));
          };
          response.on('drain', pour);
          pour();
        } else if (behaviour === 'slow') {
          setTimeout(() => response.end(body), 2000);
        } else {
          response.writeHead(status).end(body);
        }
      });

server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`listening ${address.port}\n`);
});
