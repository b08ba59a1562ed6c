// `npm run bench`: measures Limpet beside nginx, HAProxy and http-proxy on this machine and prints what each costs.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { canPin } from '../test/kit/load-process.ts';
import { adminSide, scrapes } from './admin-side.ts';
import type { BenchRun } from './bench-run.ts';
import { failover } from './failover.ts';
import { idleConnections } from './idle-connections.ts';
import { largeBodies } from './large-bodies.ts';
import { longConnections } from './long-connections.ts';
import { many } from './many.ts';
import { caddy } from './peer-caddy.ts';
import { haproxy } from './peer-haproxy.ts';
import { LIMPET_MAIN, limpet } from './peer-limpet.ts';
import { nginx } from './peer-nginx.ts';
import { fastifyHttpProxy, nodeHttpProxy } from './peer-node.ts';
import type { Peer } from './peers.ts';
import { reloads } from './reloads.ts';
import { replicas } from './replicas.ts';
import { changesSince, type Report, tableOf } from './report.ts';
import { restarts } from './restarts.ts';
import { revocations } from './revocations.ts';
import { sessionChecks } from './session-checks.ts';
import { sessionFigures } from './session-figures.ts';
import { sessionTokens } from './session-tokens.ts';
import { sessionTruth } from './session-truth.ts';
import { smallRequests } from './small-requests.ts';
import { tracing } from './tracing.ts';

const USAGE = `npm run bench -- [SCENARIO…] [options]
  SCENARIO           small, small-log, rate, post, chunked, connect, tls, tls-connect, pipelined, download, upload, websocket, events, idle,
                     upstreams, routes, workers, failover (kill, hang, slow), reloads, restarts, replicas,
                     admin, scrapes, tracing, session, session-truth,
                     session-tokens, session-figures, revocations; default: all
  --only A,B         the same
  --peers A,B        nginx, haproxy, caddy, http-proxy, fastify-proxy, limpet, or NAME=FILE for another build of Limpet by its main file
  --rounds N         measurements of each peer, taken in turn (5; with --quick 2)
  --seconds S        length of one measurement (4; with --quick 2)
  --rate N           requests a second of the scenario rate (6000)
  --idle N           connections of the scenario idle (10000)
  --times N          reloads and restarts, those of replicas too (100 and 20; with --quick 10 and 3)
  --live-rate N      requests a second under these (2000)
  --quick            small figures for a first look, without failover and replicas: under 2 minutes
  --json FILE        also writes everything that was measured
  --against FILE     says what changed since the run that wrote that file by --json
`;

/** Each scenario by name, in the order of the report. */
const SCENARIOS: Readonly<Record<string, (run: BenchRun) => Promise<Report>>> = {
  small: (run) =>
    smallRequests(
      run,
      'small',
      'small keep-alive GETs on 64 connections at full speed, affinity on, access log off',
      {
        accessLog: false,
        rate: 0,
      },
    ),
  'small-log': (run) =>
    smallRequests(run, 'small-log', 'the same with an access log to a file', { accessLog: true, rate: 0 }),
  rate: (run) =>
    smallRequests(
      run,
      'rate',
      `the same without a log, at a fixed rate of ${run.rate} requests/s; latency from when each was due`,
      { accessLog: false, rate: run.rate },
    ),
  post: (run) =>
    smallRequests(run, 'post', 'POSTs of 4 KiB on 64 keep-alive connections, small answers', {
      accessLog: false,
      rate: 0,
      shape: 'post',
    }),
  chunked: (run) =>
    smallRequests(
      run,
      'chunked',
      'POSTs of 4 KiB in chunks, answered in chunks, on 64 keep-alive connections',
      {
        accessLog: false,
        rate: 0,
        shape: 'chunked',
      },
    ),
  connect: (run) =>
    smallRequests(run, 'connect', 'small GETs, a new connection for each, 64 at a time', {
      accessLog: false,
      rate: 0,
      shape: 'closing',
    }),
  tls: (run) =>
    smallRequests(run, 'tls', 'small keep-alive GETs on 64 connections by TLS 1.3, AES-128-GCM', {
      accessLog: false,
      rate: 0,
      secure: true,
    }),
  'tls-connect': (run) =>
    smallRequests(
      run,
      'tls-connect',
      'small GETs by TLS 1.3, a connection with a full handshake for each (P-256), 64 at a time',
      { accessLog: false, rate: 0, shape: 'closing', secure: true },
    ),
  pipelined: (run) => longConnections(run, 'pipelined'),
  download: (run) => largeBodies(run, 'download'),
  upload: (run) => largeBodies(run, 'upload'),
  websocket: (run) => longConnections(run, 'websocket'),
  events: (run) => longConnections(run, 'events'),
  idle: idleConnections,
  upstreams: (run) => many(run, 'upstreams'),
  routes: (run) => many(run, 'routes'),
  workers: (run) => many(run, 'workers'),
  kill: (run) => failover(run, 'kill'),
  hang: (run) => failover(run, 'hang'),
  slow: (run) => failover(run, 'slow'),
  reloads,
  restarts,
  replicas,
  admin: adminSide,
  scrapes,
  tracing,
  session: sessionChecks,
  'session-truth': sessionTruth,
  'session-tokens': sessionTokens,
  'session-figures': sessionFigures,
  revocations,
};
const FAILOVER = ['kill', 'hang', 'slow'];
/** Left out by --quick, unless asked for by name. */
const SLOW = [...FAILOVER, 'replicas'];

