// Turns what is written into a Scenario: texts are taken apart, and what does not go together is blamed at its place.
import { isLoopback } from '../config/addresses.ts';
import { formatDuration, quote, type Reading } from '../config/units.ts';
import { parseFieldValue, parseToken } from '../config/words.ts';
import { parseCondition, parseExtractor } from './extract.ts';
import type { EventPlan, Ledger, Scenario } from './plan.ts';
import { parseRequest } from './request-text.ts';
import type { ScenarioDraft, ScenarioKey } from './scenario-draft.ts';
import { EVENT_KINDS } from './scenario-keys.ts';
import { parseVictim } from './victim.ts';

/** Null when anything is wrong, which is blamed. */
export function resolveScenario(draft: ScenarioDraft): Scenario | null {
  const { values } = draft;
  const target = draft.parse('target', parseUrl);
  if (!draft.has('target'))
    draft.blame('target', 'the URL of a proxy is missing', 'limpet drill http://127.0.0.1:8080');
  checkHost(draft, 'target', target);
  const requests = draft.parseAll('request', parseRequest);
  const path = target === null ? '/' : `${target.pathname}${target.search}`;
  if (requests !== null && path !== '/') {
    draft.blame(
      'target',
      'the URL has a path, and so have the requests',
      `${target?.origin}, and paths in the requests`,
    );
  }
  if (draft.has('writes') && requests !== null && values.writes !== 0 && requests.every(({ safe }) => safe)) {
    draft.blame('writes', 'no request is a write', 'a request such as "POST /orders item=1"');
  }
  const login = draft.parse('login', parseRequest);
  if (draft.has('loggedOut') && !draft.has('login') && draft.has('request')) {
    draft.blame(
      'loggedOut',
      'nobody is logged in, since `login` is missing',
      'login: POST /login user={user}',
    );
  }
  const admin = draft.parse('admin', parseUrl);
  checkHost(draft, 'admin', admin);
  const ledgers = draft.parseAll('ledger', parseLedger);
  for (const ledger of ledgers ?? []) if ('url' in ledger) checkHost(draft, 'ledger', ledger.url);
  const event = resolveEvent(draft);
  const single = path === '/' ? null : parseRequest(`GET ${path}`);
  const { rate, users, duration, timeout } = values;
  if (target === null || rate === undefined || users === undefined) return null;
  return {
    target,
    rate,
    users,
    durationMs: duration!, // the schema has defaults for these
    timeoutMs: timeout!,
    requests: single !== null && 'value' in single ? [single.value] : requests,
    writeShare: values.writes!,
    headers: draft.parseAll('header', parseHeader) ?? [],
    ok: values.ok!,
    login,
    loggedOut: draft.parseAll('loggedOut', parseCondition),
    instance: draft.parse('instance', parseExtractor),
    handled: draft.parse('handled', parseExtractor),
    ledgers,
    event,
    atMs: values.at!,
    forMs: values.for!,
    harmed: values.harmed === undefined ? null : values.harmed.filter((name) => name !== 'none'),
    admin,
    limits: {
      failed: values.maxFailed!,
      p99Ms: values.maxP99 ?? null,
      moved: values.maxMoved ?? null,
      lost: values.maxLost ?? null,
      twice: values.maxTwice ?? null,
    },
  };
}

function resolveEvent(draft: ScenarioDraft): EventPlan | null {
  const { values } = draft;
  const kinds = EVENT_KINDS.filter((kind) => values[kind] !== undefined);
  const [kind, second] = kinds;
  if (kind === undefined) {
    for (const key of ['undo', 'harmed', 'at', 'for'] as const) {
      // The demo's own event may be moved in time; it needs no command to be undone.
      if ((key === 'undo' || key === 'harmed') && draft.has(key))
        draft.blame(key, 'there is no event', 'kill: pid:123');
    }
    return null;
  }
  if (second !== undefined)
    draft.blame(second, `there is ${kind} already, and a drill has one event`, 'two drills');
  const end = values.at! + values.for!;
  if (end > values.duration!) {
    const key: ScenarioKey = draft.has('for') ? 'for' : draft.has('at') ? 'at' : 'duration';
    draft.blame(
      key,
      `the event ends ${formatDuration(end)} after the start, and the load after ${formatDuration(values.duration!)}`,
      `a duration of ${formatDuration(end)} or more`,
    );
  }
  const victim = draft.parse(kind, (text) => parseVictim(kind, text));
  if (victim === null) return null;
  return { kind, victim, text: `${kind} ${values[kind]}`, undo: values.undo ?? null };
}

/** Refuses every host but this machine and the ones that were named. */
function checkHost(draft: ScenarioDraft, key: ScenarioKey, url: URL | null): void {
  if (url === null) return;
  const host = hostOf(url);
  if (isLoopback({ kind: 'tcp', host, port: 0 })) return;
  const named = (draft.values.yesThisHost ?? []).map((name) => name.replace(/^\[|\]$/g, ''));
  if (named.includes(host)) return;
  draft.blame(
    key,
    `${quote(host)} is not this machine, and a drill is load and harm`,
    `a URL of 127.0.0.1; or, if that host is yours to harm, --yes-this-host ${host}`,
  );
}

/** The host of a URL without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
}

function parseUrl(text: string): Reading<URL> {
  const right = 'http://127.0.0.1:8080';
  if (!URL.canParse(text)) return { wrong: `${quote(text)} is not a URL`, right };
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return { wrong: `${quote(text)} is not a URL of http or https`, right };
  }
  if (url.username !== '' || url.password !== '') {
    return { wrong: 'a URL here has no user or password', right: 'header: "Authorization: Basic …"' };
  }
  return { value: url };
}

function parseLedger(text: string): Reading<Ledger> {
  const right = 'file:/var/log/app.log or http://127.0.0.1:8080/orders';
  if (text.startsWith('file:')) {
    const file = text.slice(5);
    return file === '' || file.includes('\0')
      ? { wrong: `${quote(text)} is not a file`, right }
      : { value: { file } };
  }
  const url = parseUrl(text);
  return 'wrong' in url ? { wrong: url.wrong, right } : { value: { url: url.value } };
}

/** Fields that the drill itself or Node lays out. */
const OWN_FIELDS = new Set(['cookie', 'content-length', 'transfer-encoding', 'connection', 'drill-request']);

function parseHeader(line: string): Reading<readonly [string, string]> {
  const colon = line.indexOf(':');
  if (colon < 1) return { wrong: `${quote(line)} has no name and colon`, right: 'Name: value' };
  const name = parseToken(line.slice(0, colon), 'a field name', 'X-Name');
  if ('wrong' in name) return name;
  if (OWN_FIELDS.has(name.value.toLowerCase())) {
    return { wrong: `the drill itself says what \`${name.value}\` is`, right: 'another field' };
  }
  const value = parseFieldValue(line.slice(colon + 1).trim());
  return 'wrong' in value ? value : { value: [name.value, value.value] };
}
