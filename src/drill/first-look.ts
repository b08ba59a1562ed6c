// Meets the target before any harm: whether it answers, whether it is the demo, and where its answers name the instance.
import type { Clock } from '../base/clock.ts';
import { demoApps, fillForDemo } from './demo-target.ts';
import { DrillError } from './drill-error.ts';
import { type Condition, type Extractor, parseExtractor } from './extract.ts';
import { HttpLine, type Incoming, type Line } from './line.ts';
import type { DrillPlan, Scenario } from './plan.ts';
import { nameOf, type RequestText } from './request-text.ts';
import { type Told, User } from './user.ts';

/** Where apps and proxies commonly name the instance; the first that an answer has is taken. */
const USUAL_PLACES = [
  'header:x-instance',
  'header:x-instance-id',
  'header:x-served-by',
  'header:x-backend-server',
  'header:x-upstream',
  'json:instance',
  'json:app',
  'json:hostname',
];

/** Fills what the scenario leaves open by one look at the target. Throws DrillError when the target does not answer as it should. */
export async function firstLook(scenario: Scenario, clock: Clock): Promise<DrillPlan> {
  const wantsDemo = scenario.requests === null || scenario.event?.victim.by === 'demo';
  const apps = wantsDemo ? await demoApps(scenario.target) : null;
  const filled = apps === null ? scenario : fillForDemo(scenario, apps);
  const notes = apps !== null ? ['this is `limpet demo`: what was left open is as it needs it'] : [];
  const plan: DrillPlan = {
    ...filled,
    requests: filled.requests ?? [GET_ROOT],
    loggedOut: filled.loggedOut ?? (filled.login === null ? [] : usualLogouts(filled.login)),
    ledgers: filled.ledgers ?? [],
    notes,
  };
  const incoming = await ask(plan, clock);
  if (plan.instance !== null) return plan;
  const instance = incoming === null ? null : usualPlace(incoming);
  if (instance === null) {
    return {
      ...plan,
      notes: [...notes, 'no answer says which instance gave it: name a place by `instance`'],
    };
  }
  return { ...plan, instance, notes: [...notes, `instances are told apart by ${instance.text}`] };
}

const GET_ROOT: RequestText = { method: 'GET', path: '/', body: null, contentType: null, safe: true };

/** 401, or a redirect to where one logs in. */
function usualLogouts(login: RequestText): Condition[] {
  const path = login.path.split('?')[0]!;
  return [
    { text: 'status:401', holds: ({ status }) => status === 401 },
    {
      text: `a redirect to ${path}`,
      holds: (answer) => {
        const location = answer.status >= 300 && answer.status < 400 ? answer.field('location') : null;
        return location !== null && location.replace(/^[a-z]+:\/\/[^/]*/i, '').split(/[?#]/)[0] === path;
      },
    },
  ];
}

/** Asks as a user of the load will; the answer, or null where nothing but writes could be asked. */
async function ask(plan: DrillPlan, clock: Clock): Promise<Incoming | null> {
  const request = plan.requests.find(({ safe }) => safe);
  if (request === undefined) return null;
  const line = new HttpLine(plan.target);
  let incoming: Incoming | null = null;
  const listening: Line = {
    send: (outgoing, done) =>
      line.send(outgoing, (outcome) => {
        if ('incoming' in outcome) incoming = outcome.incoming;
        done(outcome);
      }),
    abort: (why) => line.abort(why),
    close: () => line.close(),
  };
  const scout = new User('drill-scout', plan, listening, clock);
  const late = setTimeout(() => scout.abort('no answer in time'), plan.timeoutMs);
  const told = await new Promise<Told>((resolve) => scout.ask(request, 'drill-scout', resolve));
  clearTimeout(late);
  scout.close();
  if (told.why !== null) {
    const detail = told.detail === '' ? '' : ` (${told.detail})`;
    throw new DrillError(
      `${plan.target.origin} fails before any harm: ${nameOf(request)}: ${told.why}${detail}`,
      'a proxy that runs, and a request that it answers: --request, --login, --ok',
    );
  }
  if (told.lostLogin) {
    throw new DrillError(
      `a user who has just logged in is asked to log in again by ${nameOf(request)}`,
      'what `login` sends, and what `logged-out` looks for',
    );
  }
  return incoming;
}

function usualPlace(incoming: Incoming): Extractor | null {
  const answer = { status: incoming.status, field: incoming.field, cookie: () => null, body: incoming.body };
  for (const text of USUAL_PLACES) {
    const reading = parseExtractor(text);
    if ('value' in reading && reading.value.find(answer) !== null) return reading.value;
  }
  return null;
}
