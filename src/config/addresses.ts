// Addresses as people write them: where to listen, where an upstream is, which hosts, paths and networks are meant.
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';
import type { Bind } from './config.ts';
import { quote, type Reading } from './units.ts';

/** Where an upstream listens. */
export interface UpstreamAddress {
  readonly url: string;
  readonly scheme: 'http' | 'https';
  readonly host: string | null;
  readonly port: number;
  readonly socketPath: string | null;
  /** `host:port`, or the socket's path. */
  readonly defaultName: string;
}

/** A route's host: a name in lower case, with a leading `*.` for every name below it. */
export type HostPattern = string;

/** A route's path. */
export interface RoutePath {
  readonly path: string;
  /** That path alone. */
  readonly exact: boolean;
}

/** A socket's path has 108 bytes on Linux, its closing NUL included (sys/un.h); 104 on BSD. We take the smaller. */
const SOCKET_PATH_MAX = 103;

/** `8080`, `host:port`, `[v6]:port`, `unix:/path`. A port alone: every IPv4 interface. Port 0 lets the system choose. */
export function parseBind(text: string): Reading<Bind> {
  if (/^unix:/i.test(text)) {
    const path = text.slice(5);
    const wrong = socketPathWrong(path);
    return wrong === null ? { value: { kind: 'unix', path } } : { wrong, right: 'unix:/run/limpet.sock' };
  }
  if (/^\d+$/.test(text)) {
    const port = portOf(text);
    return port === null ? portWrong(text) : { value: { kind: 'tcp', host: '0.0.0.0', port } };
  }
  const right = '8080, 127.0.0.1:8080, [::1]:8080 or unix:/run/limpet.sock';
  if (text.includes('://')) return { wrong: `${quote(text)} is a URL, not an address`, right };
  const parts = splitHostPort(text);
  if (parts === null) return { wrong: `${quote(text)} is not an address to listen on`, right };
  if (parts.port === '') return { wrong: `${quote(text)} has no port`, right };
  const port = portOf(parts.port);
  if (port === null) return portWrong(parts.port);
  const host = parts.host === '*' ? '0.0.0.0' : parts.host;
  if (!isHost(host)) return { wrong: `${quote(parts.host)} is not a host`, right };
  return { value: { kind: 'tcp', host, port } };
}

/** `http://host[:port]`, `https://host[:port]`, `unix:/path`; no path, query or user. */
export function parseUpstream(text: string): Reading<UpstreamAddress> {
  const right = 'http://127.0.0.1:3000, https://app.internal:8443 or unix:/run/app.sock';
  const unix = /^unix:(?:\/\/)?(.*)$/is.exec(text);
  if (unix !== null) {
    const path = unix[1]!;
    const wrong = socketPathWrong(path);
    if (wrong !== null) return { wrong, right: 'unix:/run/app.sock' };
    return { value: { url: text, scheme: 'http', host: null, port: 0, socketPath: path, defaultName: path } };
  }
  const url = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is.exec(text);
  if (url === null) {
    const bare = splitHostPort(text);
    const fits = bare !== null && isHost(bare.host) && (bare.port === '' || portOf(bare.port) !== null);
    if (fits) return { wrong: `${quote(text)} has no scheme`, right: `http://${text}` };
    // YAML takes `url:http://…` for one word.
    if (/^url:\S/.test(text))
      return { wrong: `${quote(text)} has no space behind its colon`, right: `url: ${text.slice(4)}` };
    return { wrong: `${quote(text)} is not the address of an upstream`, right };
  }
  const scheme = url[1]!.toLowerCase();
  const authority = url[2]!;
  const rest = url[3]!;
  if (scheme !== 'http' && scheme !== 'https') {
    return { wrong: `an upstream cannot be reached by ${quote(`${scheme}:`)}`, right };
  }
  // Neither this message nor the printed line shows the user part: it may be a password.
  if (authority.includes('@')) {
    const host = authority.slice(authority.lastIndexOf('@') + 1);
    return { wrong: 'the address of an upstream has no user or password', right: `${scheme}://${host}` };
  }
  if (rest !== '' && rest !== '/') {
    const what = rest.startsWith('/') ? 'path' : rest.startsWith('?') ? 'query' : 'fragment';
    const instead = what === 'path' ? '; `rewrite: { addPrefix }` of a route puts a path in front' : '';
    return {
      wrong: `the address of an upstream has no ${what}${instead}`,
      right: `${scheme}://${authority}`,
    };
  }
  const parts = splitHostPort(authority);
  if (parts === null || !isHost(parts.host)) return { wrong: `${quote(authority)} is not a host`, right };
  const port = parts.port === '' ? (scheme === 'https' ? 443 : 80) : portOf(parts.port);
  if (port === null || port === 0) return portWrong(parts.port);
  const host = parts.host.toLowerCase();
  const shown = host.includes(':') ? `[${host}]` : host;
  return { value: { url: text, scheme, host, port, socketPath: null, defaultName: `${shown}:${port}` } };
}

