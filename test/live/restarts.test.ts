// Promise: a restart is noticed by nobody, be it by `--replace` or as containers do it. LIMPET_RESTARTS=20 asks for the long form, at 2,000 requests a second.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Child, lives, type Owner } from '../kit/child.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import {
  RestartTraffic,
  startTrafficUpstreams,
  type TrafficCount,
  type TrafficSpec,
  type TrafficUpstreams,
} from '../kit/restart-traffic.ts';

const RESTARTS = Number(process.env.LIMPET_RESTARTS ?? 2);
const LONG = RESTARTS > 5;
const SPEC: TrafficSpec = LONG
  ? { keepAlive: 120, fresh: 60, webSockets: 20, eventStreams: 10, everyMs: 100 }
  : { keepAlive: 10, fresh: 5, webSockets: 4, eventStreams: 3, everyMs: 100 };
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function waitFor(what: string, holds: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
  const untilMs = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(20);
  }
}

const isReady = (adminPort: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
    (answer) => answer.status === 200,
    () => false,
  );

interface House {
  readonly folder: string;
  readonly upstreams: TrafficUpstreams;
  config(port: number, adminPort: number, shutdown: object): string;
}

async function build(owner: Owner): Promise<House> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-restart-'));
  owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const upstreams = await startTrafficUpstreams();
  owner.teardown(() => upstreams.stop());
  return {
    folder,
    upstreams,
    config: (port, adminPort, shutdown) => {
      const file = join(folder, `${port}.yaml`);
      const health = { suspicion: false };
      const config = {
        listeners: [{ bind: `127.0.0.1:${port}` }],
        workers: 2,
        pools: {
          plain: { upstreams: [`http://127.0.0.1:${upstreams.plainPort}`], health },
          long: { upstreams: [`http://127.0.0.1:${upstreams.longPort}`], health },
        },
        routes: [
          { path: '/', pool: 'plain' },
          { path: '/long', pool: 'long' },
        ],
        admin: { bind: `127.0.0.1:${adminPort}` },
        log: { access: false },
        shutdown,
      };
      writeFileSync(file, JSON.stringify(config));
      return file;
    },
  };
}

type Asserts = Pick<typeof t, 'comment' | 'same' | 'ok'>;

function told(t: Asserts, count: TrafficCount): void {
  const { answered, echoed, toldToLeave, streamed, failures } = count;
  t.comment(`${answered} answers, ${echoed} echoes, ${toldToLeave} told to leave, ${streamed} streams`);
  t.same(Object.fromEntries(failures), {}, 'nothing failed, nobody was refused');
  t.ok(answered > 0 && echoed > 0 && streamed > 0, 'and there was traffic of all kinds');
}

t.test(`${RESTARTS} successors take over under load`, { timeout: 900_000 }, async (t) => {
  const house = await build(t);
  const [port, adminPort] = [await freePort(), await freePort()];
  const file = house.config(port, adminPort, { deadline: '3s' });
  const pidFile = join(house.folder, 'pid');
  const args = [main, 'run', '-c', file, '--control', join(house.folder, 'control'), '--pid-file', pidFile];
  // The successors are of its group, and go with it at the end.
  const first = new Child(pinnedNode, args, { owner: t, group: true });
  await first.wrote(/^limpet: listening on .*$/m, 60_000);
  const pids = [Number(readFileSync(pidFile, 'utf8'))];
  const traffic = new RestartTraffic(SPEC, () => port);
  traffic.start();
  await waitFor('traffic', () => traffic.count.answered > 50 && traffic.count.streamed > 0);
  for (let i = 0; i < RESTARTS; i++) {
    const command = new Child(pinnedNode, [...args, '--replace'], { owner: t });
    const code = await command.exit();
    t.equal(code, 0, command.stderr());
    const pid = Number(readFileSync(pidFile, 'utf8'));
    t.notOk(pids.includes(pid), 'another process serves');
    pids.push(pid);
    await waitFor('the end of the old process', () => !lives(pids.at(-2)!));
  }
  const before = traffic.count.answered;
  await waitFor('more traffic', () => traffic.count.answered > before + 50);
  const count = await traffic.stop();
  told(t, count);
  t.ok(count.toldToLeave >= RESTARTS * SPEC.webSockets, 'WebSockets were told that the server goes away');
  const last = pids.at(-1)!;
  process.kill(last, 'SIGTERM');
  await waitFor('the end of the last process', () => !lives(last));
  t.throws(() => readFileSync(pidFile), 'which takes its pid file away');
});

t.test(
  `one of two replicas, each in its turn, is stopped and started ${RESTARTS} times`,
  { timeout: 900_000 },
  async (t) => {
    const house = await build(t);
    const replicas = await Promise.all(
      [0, 1].map(async () => {
        const [port, adminPort] = [await freePort(), await freePort()];
        const file = house.config(port, adminPort, { delay: '1s', deadline: '4s' });
        return { port, adminPort, file, ready: false, child: null as Child | null };
      }),
    );
    const start = async (replica: (typeof replicas)[number]): Promise<void> => {
      const control = join(house.folder, `${replica.port}.sock`);
      const child = new Child(pinnedNode, [main, 'run', '-c', replica.file, '--control', control], {
        owner: t,
      });
      replica.child = child;
      await child.wrote(/^limpet: listening on .*$/m, 60_000);
    };
    for (const replica of replicas) await start(replica);
    // What stands before replicas sends nobody to one that is not ready, and learns of that a little later.
    let watching = true;
    const watch = (async () => {
      while (watching) {
        for (const replica of replicas) replica.ready = await isReady(replica.adminPort);
        await pause(50);
      }
    })();
    await waitFor('readiness', () => replicas.every(({ ready }) => ready));
    let turn = 0;
    const traffic = new RestartTraffic(SPEC, () => {
      const ready = replicas.filter((replica) => replica.ready);
      return ready[turn++ % ready.length]!.port;
    });
    traffic.start();
    await waitFor('traffic', () => traffic.count.answered > 50 && traffic.count.streamed > 0);
    for (let i = 0; i < RESTARTS; i++) {
      // Each in its turn: whoever was sent away from one is with the other when that is stopped.
      const stopped = replicas[(i + 1) % 2]!;
      const child = stopped.child!;
      await child.kill('SIGTERM');
      t.equal(await child.exit(), 0, 'it ends in order');
      await start(stopped);
      await waitFor('readiness', () => stopped.ready);
      await pause(300);
    }
    const count = await traffic.stop();
    watching = false;
    await watch;
    told(t, count);
    t.ok(
      count.toldToLeave >= (RESTARTS - 1) * SPEC.webSockets,
      'WebSockets were told that the server goes away',
    );
  },
);
