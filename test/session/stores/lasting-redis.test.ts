// A connection that ioredis gives up for good is made again, and one that was closed here is not.
import { connect, type Socket } from 'node:net';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import t from 'tap';
import { SeededRandom } from '../../../src/base/random.ts';
import { LastingRedis } from '../../../src/session/stores/lasting-redis.ts';
import { until } from '../../kit/store-drill.ts';
import { startRedis } from '../../kit/store-servers.ts';

t.test('what ends it is not the end, until it is closed', async (t) => {
  const { port } = await startRedis(t);
  let tries = 0;
  let refusing = 0;
  /** Fails as the one for sentinels does when a new master is told of while it asks. */
  class Connector extends AbstractConnector {
    constructor() {
      super(0);
    }
    async connect(): Promise<Socket> {
      tries++;
      if (refusing-- > 0) throw new Error('Connection is closed.');
      this.stream = connect(port, '127.0.0.1');
      return this.stream as Socket; // made a line before
    }
  }
  const options = { protocol: 2, Connector, retryStrategy: () => 10 } satisfies RedisOptions;
  const client = new LastingRedis(options, new SeededRandom(1));
  t.teardown(() => client.disconnect());
  client.on('error', () => {});
  let ends = 0;
  client.on('end', () => ends++);
  await until(() => client.status === 'ready');
  refusing = 3;
  client.disconnect(true);
  await until(() => ends === 3 && client.status === 'ready');
  t.equal(await client.ping(), 'PONG');
  client.disconnect();
  await until(() => ends === 4);
  const before = tries;
  // Longer than it ever waits after the first end.
  await new Promise((resolve) => setTimeout(resolve, 150));
  t.same([client.status, tries], ['end', before], 'who is closed stays so');
});