/** `example.com`, `*.example.com`, `127.0.0.1`, `[::1]`; in lower case, without a port. */
export function parseHostPattern(text: string): Reading<HostPattern> {
  const right = 'shop.example.com or *.example.com';
  const lower = text.toLowerCase();
  if (lower === '*')
    return { wrong: '`*` is every host, which is what a route without `host` is for', right };
  if (lower.includes('://')) return { wrong: `${quote(text)} is a URL, not a host`, right };
  if (/^[\x20-\x7e]+$/.test(lower) === false) {
    const ascii = domainToASCII(lower);
    return { wrong: `${quote(text)} is not as browsers send it`, right: ascii === '' ? right : ascii };
  }
  const parts = splitHostPort(lower);
  if (parts !== null && parts.port !== '') {
    return {
      wrong: `${quote(text)} has a port, but the port is the listener's`,
      right: lower.slice(0, lower.lastIndexOf(':')),
    };
  }
  if (parts === null) return { wrong: `${quote(text)} is not a host`, right };
  if (parts.host.includes(':')) return { value: `[${parts.host}]` };
  const name = lower.startsWith('*.') ? lower.slice(2) : lower;
  if (name.includes('*')) return { wrong: `${quote(text)} has a \`*\` elsewhere than in front`, right };
  if (!isHost(name) || (name !== lower && ipaddr.isValid(name)))
    return { wrong: `${quote(text)} is not a host`, right };
  return { value: lower.replace(/\.$/, '') };
}

/** `host` or `host:port`, as in a `Host` field. */
export function parseAuthority(text: string): Reading<string> {
  const parts = splitHostPort(text);
  if (parts === null || !isHost(parts.host) || (parts.port !== '' && portOf(parts.port) === null)) {
    return { wrong: `${quote(text)} is not a host`, right: 'example.com or example.com:8080' };
  }
  return { value: text };
}

/** An address or a CIDR block whose host bits are clear. */
export function parseNetwork(text: string): Reading<string> {
  const right = '10.0.0.0/8, 192.168.1.7 or fd00::/8';
  if (
    ipaddr.IPv4.isValidFourPartDecimal(text) ||
    (text.includes(':') && ipaddr.IPv6.isValid(text) && !text.includes('%'))
  ) {
    return { value: text };
  }
  const address = text.split('/')[0]!;
  const whole =
    ipaddr.isValidCIDR(text) && (address.includes(':') || ipaddr.IPv4.isValidFourPartDecimal(address));
  if (!whole) return { wrong: `${quote(text)} is not an address or a CIDR block`, right };
  const [parsed, bits] = ipaddr.parseCIDR(text);
  const network =
    parsed.kind() === 'ipv4'
      ? ipaddr.IPv4.networkAddressFromCIDR(text).toString()
      : ipaddr.IPv6.networkAddressFromCIDR(text).toString();
  if (network !== parsed.toString()) {
    return {
      wrong: `${quote(text)} is an address inside a block, not the block`,
      right: `${network}/${bits}`,
    };
  }
  return { value: text };
}

/** True for an IPv4 or IPv6 address, or a name by RFC 1123 section 2.1, `_` allowed as container names have it. */
export function isHost(host: string): boolean {
  if (host.includes(':')) return ipaddr.IPv6.isValid(host);
  if (/^[\d.]+$/.test(host)) return ipaddr.IPv4.isValidFourPartDecimal(host);
  if (host.length === 0 || host.length > 253) return false;
  return host
    .replace(/\.$/, '')
    .split('.')
    .every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
}

/** True for addresses that only this machine reaches. */
export function isLoopback(bind: Bind): boolean {
  if (bind.kind === 'unix') return true;
  if (bind.host.toLowerCase() === 'localhost') return true;
  return ipaddr.isValid(bind.host) && ipaddr.process(bind.host).range() === 'loopback';
}

/** A bind as one writes it. */
export function formatBind(bind: Bind): string {
  if (bind.kind === 'unix') return `unix:${bind.path}`;
  return bind.host.includes(':') ? `[${bind.host}]:${bind.port}` : `${bind.host}:${bind.port}`;
}

/** Splits at the port; the brackets of an IPv6 address are taken off. Null when it cannot be told apart. */
function splitHostPort(text: string): { host: string; port: string } | null {
  const bracketed = /^\[([0-9A-Fa-f:.]+)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) return { host: bracketed[1]!, port: bracketed[2] ?? '' };
  const match = /^([^:\s[\]]+)(?::([^:]*))?$/.exec(text);
  return match === null ? null : { host: match[1]!, port: match[2] ?? '' };
}

function portOf(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65535 ? port : null;
}

function portWrong(text: string): { wrong: string; right: string } {
  return { wrong: `${quote(text)} is not a port`, right: 'a number from 1 to 65535' };
}

function socketPathWrong(path: string): string | null {
  if (!path.startsWith('/')) return `${quote(path)} is not an absolute path`;
  if (path.includes('\0')) return 'the path of a socket holds no NUL';
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX)
    return `the path of a socket has at most ${SOCKET_PATH_MAX} bytes`;
  return null;
}
