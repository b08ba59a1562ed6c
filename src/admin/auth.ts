// Who may ask the admin API what: bearer tokens by name, needed as soon as it can be reached from another machine.
import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { AdminToken, Bind } from '../config/config.ts';

/** Who asks, and what he may do. */
export interface Actor {
  readonly name: string;
  readonly access: 'read' | 'full';
}

/** Whoever can reach a loopback port or the socket's file without a token. */
const LOCAL: Actor = { name: 'local', access: 'full' };

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
LOOPBACK.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/** Whether only this machine can reach it. A name other than `localhost` may resolve to anything, so it counts as reachable. */
export function isLocalBind(bind: Bind): boolean {
  if (bind.kind === 'unix' || bind.host === 'localhost') return true;
  const family = isIP(bind.host);
  return family !== 0 && LOOPBACK.check(bind.host, family === 6 ? 'ipv6' : 'ipv4');
}

const NOTHING = (): void => {};

/** `wrong`: a token was sent and is none of ours; false where none was sent, or there is none to be right. */
export type Verdict =
  | { readonly ok: true; readonly actor: Actor }
  | { readonly ok: false; readonly wrong: boolean; readonly why: string };

/** The tokens that are accepted, as digests: the tokens themselves are not kept. */
export class TokenTable {
  readonly #bind: Bind;
  #tokens: readonly { readonly actor: Actor; readonly digest: Buffer }[] = [];
  #open = false;
  /** Called when others may be accepted than before. */
  onChange: () => void = NOTHING;

  constructor(bind: Bind, tokens: readonly AdminToken[]) {
    this.#bind = bind;
    this.use(tokens);
  }

  /** True when nobody needs a token. */
  get open(): boolean {
    return this.#open;
  }

  /** These are accepted from now on. Whose token is as it was stays who he is. */
  use(tokens: readonly AdminToken[]): void {
    const before = this.#tokens;
    this.#tokens = tokens.map(({ name, access, token }) => {
      const digest = digestOf(token);
      const same = before.find(
        ({ actor, digest: known }) =>
          actor.name === name && actor.access === access && timingSafeEqual(known, digest),
      );
      return same ?? { actor: { name, access }, digest };
    });
    this.#open = tokens.length === 0 && isLocalBind(this.#bind);
    this.onChange();
  }

  /** Whether `actor`, who was let in, still would be. */
  knows(actor: Actor): boolean {
    return this.#open ? actor === LOCAL : this.#tokens.some((known) => known.actor === actor);
  }

  /** Judges the `Authorization` field of a request. Takes the same time whichever token matches, or none. */
  judge(authorization: string | undefined): Verdict {
    if (this.open) return { ok: true, actor: LOCAL };
    if (this.#tokens.length === 0) {
      return {
        ok: false,
        wrong: false,
        why: 'The admin API can be reached from other machines and has no token; set admin.tokens.',
      };
    }
    const token = bearerOf(authorization);
    if (token === null)
      return {
        ok: false,
        wrong: authorization !== undefined,
        why: 'Send Authorization: Bearer TOKEN, with one of admin.tokens.',
      };
    const digest = digestOf(token);
    let actor: Actor | null = null;
    // No early end: how long it takes must not tell which token was close.
    for (const known of this.#tokens) if (timingSafeEqual(known.digest, digest)) actor = known.actor;
    return actor === null
      ? { ok: false, wrong: true, why: 'This token is not one of admin.tokens.' }
      : { ok: true, actor };
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1). */
function bearerOf(authorization: string | undefined): string | null {
  const match = /^bearer +(\S+)$/i.exec(authorization ?? '');
  return match?.[1] ?? null;
}
