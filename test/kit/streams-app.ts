// The app of what stays open: echoes on WebSockets, event streams that end and such as never do.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { freePort } from './ports.ts';

/** Events of a stream at /sse, and the time between two, ms. */
export const EVENTS = 8;
const EVENT_MS = 40;

export interface StreamsApp {
  readonly port: number;
  stop(): void;
}

/**
 * Starts it in this process. `/sse` ends after EVENTS lines `data: N`; any other path gives events `id: N`, N rising by one, for as long as
 * somebody listens. A WebSocket may be opened at every path.
 */
export async function startStreamsApp(): Promise<StreamsApp> {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const ends = request.url?.endsWith('/sse') ?? false;
    let sent = 0;
    const timer = setInterval(() => {
      sent++;
      response.write(ends ? `data: ${sent}\n\n` : `id: ${sent}\n\n`);
      if (!ends || sent < EVENTS) return;
      clearInterval(timer);
      response.end();
    }, EVENT_MS);
    response.on('close', () => clearInterval(timer));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('error', () => {});
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    stop: () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}
