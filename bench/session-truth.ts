// What a check costs while everything is told at once: apps touch their sessions with every answer, Redis tells of it, and a million are revoked.
import { fileURLToPath } from 'node:url';
import { NODE, startProcess, stopProcess } from '../test/kit/load-process.ts';
import type { BenchRun } from './bench-run.ts';
import type { Report } from './report.ts';
import { loadRevocations, REVOCATION_DB } from './revocation-load.ts';
import { type CheckScenario, compareChecks, OWN_COLUMNS } from './session-checks.ts';
import { expressBlock, expressCookies, JWT_BLOCK, limpetWith, sessionKeys, tokens } from './session-peers.ts';
import { TouchCost } from './touch-cost.ts';

const REVOCATIONS = 1_000_000;
const TOUCHER = fileURLToPath(new URL('session-toucher.ts', import.meta.url));

const TRUTH: CheckScenario = {
  name: 'session-truth',
  title:
    'small GETs with a session checked, 64 users; each session touched in Redis every 2 ms, changes told, a million revocations in force; CPU of Limpet, and of Redis but for the touches themselves',
  columns: OWN_COLUMNS,
  peers: (redis) => {
    const revocation = `redis://127.0.0.1:${redis.port}/${REVOCATION_DB}`;
    return [
      limpetWith('no session', expressCookies, () => null, redis),
      limpetWith('express-session', expressCookies, (port) => ({ ...expressBlock(port), revocation }), redis),
      limpetWith('no session, tokens', tokens, () => null, redis),
      limpetWith('jwt', tokens, () => ({ ...JWT_BLOCK, revocation }), redis),
    ];
  },
  // What is done with a change that is told runs a hundred times a second, not ten thousand: its compiler takes that much longer to finish.
  warmings: 8,
  without: { 'express-session': 'no session', jwt: 'no session, tokens' },
  prepare: async (redis, core) => {
    await loadRevocations(redis.port, REVOCATIONS);
    const toucher = startProcess(NODE, [TOUCHER, `${redis.port}`, ...sessionKeys], { core });
    const cost = await TouchCost.measure(redis);
    return {
      begin: () => cost.begin(),
      end: () => {
        cost.close();
        return stopProcess(toucher);
      },
    };
  },
};

export function sessionTruth(run: BenchRun): Promise<Report> {
  return compareChecks(run, TRUTH);
}
