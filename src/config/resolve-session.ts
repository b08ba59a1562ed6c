// Turns session blocks as read into those that run, and refuses what could check nothing or lets in what it should not.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { dirname, resolve } from 'node:path';
import type { DataPath } from '../session/data.ts';
import { type FormatKind, FormatProblem } from '../session/format.ts';
import type { OptionSpecs } from '../session/format-options.ts';
import { FORMAT_KINDS, type FormatName } from '../session/kinds.ts';
import { buildSession } from '../session/open-session.ts';
import type { SessionOptions } from '../session/options.ts';
import type { PoolConfig } from './config.ts';
import { blame, blameKey, type Draft, items, warn, whole } from './draft.ts';
import { resolveOutage } from './resolve-session-outage.ts';
import { resolveExempt, resolveOnFail, resolvePass } from './resolve-session-policy.ts';
import { resolveRows, resolveStore } from './resolve-session-store.ts';
import type { ReadSession } from './schema/root.ts';

/** Below this many bytes a secret can be guessed: 16 random bytes are 128 bits. */
const SECRET_BYTES = 16;

/** All session blocks. */
export function resolveSessions(draft: Draft, file: string, pools: readonly PoolConfig[]): SessionOptions[] {
  const { read, places } = draft;
  if (places.has('session') && read.session !== undefined && read.sessions?.default !== undefined) {
    const why = '`session` is short for `sessions.default`, which is there too';
    blameKey(draft, 'session', why, 'one of them');
  }
  return writtenSessions(draft).flatMap(([name, block, path]) => {
    const options = resolveSession(draft, name, block, path, file, pools);
    return options === null ? [] : [options];
  });
}

/** All session blocks that could be read, with the path of each. */
export function writtenSessions({ read, places }: Draft): [name: string, block: ReadSession, path: string][] {
  const blocks = Object.entries(read.sessions ?? {}).map(([name, block]): [string, ReadSession, string] => [
    name,
    block,
    `sessions.${name}`,
  ]);
  if (places.has('session') && read.session !== undefined && read.sessions?.default === undefined)
    blocks.unshift(['default', read.session, 'session']);
  return blocks;
}

/** Names of all session blocks that are written, also of such as could not be read. */
export function sessionNames(draft: Draft): string[] {
  const named = Object.keys(draft.read.sessions ?? {});
  return draft.places.isMeant('session') && !named.includes('default') ? ['default', ...named] : named;
}

function resolveSession(
  draft: Draft,
  name: string,
  read: ReadSession,
  path: string,
  file: string,
  pools: readonly PoolConfig[],
): SessionOptions | null {
  const verify = resolveVerify(draft, read, path);
  if (verify === null) return null;
  const kind: FormatKind = FORMAT_KINDS[verify.name];
  checkSecrets(draft, read, kind, verify.name, path);
  if (read.cookie === undefined && kind.cookie === null && !draft.places.isMeant(`${path}.cookie`)) {
    blame(draft, path, `${verify.name} has no cookie name of its own`, 'cookie: NAME');
  }
  if (read.user === undefined && kind.user === null && !draft.places.isMeant(`${path}.user`)) {
    blame(
      draft,
      path,
      `where a session of ${verify.name} holds the user id is the app's choice`,
      'user: userId, or user: passport.user',
    );
  }
  if (read.require === 'nothing') {
    warn(
      draft,
      `${path}.require`,
      '`nothing` observes and refuses nobody',
      'login, once the counts are as expected',
    );
  }
  const store = resolveStore(draft, read, kind, verify.name, path, pools);
  const options: SessionOptions = {
    name,
    verify: verify.name,
    format: formatOptions(kind.options, verify.written, file),
    cookie: read.cookie ?? kind.cookie ?? '',
    secrets: whole(read.secrets),
    user: pathOf(read.user) ?? kind.user ?? [],
    store,
    rows: resolveRows(draft, read, kind, verify.name, path),
    require: read.require,
    exempt: resolveExempt(draft, read, path),
    onFail: resolveOnFail(draft, read, path),
    ambiguous: read.ambiguous,
    cache:
      read.cache === false
        ? null
        : { ttlMs: read.cache.ttl, entries: read.cache.entries, push: read.cache.push !== false },
    outage: resolveOutage(draft, read, store !== null, path),
    pass: resolvePass(draft, read, path),
  };
  if (!draft.findings.failed) tryFormat(draft, options, path);
  return options;
}

