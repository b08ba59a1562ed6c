// The PROXY protocol's header, read and written: who a connection comes from, told by the proxy before it (haproxy.org, proxy-protocol.txt).
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { latin1Bytes } from '../base/byte-writer.ts';
import { crc32c } from '../base/crc32c.ts';

/** One end of the connection that a header tells of. */
export interface Endpoint {
  /** IPv4 with dots, or IPv6 as RFC 5952 writes it; IPv4 out of its IPv6 clothes (RFC 4291 section 2.5.5.2). */
  readonly address: string;
  readonly port: number;
}

/** Versions of the protocol. */
export type ProxyProtocol = 'v1' | 'v2';

/** What reading came to. `more`: nothing is wrong so far. */
export const HEADER = { more: 0, done: 1, refused: 2 } as const;

/** Longest header of version 1, its CR LF included (section 2.1). */
const V1_BYTES_MAX = 107;
/** What version 2 may say behind its first 16 bytes. Certificates of the client's may stand there; what is longer serves nobody. */
const V2_REST_MAX = 4096;
/** Bytes of the longest header that is read; whoever holds an incomplete one holds less. */
export const HEADER_BYTES_MAX = 16 + V2_REST_MAX;

const V1_START = latin1Bytes('PROXY ');
const V2_START = latin1Bytes('\r\n\r\n\0\r\nQUIT\n');
const V2_FIXED_BYTES = 16;
const LOCAL = 0x20;
const PROXIED = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;
/** The families and transports of section 2.2 with the bytes of their addresses; those that no stream of ours has are read as unknown. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = {
  0: 0,
  [TCP4]: 12,
  18: 12,
  [TCP6]: 36,
  34: 36,
  49: 216,
  50: 216,
};
const TLV_CRC32C = 0x03;
const CR = 0x0d;
const LF = 0x0a;

/** Reads one header. Made for a connection, of no use behind it. */
export class ProxyHeader {
  /** Who the connection comes from; null: the proxy speaks for itself (LOCAL, UNKNOWN), and its own address stands. */
  source: Endpoint | null = null;
  destination: Endpoint | null = null;
  /** Offset behind the header, once it is done. */
  end = 0;

  /** Reads `bytes[start, end)`, the connection from its first byte on; called with more of the same as long as it says `more`. */
  read(bytes: Uint8Array, start: number, end: number): number {
    if (start === end) return HEADER.more;
    if (bytes[start] === V2_START[0]) return this.#readV2(bytes, start, end);
    return this.#readV1(bytes, start, end);
  }

  #readV1(bytes: Uint8Array, start: number, end: number): number {
    if (!startsAs(V1_START, bytes, start, end)) return HEADER.refused;
    const last = Math.min(end, start + V1_BYTES_MAX);
    let lf = start + V1_START.length;
    while (lf < last && bytes[lf] !== LF) lf++;
    if (lf >= last) return end - start >= V1_BYTES_MAX ? HEADER.refused : HEADER.more;
    if (bytes[lf - 1] !== CR) return HEADER.refused;
    this.end = lf + 1;
    let line = '';
    for (let i = start + V1_START.length; i < lf - 1; i++) line += String.fromCharCode(bytes[i]!);
    return this.#readLine(line) ? HEADER.done : HEADER.refused;
  }

  /** The line behind `PROXY `, without its CR LF. */
  #readLine(line: string): boolean {
    // What follows UNKNOWN is to be ignored (section 2.1).
    if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) return true;
    const words = line.split(' ');
    if (words.length !== 5) return false;
    const [family, from, to, fromPort, toPort] = words as [string, string, string, string, string];
    if (family !== 'TCP4' && family !== 'TCP6') return false;
    const isWritten = family === 'TCP4' ? isIPv4 : isPlainIPv6;
    const sourcePort = portOf(fromPort);
    const destinationPort = portOf(toPort);
    if (!isWritten(from) || !isWritten(to) || sourcePort < 0 || destinationPort < 0) return false;
    this.source = { address: spelt(ipaddr.parse(from)), port: sourcePort };
    this.destination = { address: spelt(ipaddr.parse(to)), port: destinationPort };
    return true;
  }

  #readV2(bytes: Uint8Array, start: number, end: number): number {
    if (!startsAs(V2_START, bytes, start, end)) return HEADER.refused;
    if (end - start < V2_FIXED_BYTES) return HEADER.more;
    const command = bytes[start + 12]!;
    const family = bytes[start + 13]!;
    const length = uint16(bytes, start + 14);
    if ((command !== LOCAL && command !== PROXIED) || length > V2_REST_MAX) return HEADER.refused;
    const at = start + V2_FIXED_BYTES;
    if (end < at + length) return HEADER.more;
    this.end = at + length;
    // Of a LOCAL header nothing but its length counts (section 2.2).
    if (command === LOCAL) return HEADER.done;
    const addressBytes = ADDRESS_BYTES[family];
    if (addressBytes === undefined || length < addressBytes) return HEADER.refused;
    if (!areSound(bytes, start, at + addressBytes, this.end)) return HEADER.refused;
    if (family === TCP4) {
      this.source = { address: addressAt(bytes, at, 4), port: uint16(bytes, at + 8) };
      this.destination = { address: addressAt(bytes, at + 4, 4), port: uint16(bytes, at + 10) };
    } else if (family === TCP6) {
      this.source = { address: addressAt(bytes, at, 16), port: uint16(bytes, at + 32) };
      this.destination = { address: addressAt(bytes, at + 16, 16), port: uint16(bytes, at + 34) };
    }
    return HEADER.done;
  }
}

