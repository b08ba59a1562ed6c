// A client that sends exactly the bytes it is told, in the pieces it is told, and shows exactly what came back.
import { connect } from 'node:net';
import t from 'tap';
import type { Owner } from './child.ts';
import { type Message, readAnswer, statusOf } from './http-message.ts';
import { type Bytes, Peer } from './peer.ts';

export interface ClientOptions {
  /** Address to come from, such as 127.0.0.2. */
  readonly from?: string;
  readonly owner?: Owner;
}

export class RawClient extends Peer {
  /** Connects to 127.0.0.1:`port`. The connection is destroyed with its owner. */
  static open(port: number, options: ClientOptions = {}): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        allowHalfOpen: true,
        ...(options.from === undefined ? {} : { localAddress: options.from }),
      });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        const client = new RawClient(socket);
        if (options.owner) options.owner.teardown(() => socket.destroy());
        else live.add(client);
        socket.once('close', () => live.delete(client));
        resolve(client);
      });
    });
  }

  /** The next whole answer, interim ones (1xx) included, taken off the received bytes. `method` is that of its request. */
  async answer(method = 'GET', ms?: number): Promise<Message> {
    const found = await this.until(
      () => readAnswer(this.received, method, this.ending === 'end'),
      'whole answer',
      ms,
    );
    this.take(found.raw.length);
    return found;
  }

  /** The next answer that is no 1xx (101 counts as final). */
  async finalAnswer(method = 'GET', ms?: number): Promise<Message> {
    for (;;) {
      const found = await this.answer(method, ms);
      const status = statusOf(found);
      if (status === 101 || status >= 200) return found;
    }
  }

  /** Sends and waits for the final answer. */
  ask(request: Bytes, method = 'GET', ms?: number): Promise<Message> {
    this.send(request);
    return this.finalAnswer(method, ms);
  }
}

/** One connection, one request, its final answer. The method is read off the request's first word. */
export async function askOnce(port: number, request: string, options?: ClientOptions): Promise<Message> {
  const client = await RawClient.open(port, options);
  try {
    return await client.ask(request, request.slice(0, request.indexOf(' ')));
  } finally {
    client.destroy();
  }
}

const live = new Set<RawClient>();
t.teardown(() => {
  for (const client of live) client.destroy();
});
