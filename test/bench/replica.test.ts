// What the bench takes for a replica: it is ready when it says so, ends by its image's signal, is killed where it does not, and starts anew at the same address.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { PeerTask } from '../../bench/peers.ts';
import { Replica, saysOk } from '../../bench/replica.ts';
import { NODE } from '../kit/load-process.ts';
import { freePort } from '../kit/ports.ts';

/** Says 503 at /ready until it was asked twice; at SIGUSR2 it ends with the code in its arguments, or not at all. */
const PROGRAM = `
import { createServer } from 'node:http';
const [port, code] = process.argv.slice(2);
let asked = 0;
const server = createServer((request, response) => {
  response.statusCode = ++asked > 2 ? 200 : 503;
  response.end();
}).listen(Number(port), '127.0.0.1');
process.on('SIGUSR2', () => {
  if (code !== 'stays') process.exit(Number(code));
});
`;
const folder = mkdtempSync(join(tmpdir(), 'limpet-test-replica-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'program.mjs'), PROGRAM);
const task: PeerTask = {
  upstreamPorts: [],
  dir: folder,
  core: null,
  affinity: false,
  accessLog: false,
  responseMs: 1000,
  byLatency: false,
  workers: 1,
  routes: 1,
  checkMs: 2000,
};

async function replicaOf(t: { teardown(run: () => unknown): void }, code: string): Promise<Replica> {
  const port = await freePort();
  const replica = new Replica(task, {
    port,
    command: NODE,
    args: [join(folder, 'program.mjs'), String(port), code],
    signal: 'SIGUSR2',
    isReady: () => saysOk(port, '/ready'),
  });
  t.teardown(() => replica.kill());
  return replica;
}

t.test('a replica is ready when it says so, ends in order, and starts anew', async (t) => {
  const replica = await replicaOf(t, '0');
  t.notOk(await replica.isReady(), 'nobody is there yet');
  await replica.start();
  t.ok(await replica.isReady());
  t.ok(await replica.end(60_000), 'it ended in order');
  t.notOk(await replica.isReady(), 'nobody is there any more');
  await replica.start();
  t.ok(await replica.isReady());
});

t.test('an end with another code is not in order, and neither is none', async (t) => {
  const failing = await replicaOf(t, '3');
  await failing.start();
  t.notOk(await failing.end(60_000), 'its code says so');
  const staying = await replicaOf(t, 'stays');
  await staying.start();
  t.notOk(await staying.end(100), 'it was killed');
  t.notOk(await staying.isReady());
});

t.test('a replica that can not start is told with what it said', async (t) => {
  const port = await freePort();
  const replica = new Replica(task, {
    port,
    command: NODE,
    args: [join(folder, 'nowhere.mjs')],
    signal: 'SIGTERM',
    isReady: () => saysOk(port, '/ready'),
  });
  t.teardown(() => replica.kill());
  await t.rejects(replica.start(), { message: /ended at its start: [\s\S]*nowhere\.mjs/ });
});