function fail(problem: string): never {
  process.stderr.write(`bench: ${problem}\n\n${USAGE}`);
  process.exit(1);
}

function peersNamed(names: readonly string[]): Peer[] {
  const known = new Map(
    [nginx, haproxy, caddy, nodeHttpProxy, fastifyHttpProxy, limpet(LIMPET_MAIN)].map((peer) => [
      peer.name,
      peer,
    ]),
  );
  return names.map((name) => {
    const equals = name.indexOf('=');
    const peer = equals > 0 ? limpet(name.slice(equals + 1), name.slice(0, equals)) : known.get(name);
    return peer ?? fail(`unknown peer ${name}`);
  });
}

function scenariosNamed(names: readonly string[], quick: boolean): string[] {
  if (names.length === 0) return Object.keys(SCENARIOS).filter((name) => !quick || !SLOW.includes(name));
  const wanted = names.flatMap((name) => (name === 'failover' ? FAILOVER : [name]));
  for (const name of wanted) if (!Object.hasOwn(SCENARIOS, name)) fail(`unknown scenario ${name}`);
  return wanted;
}

function positive(text: string | undefined, fallback: number, option: string): number {
  const value = text === undefined ? fallback : Number(text);
  return value > 0 ? value : fail(`${option} takes a number above 0`);
}

function listed(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').filter((name) => name !== '');
}

/** What an earlier run wrote by --json. */
function reportsIn(file: string): Report[] {
  try {
    const reports: unknown = JSON.parse(readFileSync(file, 'utf8'));
    // The file is this program's own; a list of named reports is told from any other JSON, and that is all that is asked.
    if (Array.isArray(reports) && reports.every((each) => 'name' in each && 'rows' in each))
      return reports as Report[];
  } catch (error) {
    fail(`--against ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return fail(`--against ${file}: this is not what --json writes`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      rate: { type: 'string' },
      idle: { type: 'string' },
      times: { type: 'string' },
      'live-rate': { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      against: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const { quick } = values;
  const before = values.against === undefined ? null : reportsIn(values.against);
  const names = scenariosNamed([...positionals, ...listed(values.only)], quick);
  const peers = peersNamed(
    listed(values.peers ?? 'nginx,haproxy,caddy,http-proxy,fastify-proxy,limpet'),
  ).filter((peer) => {
    const why = peer.missing();
    if (why !== null) process.stdout.write(`${peer.name} is left out: ${why}\n`);
    return why === null;
  });
  if (peers.length === 0) throw new Error('no peer is left to be measured');
  const progress = process.stderr.isTTY
    ? (text: string) => process.stderr.write(`\r\x1b[K${text}`)
    : () => {};
  const run: BenchRun = {
    peers,
    rounds: positive(values.rounds, quick ? 2 : 5, '--rounds'),
    measureMs: positive(values.seconds, quick ? 2 : 4, '--seconds') * 1000,
    warmMs: quick ? 1200 : 2500,
    rate: positive(values.rate, 6000, '--rate'),
    bodyBytes: (quick ? 256 : 1024) * 1024 ** 2,
    idleConnections: positive(values.idle, quick ? 2000 : 10_000, '--idle'),
    reloads: positive(values.times, quick ? 10 : 100, '--times'),
    restarts: positive(values.times, quick ? 3 : 20, '--times'),
    liveRate: positive(values['live-rate'], 2000, '--live-rate'),
    proxyCore: canPin ? 0 : null,
    loadCore: canPin ? 1 : null,
    progress,
  };
  process.stdout.write(
    canPin
      ? `proxies on core 0, load and upstreams on core 1 of ${availableParallelism()}; ${run.rounds} rounds in turn, medians\n`
      : `nothing is pinned (two cores and taskset are needed): the figures are rough; ${run.rounds} rounds\n`,
  );
  const reports: Report[] = [];
  for (const name of names) {
    const report = await SCENARIOS[name]!(run);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    process.stdout.write(`${tableOf(report)}\n`);
    reports.push(report);
    // After each scenario, so that a run that is broken off has told what it knew.
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(reports, null, 2)}\n`);
  }
  if (before !== null)
    process.stdout.write(`\nsince ${values.against}:\n${changesSince(before, reports).join('\n')}\n`);
  if (reports.some((report) => report.rows.some((row) => row.void !== null))) process.exitCode = 1;
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    // Whatever was started ends with us: see test/kit/load-process.ts.
    process.stderr.write(`\nbench: ended early by ${signal}; what it started is ended, too\n`);
    process.exit(code);
  });
}
await main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
// Children's message channels would keep us here.
process.exit();
