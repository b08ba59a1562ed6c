// Upgrades: WebSockets byte by byte and by a real client, bytes that stand behind either head, refusals.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { get } from '../../kit/judge.ts';
import type { Exchange } from '../../kit/raw-upstream.ts';
import { answer, type Call, type ShapeGroup } from '../shape.ts';
import { acceptKey, textFrame, unmasked } from '../websocket-frames.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const websocket = (...lines: readonly string[]): string =>
  get(
    '/socket',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    ...lines,
  );
const switching = (...lines: readonly string[]): string =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

/** Switches, waits for `text`, answers it and ends. */
function tunnel(head: string, text: string, reply: string) {
  return async ({ connection, ...exchange }: Exchange): Promise<void> => {
    void exchange;
    await connection.exchanges.at(-1)!.whole();
    connection.send(head);
    await connection.untilText(text);
    connection.send(reply);
    connection.halfClose();
    await connection.untilEnd();
  };
}

/** A WebSocket app that sends every frame back, until the client closes. */
async function echo(exchange: Exchange): Promise<void> {
  const { connection } = exchange;
  const { fields } = await exchange.whole();
  const key = fields.find(([name]) => name.toLowerCase() === 'sec-websocket-key')![1];
  exchange.send(switching(`Sec-WebSocket-Accept: ${acceptKey(key)}`));
  for (;;) {
    const frame = await connection.until(() => unmasked(connection.received), 'frame');
    connection.take(frame.length);
    connection.send(frame.reply);
    if (frame.closes) break;
  }
  connection.halfClose();
  await connection.untilEnd();
}

async function talk({ url }: Call, messages: readonly (string | Buffer)[], options = {}): Promise<unknown> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket`, {
    perMessageDeflate: false,
    ...options,
  });
  await once(socket, 'open');
  const got: string[] = [];
  for (const message of messages) {
    const answered = once(socket, 'message');
    socket.send(message);
    const [data, binary] = (await answered) as [Buffer, boolean];
    got.push(`${binary ? 'binary' : 'text'} ${data.length} ${data.toString('latin1').slice(0, 20)}`);
  }
  socket.close(1000, 'done');
  const [code] = await once(socket, 'close');
  return { got, code };
}

export const upgrades: ShapeGroup = {
  title: 'Upgrades',
  shapes: [
    {
      name: 'a WebSocket by hand, both ways',
      differs: ['upgrade.forwarded', 'upgrade.names'],
      send: [websocket(), { client: '\r\n\r\n' }, textFrame('hello')],
      answer: tunnel(switching(`Sec-WebSocket-Accept: ${acceptKey(KEY)}`), textFrame('hello'), '\x81\x03abc'),
    },
    {
      name: 'bytes of the app right behind the 101',
      differs: ['upgrade.forwarded'],
      send: [websocket(), { client: 'first words' }, 'client words'],
      answer: tunnel(`${switching()}first words`, 'client words', 'last words'),
    },
    {
      name: 'bytes of the client right behind its request',
      differs: ['upgrade.forwarded'],
      send: [`${websocket()}early words`],
      answer: tunnel(switching(), 'early words', 'seen'),
    },
    {
      name: 'a tunnel for every byte',
      differs: ['upgrade.forwarded'],
      send: [websocket(), { client: '\r\n\r\n' }, String.fromCharCode(...Array(256).keys())],
      answer: tunnel(switching(), '\xff', String.fromCharCode(...Array(256).keys())),
    },
    {
      name: 'subprotocols, extensions, cookies and an origin',
      differs: ['upgrade.forwarded', 'upgrade.names'],
      send: [
        websocket(
          'Sec-WebSocket-Protocol: chat, superchat',
          'Sec-WebSocket-Extensions: permessage-deflate',
          'Origin: https://a.example',
          'Cookie: a=1; b=2',
        ),
        { client: '\r\n\r\n' },
        'go',
      ],
      answer: tunnel(
        switching('Sec-WebSocket-Protocol: chat', 'Set-Cookie: c=3', 'Set-Cookie: d=4', 'X-App: 1'),
        'go',
        'gone',
      ),
    },
    {
      name: 'names and words in odd case',
      differs: ['upgrade.forwarded'],
      send: [
        get('/socket', 'connection: keep-alive, UPGRADE', 'UPGRADE: WebSocket'),
        { client: '\r\n\r\n' },
        'go',
      ],
      answer: tunnel(switching(), 'go', 'gone'),
    },
    {
      name: 'an upgrade that the app answers in plain',
      differs: ['date.added', 'upgrade.forwarded', 'upgrade.names', 'close.kept-open'],
      send: websocket(),
      answer: answer('200 OK', 'no socket here', 'Connection: close'),
    },
    {
      name: 'an upgrade that the app refuses',
      differs: ['date.added', 'upgrade.forwarded', 'upgrade.names', 'close.kept-open'],
      send: websocket(),
      answer: answer('403 Forbidden', 'not you', 'Connection: close'),
    },
    {
      name: 'an upgrade to another protocol',
      differs: ['upgrade.any'],
      send: [get('/other', 'Connection: Upgrade', 'Upgrade: chat/2'), { client: '\r\n\r\n' }, 'go'],
      answer: tunnel(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat/2\r\nConnection: Upgrade\r\n\r\n',
        'go',
        'gone',
      ),
    },
    {
      name: 'an upgrade from HTTP/1.0',
      differs: ['date.added', 'hop.removed', 'upgrade.forwarded', 'upgrade.names'],
      send: 'GET /socket HTTP/1.0\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    },
    {
      name: 'ws: text',
      differs: ['upgrade.forwarded', 'upgrade.names'],
      call: (call) => talk(call, ['hello', '', '\u00e4\u20ac']),
      answer: echo,
    },
    {
      name: 'ws: binary of 70,000 bytes',
      differs: ['upgrade.forwarded', 'upgrade.names'],
      call: (call) => talk(call, [Buffer.alloc(70_000, 'abc')]),
      answer: echo,
    },
    {
      name: 'ws: many small messages',
      differs: ['upgrade.forwarded', 'upgrade.names'],
      call: (call) =>
        talk(
          call,
          Array.from({ length: 50 }, (_, i) => `message ${i}`),
        ),
      answer: echo,
    },
    {
      name: 'ws: with fields of its own',
      differs: ['upgrade.forwarded', 'upgrade.names'],
      call: (call) =>
        talk(call, ['x'], { headers: { Cookie: 'sid=1', 'X-Own': 'y' }, origin: 'https://a.example' }),
      answer: echo,
    },
  ],
};
