// What stands for a session, and for its user, where a pool gives each a home: 64 bits that every replica works out alike.
import { hash } from 'node:crypto';
import type { UserId } from './data.ts';
import type { SessionFormat } from './format.ts';
import { NO_STORE } from './store.ts';

/** Whose home some pool behind a session block looks for: each session's, or each user's as well. */
export type HomesWanted = 'session' | 'user';

/** Two signed halves each, of a SHA-256. Nothing can be told from them, and they are no secret. */
export interface HomeKeys {
  readonly sessionHi: number;
  readonly sessionLo: number;
  /** 0 and 0: nobody is logged in, or no pool asks who it is. */
  readonly userHi: number;
  readonly userLo: number;
}

/**
 * The keys of a session. `key`: SHA-256 of the credential's identity, one character a byte. `session`: the id that the framework gave it, where
 * that is not the identity itself: it stays when what the cookie holds changes. `user`: null where nobody is logged in.
 */
export function homeKeys(
  key: string,
  session: string | null,
  user: UserId | null,
  wanted: HomesWanted,
): HomeKeys {
  const own = session === null ? key : digest(`session\0${session}`);
  const users = user === null || wanted === 'session' ? null : digest(`user\0${user}`);
  return {
    sessionHi: bits(own, 0),
    sessionLo: bits(own, 4),
    userHi: users === null ? 0 : bits(users, 0),
    userLo: users === null ? 0 : bits(users, 4),
  };
}

/**
 * The keys of the session that these cookies carry, whoever's it is; null where they carry none. For cookies that an app sets. `storeless`: no store is
 * needed to check them, so that an id which only the check can see is seen.
 */
export function homeOfCookies(
  format: SessionFormat,
  storeless: boolean,
  cookies: string,
  nowS: number,
  wanted: HomesWanted,
): HomeKeys | null {
  const read = format.read({ cookies, authorization: null, userAgent: null, clientAddress: '' }, nowS);
  if (!('check' in read)) return null;
  const found = storeless ? read.check(NO_STORE, nowS) : null;
  // Later it would come too late: the answer is on its way.
  const seen = found === null || found instanceof Promise ? undefined : found.session;
  return homeKeys(hash('sha256', read.identity, 'latin1'), seen ?? read.session ?? null, null, wanted);
}

function digest(text: string): string {
  return hash('sha256', text, 'latin1');
}

function bits(digest: string, at: number): number {
  return (
    digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24)
  );
}
