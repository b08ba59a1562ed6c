// Remember-me cookies that only the app can judge: while one is there, nobody may say that nobody is logged in.
import { type CookieProfile, cookieValue } from '../cookie-profiles.ts';
import { type Finding, unknown } from '../verdict.ts';

/** The finding, or `unknown` where it names no user and the request carries one of the cookies `names`. */
export function orRemembered(
  finding: Finding,
  profile: CookieProfile,
  cookies: string,
  names: readonly string[],
): Finding {
  if (finding.verdict !== 'invalid' && finding.verdict !== 'anonymous') return finding;
  return carriesOne(profile, cookies, names) ? unknown('user.remembered') : finding;
}

/**
 * The identity of a credential beside which a remember-me cookie may come, and the one that it has in the other case. `text`: its
 * canonical form.
 */
export function twoFaced(
  remembered: boolean,
  text: string,
): { readonly identity: string; readonly alias: string } {
  const plain = `-${text}`;
  const beside = `r${text}`;
  return remembered ? { identity: beside, alias: plain } : { identity: plain, alias: beside };
}

/** Whether the request carries one of the cookies with a value. */
export function carriesOne(profile: CookieProfile, cookies: string, names: readonly string[]): boolean {
  for (const name of names) {
    const value = cookieValue(profile, cookies, name);
    if (value !== null && value !== '') return true;
  }
  return false;
}
