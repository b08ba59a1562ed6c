// Which paths log users in and out, by the words that apps name them with, and which answers send a user to log in.

/** A page that asks for a login: `/login`, `/users/sign_in`, `/account/LogIn.aspx`. */
const LOGIN = /^(log|sign)[-_]?in(\.\w+)?$/;
const LOGOUT = /^(log|sign)[-_]?(out|off)(\.\w+)?$/;
/** Steps of a login by somebody else's word, and of signing up: the app may give a new session on each of them. */
const STEP = /^(auth|oauth2?|oidc|openid|saml2?|sso|callback|register|sign[-_]?up)$/;
/** What a redirect to an identity provider carries: RFC 6749 section 4.1.1, SAML 2.0 Bindings section 3.4.4, CAS 3 section 2.1. */
const PROVIDER = /[?&](response_type|SAMLRequest|service)=/;
/** A longer address is no login page of anybody's, and is not looked at, characters. */
const TARGET_MAX = 4096;

/** What a path is for, as far as sessions go. */
export const PATH_FOR = { app: 0, login: 1, logout: 2, other: 3 } as const;

/** Of one pool. */
export class LoginPaths {
  readonly #login: readonly string[];
  readonly #ignore: readonly string[];

  /** What ContinuityOptions says of `login` and `ignore`. */
  constructor(options: { readonly login: readonly string[]; readonly ignore: readonly string[] }) {
    this.#login = options.login;
    this.#ignore = options.ignore;
  }

  /**
   * What the path of `target` (path and query, or an absolute address) is for (PATH_FOR). `login` also stands for the steps of a login elsewhere,
   * `other` for what the config says to ignore.
   */
  purposeOf(target: string): number {
    const path = pathOf(target);
    if (this.#ignore.some((prefix) => isUnder(path, prefix))) return PATH_FOR.other;
    if (this.#login.some((prefix) => isUnder(path, prefix))) return PATH_FOR.login;
    for (const segment of path.toLowerCase().split('/')) {
      if (LOGOUT.test(segment)) return PATH_FOR.logout;
      if (LOGIN.test(segment) || STEP.test(segment)) return PATH_FOR.login;
    }
    return PATH_FOR.app;
  }

  /** Whether an answer with this status and `Location` (empty: none) says that nobody is logged in. */
  asksForLogin(status: number, location: string): boolean {
    if (status === 401) return true;
    if ((status !== 302 && status !== 303 && status !== 307) || location.length > TARGET_MAX) return false;
    if (this.#login.some((start) => !start.startsWith('/') && location.startsWith(start))) return true;
    const path = pathOf(location);
    if (this.#login.some((prefix) => isUnder(path, prefix))) return true;
    if (
      path
        .toLowerCase()
        .split('/')
        .some((segment) => LOGIN.test(segment))
    )
      return true;
    return /^https?:/i.test(location) && PROVIDER.test(location);
  }
}

/** The path of a target or of an address, as written. */
function pathOf(target: string): string {
  const from = target.slice(0, TARGET_MAX).replace(/^(https?:)?\/\/[^/?#]*/i, '');
  return from.replace(/[?#].*$/s, '');
}

/** By segments: `/login` stands for `/login/x` and not for `/loginx`. */
function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || prefix.endsWith('/') || path[prefix.length] === '/';
}
