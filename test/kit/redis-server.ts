// A real Redis on a free port of this machine, with nothing kept on disk, ended with its test.
import { Redis } from 'ioredis';
import t from 'tap';
import { Child, type Owner } from './child.ts';
import { freePort } from './ports.ts';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** A client of the test's own. */
  readonly client: Redis;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts one and waits until it answers. */
export async function startRedis(
  owner: Owner = t,
  args: readonly string[] = [],
  port?: number,
): Promise<RedisServer> {
  const at = port ?? (await freePort());
  const given = ['--port', `${at}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...args];
  const child = new Child('redis-server', given, { owner });
  await child.wrote(/Ready to accept connections/);
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
