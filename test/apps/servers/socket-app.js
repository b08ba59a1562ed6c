// An app with WebSockets of its own at /ws and socket.io at /socket.io, both tied to this process's memory.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';

const [port, name] = process.argv.slice(2);
const server = createServer((_request, response) => response.end(name));

const sockets = new WebSocketServer({ noServer: true });
sockets.on('connection', (socket) => {
  // At once, so that the first frame stands right behind the 101.
  socket.send(`hello from ${name}`);
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});

const io = new Server(server, { destroyUpgrade: false });
io.on('connection', (socket) => {
  let said = 0;
  socket.on('say', (text, answer) => answer({ app: name, text, said: ++said }));
});

server.on('upgrade', (request, socket, head) => {
  if (!request.url.startsWith('/ws')) return;
  sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request));
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
