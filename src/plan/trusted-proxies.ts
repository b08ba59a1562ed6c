// Whom to believe about the client: the peers whose X-Forwarded-* fields are taken for true.
import ipaddr from 'ipaddr.js';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Proxies in a row that are gone through: a head has room for thousands, each of which costs some microseconds. */
const HOPS_MAX = 32;

/** A compiled list of CIDR blocks and addresses. */
export class TrustedProxies {
  readonly #ranges: readonly Range[];

  /** `blocks`: `10.0.0.0/8`, `::1`, … Checked by the config loader; a malformed one throws here. */
  constructor(blocks: readonly string[]) {
    this.#ranges = blocks.map((block) => {
      if (block.includes('/')) return ipaddr.parseCIDR(block);
      const address = ipaddr.parse(block);
      return [address, address.kind() === 'ipv4' ? 32 : 128];
    });
  }

  get none(): boolean {
    return this.#ranges.length === 0;
  }

  /** Whether `address` is one of them. What is no address is never trusted. */
  trusts(address: string): boolean {
    if (this.#ranges.length === 0 || !isAddress(address)) return false;
    const parsed = ipaddr.process(address);
    return this.#ranges.some(
      ([range, bits]) => range.kind() === parsed.kind() && parsed.match([range, bits] as never),
    );
  }

  /**
   * The client behind a chain of trusted proxies: the rightmost address of `forwardedFor` that is not a trusted proxy itself, else the
   * leftmost, or the one that HOPS_MAX ends at. `peer` where the list is empty or its end is no address.
   */
  clientOf(forwardedFor: string, peer: string): string {
    let client = peer;
    let end = forwardedFor.length;
    for (let hops = 0; hops < HOPS_MAX && end >= 0; hops++) {
      const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(',', end - 1);
      const hop = bareAddress(forwardedFor.slice(comma + 1, end).trim());
      if (!isAddress(hop)) return client;
      client = hop;
      if (!this.trusts(hop)) return client;
      end = comma;
    }
    return client;
  }
}

/** An address as it is written today: the short and octal forms of inet_aton mean different hosts to different readers. */
function isAddress(text: string): boolean {
  return text.includes(':') ? ipaddr.IPv6.isValid(text) : ipaddr.IPv4.isValidFourPartDecimal(text);
}

/** `[::1]:80` and `1.2.3.4:80` without their ports. */
function bareAddress(text: string): string {
  if (text.startsWith('[')) return text.slice(1, Math.max(1, text.indexOf(']')));
  const colon = text.indexOf(':');
  return colon >= 0 && colon === text.lastIndexOf(':') ? text.slice(0, colon) : text;
}

/** An address as the world writes it: IPv4 out of its IPv6 clothes (RFC 4291 section 2.5.5.2). */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
