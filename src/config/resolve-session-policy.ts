// Who may pass a session block, what others are answered, and what the app is told, out of the config as read.
import type { DataPath } from '../session/data.ts';
import type { ExemptPath, OnFail, SessionOptions } from '../session/options.ts';
import type { PassedField } from '../session/passed-fields.ts';
import { blame, blameKey, type Draft, items, whole } from './draft.ts';
import { checkPassedName } from './resolve-fields.ts';
import { resolveToken } from './resolve-token.ts';
import type { ReadSession } from './schema/root.ts';
import { isWrong, quote } from './units.ts';
import { parseMethod, parseRoutePath } from './words.ts';

/** Paths without a session: `/login`, `= /exact`, `GET /public`. */
export function resolveExempt(draft: Draft, read: ReadSession, path: string): ExemptPath[] {
  const exempt: ExemptPath[] = [];
  for (const [text, item] of items(read.exempt, `${path}.exempt`)) {
    const at = draft.places.has(item) ? item : `${path}.exempt`;
    const match = /^([A-Za-z]+)\s+(.*)$/.exec(text);
    const method = match === null ? null : parseMethod(match[1]!);
    const place = parseRoutePath(match === null ? text : match[2]!);
    const wrong = method !== null && isWrong(method) ? method : isWrong(place) ? place : null;
    if (wrong !== null) {
      blame(draft, at, wrong.wrong, wrong.right);
      continue;
    }
    if (isWrong(place)) continue;
    exempt.push({ method: method !== null && !isWrong(method) ? method.value : null, ...place.value });
  }
  return exempt;
}

/** What is answered to those who may not pass. */
export function resolveOnFail(draft: Draft, read: ReadSession, path: string): OnFail {
  const { onFail } = read;
  if (typeof onFail === 'string') return { kind: 'auto' };
  const at = `${path}.onFail`;
  const answer = ['status', 'body', 'headers'].filter((key) => draft.places.has(`${at}.${key}`));
  if (onFail.redirect !== undefined) {
    if (answer.length > 0) {
      blameKey(
        draft,
        `${at}.${answer[0]}`,
        '`redirect` answers with its own status and no body',
        'one of them',
      );
    }
    checkRedirect(draft, read, onFail.redirect, path);
    return { kind: 'redirect', to: onFail.redirect };
  }
  if (answer.length === 0 && !draft.places.isUnread(at))
    blame(
      draft,
      at,
      'this does not say what is answered',
      '{ redirect: "/login?next={path}" } or { status: 403 }',
    );
  return {
    kind: 'answer',
    status: onFail.status ?? 401,
    body: onFail.body ?? '',
    headers: Object.entries(onFail.headers ?? {}),
  };
}

/** A page that sends people to log in must be reachable without a login, and may be no other site by accident. */
function checkRedirect(draft: Draft, read: ReadSession, to: string, path: string): void {
  const at = `${path}.onFail.redirect`;
  const remote = /^https?:\/\/[^/?#{\\]+([/?#]|$)/i.test(to);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what may not get into a field.
  if (/[\x00-\x20\x7f-\uffff]/.test(to) || !(remote || /^\/(?![/\\])/.test(to))) {
    blame(draft, at, 'this is no address to send people to', '/login?next={path}');
    return;
  }
  if (remote) return;
  const page = to.split(/[?#]/)[0]!;
  const reachable = whole(read.exempt).some((text) => {
    const place = parseRoutePath(text.replace(/^[A-Za-z]+\s+/, ''));
    if (isWrong(place)) return false;
    const { path: prefix, exact } = place.value;
    return exact
      ? page === prefix
      : page === prefix || page.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
  });
  if (!reachable && read.require !== 'nothing') {
    blame(
      draft,
      at,
      `${page} needs a session itself, so that nobody could ever log in there`,
      `exempt: [${page}]`,
    );
  }
}

/** What the upstream is told. */
export function resolvePass(draft: Draft, read: ReadSession, path: string): SessionOptions['pass'] {
  const user = read.pass.user === false ? null : read.pass.user;
  const seen = new Set(user === null ? [] : [user.toLowerCase()]);
  if (user !== null) checkPassedName(draft, user, `${path}.pass.user`);
  const fields: PassedField[] = [];
  for (const [name, written] of Object.entries(read.pass.fields)) {
    const at = `${path}.pass.fields.${name}`;
    checkPassedName(draft, name, at);
    if (seen.has(name.toLowerCase()))
      blameKey(draft, at, 'this field carries something else already', 'Limpet-Role');
    seen.add(name.toLowerCase());
    const field = passedField(draft, name, written, at);
    if (field !== null) fields.push(field);
  }
  const token = resolveToken(draft, read, path, (name, written, at) => passedField(draft, name, written, at));
  if (token !== null && seen.has(token.field.toLowerCase()))
    blame(
      draft,
      `${path}.pass.token`,
      `${quote(token.field)} carries something else already`,
      'Limpet-Token',
    );
  return { user, fields, ...(token === null ? {} : { token }) };
}

/** One place in the session; null where it is not said. */
function passedField(
  draft: Draft,
  name: string,
  written: ReadSession['pass']['fields'][string],
  at: string,
): PassedField | null {
  const long =
    typeof written === 'string' || Array.isArray(written) ? { path: written, type: 'any' as const } : written;
  if (long.path === undefined) {
    if (!draft.places.isMeant(`${at}.path`))
      blame(draft, at, 'this does not say where it is in the session', 'path: user.role');
    return null;
  }
  return { name, path: pathOf(long.path), type: long.type };
}

function pathOf(path: string | readonly (string | undefined)[]): DataPath {
  return typeof path === 'string' ? path.split('.') : path.filter((step) => step !== undefined);
}