/** Whether as much of `word` as is there stands at the start. */
function startsAs(word: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const n = Math.min(word.length, end - start);
  for (let i = 0; i < n; i++) if (bytes[start + i] !== word[i]) return false;
  return true;
}

/** Whether the TLVs in `bytes[at, end)` fill their place, and the checksum among them is that of the header, which begins at `start`. */
function areSound(bytes: Uint8Array, start: number, at: number, end: number): boolean {
  let i = at;
  while (i < end) {
    if (end - i < 3) return false;
    const type = bytes[i]!;
    const length = uint16(bytes, i + 1);
    const value = i + 3;
    if (end - value < length) return false;
    if (type === TLV_CRC32C) {
      if (length !== 4) return false;
      const told = uint16(bytes, value) * 65536 + uint16(bytes, value + 2);
      if (crc32c(bytes, start, end, value, value + 4) !== told) return false;
    }
    i = value + length;
  }
  return true;
}

function uint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 256 + bytes[at + 1]!;
}

function addressAt(bytes: Uint8Array, at: number, width: number): string {
  return spelt(ipaddr.fromByteArray(Array.from(bytes.subarray(at, at + width))));
}

function spelt(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  if (!(address instanceof ipaddr.IPv6)) return address.toString();
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** Without a zone, which means nothing to another machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

/** A port as section 2.1 writes it, or −1. */
function portOf(text: string): number {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return -1;
  const port = Number(text);
  return port <= 65535 ? port : -1;
}

/**
 * A header that names `source` as the client and `destination` as the address that it connected to. Null, or ends that are no addresses:
 * one that names nobody, for a check of our own (LOCAL) or a client without an address (UNKNOWN).
 */
export function layProxyHeader(
  version: ProxyProtocol,
  source: Endpoint | null,
  destination: Endpoint | null,
): Uint8Array {
  const from = source === null ? null : addressBytes(source.address);
  const to = destination === null ? null : addressBytes(destination.address);
  if (source === null || destination === null || from === null || to === null) {
    if (version === 'v1') return latin1Bytes('PROXY UNKNOWN\r\n');
    return headV2(source === null ? LOCAL : PROXIED, 0, 0);
  }
  const six = from.length === 16 || to.length === 16;
  if (version === 'v1') {
    const name = ({ address }: Endpoint, bytes: Uint8Array): string =>
      six && bytes.length === 4 ? `::ffff:${address}` : address;
    return latin1Bytes(
      `PROXY TCP${six ? 6 : 4} ${name(source, from)} ${name(destination, to)} ${source.port} ${destination.port}\r\n`,
    );
  }
  const width = six ? 16 : 4;
  const out = headV2(PROXIED, six ? TCP6 : TCP4, 2 * width + 4);
  putAddress(out, V2_FIXED_BYTES, width, from);
  putAddress(out, V2_FIXED_BYTES + width, width, to);
  const ports = V2_FIXED_BYTES + 2 * width;
  for (const [i, port] of [source.port, destination.port].entries()) {
    out[ports + 2 * i] = port >> 8;
    out[ports + 2 * i + 1] = port & 0xff;
  }
  return out;
}

function headV2(command: number, family: number, length: number): Uint8Array {
  const out = new Uint8Array(V2_FIXED_BYTES + length);
  out.set(V2_START);
  out[12] = command;
  out[13] = family;
  out[14] = length >> 8;
  out[15] = length & 0xff;
  return out;
}

/** IPv4 among IPv6 wears its clothes (RFC 4291 section 2.5.5.2). */
function putAddress(out: Uint8Array, at: number, width: number, address: Uint8Array): void {
  out.set(address, at + width - address.length);
  if (address.length < width) {
    out[at + 10] = 0xff;
    out[at + 11] = 0xff;
  }
}

/** Four or sixteen bytes, or null for what is no address. */
function addressBytes(text: string): Uint8Array | null {
  if (!isIPv4(text) && !isPlainIPv6(text)) return null;
  return Uint8Array.from(ipaddr.parse(text).toByteArray());
}
