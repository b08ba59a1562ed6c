// What it costs to give the app a token in place of a session: beside the same check without one, and with the cookie withheld as well.
import type { BenchRun } from './bench-run.ts';
import type { Report } from './report.ts';
import { type CheckScenario, compareChecks, OWN_COLUMNS } from './session-checks.ts';
import { expressBlock, expressCookies, limpetWith } from './session-peers.ts';

const token = (more: object = {}) => ({ pass: { token: { jwt: { audience: 'bench' }, ...more } } });

const TOKENS: CheckScenario = {
  name: 'session-tokens',
  title:
    'small GETs with a session checked, 64 users; the app given a phantom token of a minute, which is signed once and used for half its life; what is added to the check',
  columns: OWN_COLUMNS,
  peers: (redis) => [
    limpetWith('express-session', expressCookies, expressBlock, redis),
    limpetWith('with a token', expressCookies, (port) => ({ ...expressBlock(port), ...token() }), redis),
    limpetWith(
      'cookie withheld too',
      expressCookies,
      (port) => ({ ...expressBlock(port), ...token({ withhold: true }) }),
      redis,
    ),
  ],
  warmings: 2,
  without: { 'with a token': 'express-session', 'cookie withheld too': 'express-session' },
};

export function sessionTokens(run: BenchRun): Promise<Report> {
  return compareChecks(run, TOKENS);
}