interface Verify {
  readonly name: FormatName;
  readonly written: Readonly<Record<string, unknown>>;
}

function resolveVerify(draft: Draft, read: ReadSession, path: string): Verify | null {
  const { verify } = read;
  // What could not be read is blamed already.
  if (verify === undefined) return null;
  if (typeof verify === 'string') return { name: verify as FormatName, written: {} }; // one of the schema's choices
  const named = Object.keys(verify).filter((name) => draft.places.has(`${path}.verify.${name}`));
  const [name] = named;
  if (named.length !== 1 || name === undefined) {
    blame(draft, `${path}.verify`, 'one framework is needed here', '{ express-session: {} }');
    return null;
  }
  const written = (verify as Readonly<Record<string, unknown>>)[name];
  return { name: name as FormatName, written: (written ?? {}) as Readonly<Record<string, unknown>> }; // keys of the schema
}

/** The format's options in its own units: seconds for durations, null for what was left out, absolute paths. */
function formatOptions(
  specs: OptionSpecs,
  written: Readonly<Record<string, unknown>>,
  file: string,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(specs).map(([name, spec]) => {
    const value = written[name];
    if (value === undefined) {
      if ('default' in spec) return [name, spec.default];
      return [name, spec.kind === 'secrets' ? [] : null];
    }
    if (spec.kind === 'seconds') {
      const seconds = (value as number) / 1000; // the schema reads durations to numbers
      return [name, Number.isFinite(seconds) ? seconds : null];
    }
    if (spec.kind === 'texts' || spec.kind === 'secrets') return [name, whole(value as readonly unknown[])];
    return [name, spec.kind === 'path' ? resolve(dirname(file), String(value)) : value];
  });
  return Object.fromEntries(entries);
}

function checkSecrets(draft: Draft, read: ReadSession, kind: FormatKind, verify: string, path: string): void {
  const at = `${path}.secrets`;
  const secrets = whole(read.secrets);
  if (kind.secrets === 'none' && secrets.length > 0) {
    blameKey(draft, at, `${verify} signs nothing, so it has no use for \`secrets\``, 'leave it out');
  } else if (kind.secrets === 'needed' && secrets.length === 0 && !draft.places.isMeant(at)) {
    blame(
      draft,
      path,
      `without the app's secret ${verify} cannot be checked`,
      'secrets: ["${SESSION_SECRET}"]',
    );
  }
  for (const [secret, item] of items(read.secrets, at)) {
    if (Buffer.byteLength(secret) < SECRET_BYTES) {
      const here = draft.places.has(item) ? item : at;
      warn(draft, here, `a secret of less than ${SECRET_BYTES} bytes can be guessed`, 'openssl rand -hex 32');
    }
  }
}

function pathOf(read: ReadSession['user']): DataPath | null {
  if (read === undefined) return null;
  return typeof read === 'string' ? read.split('.') : whole(read);
}

/** Builds the format once, so that what it refuses is told here and not at start. */
function tryFormat(draft: Draft, options: SessionOptions, path: string): void {
  try {
    buildSession(options);
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    blame(draft, placeOf(error.at, options.verify, path), error.message, error.right);
  }
}

/** Keys of a session block itself; any other name is an option of its format. */
const BLOCK_KEYS = /^(verify|secrets|cookie|user|store|rows)\b/;

function placeOf(at: string, verify: string, path: string): string {
  if (at === '') return path;
  return BLOCK_KEYS.test(at) ? `${path}.${at}` : `${path}.verify.${verify}.${at}`;
}
