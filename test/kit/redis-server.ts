// A real Redis with a client of the test's own.
import { Redis } from 'ioredis';
import t from 'tap';
import type { Owner } from './child.ts';
import { startRedis as startServer } from './store-servers.ts';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  readonly client: Redis;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts one and waits until it answers. */
export async function startRedis(owner: Owner = t, port?: number): Promise<RedisServer> {
  const { port: at, child } = await startServer(owner, [], port);
  const client = new Redis({ port: at, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 100 });
  // Tests kill the server; what they ask meanwhile tells them itself.
  client.on('error', () => {});
  owner.teardown(() => client.disconnect());
  return {
    port: at,
    url: `redis://127.0.0.1:${at}/0`,
    pid: child.pid,
    client,
    kill: (signal = 'SIGKILL') => child.kill(signal),
  };
}
