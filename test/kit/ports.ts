// Free ports for servers that must be named in a config before they listen.
import { createServer } from 'node:net';

// Below Linux's ephemeral range (32768-60999), so that no outgoing connection of a busy machine takes the port between the
// moment it is found free and the moment the server binds it.
const FIRST = 20_000;
const COUNT = 12_000;
const given = new Set<number>();

/** A TCP port on 127.0.0.1 that was free a moment ago and was not given out before by this process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (given.has(port) || !(await canBind(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no free port found in 200 tries');
}

/** How far above its port a node of a Redis cluster listens for the others. */
const BUS = 10_000;

/** As `freePort`, for a node of a Redis cluster: the port of its bus is free too, and below the ephemeral range. */
export async function freeClusterPort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = FIRST + Math.floor(Math.random() * (COUNT - BUS));
    if (given.has(port) || given.has(port + BUS)) continue;
    if (!(await canBind(port)) || !(await canBind(port + BUS))) continue;
    given.add(port);
    given.add(port + BUS);
    return port;
  }
  throw new Error('no free pair of ports found in 200 tries');
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
