// Knows `limpet demo` when it meets it, and fills in what a drill on it needs: how to log in, what to ask, whom to kill.

import { ask, jsonOf } from '../admin/ask.ts';
import { formatDuration, type Reading } from '../config/units.ts';
import { DrillError } from './drill-error.ts';
import { type Condition, type Extractor, parseCondition, parseExtractor } from './extract.ts';
import type { Scenario } from './plan.ts';
import { parseRequest, type RequestText } from './request-text.ts';

export interface DemoApp {
  readonly name: string;
  /** `running`, `hung` or `killed`. */
  readonly process: string;
}

/** The demo's apps as its control page tells them; null where there is no demo. Throws DrillError when nobody answers. */
export async function demoApps(target: URL): Promise<readonly DemoApp[] | null> {
  const { status, text } = await ask(new URL('/_demo/apps', target));
  const list = status === 200 ? jsonOf(text) : null;
  if (!Array.isArray(list) || list.length === 0) return null;
  const sound = list.every((app: unknown) => {
    const { name, process } = (app ?? {}) as Record<string, unknown>;
    return typeof name === 'string' && typeof process === 'string';
  });
  return sound ? (list as DemoApp[]) : null; // each was looked at
}

/** A scenario for the demo, in all that was left open: its first app is killed. Throws DrillError where there is no time for that. */
export function fillForDemo(scenario: Scenario, apps: readonly DemoApp[]): Scenario {
  const { requests, login, loggedOut, instance, ledgers, event, limits, target } = scenario;
  const first = apps[0]!.name; // a demo without apps is none
  const endMs = scenario.atMs + scenario.forMs;
  if (endMs > scenario.durationMs) {
    throw new DrillError(
      `an app of the demo is revived ${formatDuration(endMs)} after the start, and the load ends before`,
      `--duration ${formatDuration(endMs)} or more, or a shorter --for`,
    );
  }
  return {
    ...scenario,
    requests: requests ?? [known(parseRequest('GET /me')), known(parseRequest('POST /order {id}'))],
    login: login ?? (requests === null ? LOGIN : null),
    loggedOut: loggedOut ?? [LOGGED_OUT],
    instance: instance ?? INSTANCE,
    ledgers: ledgers ?? [{ url: new URL('/_demo/orders', target) }],
    event: event ?? {
      kind: 'kill',
      victim: { by: 'demo', app: first },
      text: `kill demo:${first}`,
      undo: null,
    },
    limits: { ...limits, moved: limits.moved ?? 0 },
  };
}

/** What is written here is sound. */
function known<T>(reading: Reading<T>): T {
  if ('wrong' in reading) throw new Error(reading.wrong);
  return reading.value;
}

const LOGIN: RequestText = known(parseRequest('POST /login {user}'));
const LOGGED_OUT: Condition = known(parseCondition('json:user=null'));
const INSTANCE: Extractor = known(parseExtractor('json:app'));
