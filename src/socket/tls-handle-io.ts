// The one place that knows Node's TLS handle: OpenSSL over an accepted handle, without a TLSSocket around it.
import { constants } from 'node:os';
import type { SecureContext } from 'node:tls';
import type { BareHandle, HandleIo } from './handle-io.ts';

/** What the peer's certificate is handed over as: its DER bytes are all that is used. */
interface PeerCertificate {
  readonly raw?: Uint8Array;
}

/** Node's TLSWrap as a server uses it: a stream handle whose bytes are the plain ones. It takes one write at a time. */
export interface TlsHandle extends Omit<BareHandle, 'onread' | 'close'> {
  onread: ((this: TlsHandle) => void) | null;
  onhandshakedone: ((this: TlsHandle) => void) | null;
  onerror: ((this: TlsHandle, error: Error & { code?: string }) => void) | null;
  setVerifyMode(request: boolean, require: boolean): void;
  setALPNProtocols(protocols: Uint8Array): void;
  /** Bytes that were read before TLS began. They are copied. */
  receive(bytes: Uint8Array): void;
  /** What is wrong with the peer's certificate; nothing where it is good, or where there is none and the session was resumed. */
  verifyError(): unknown;
  getPeerCertificate(abbreviated: boolean): PeerCertificate | undefined;
  isSessionReused(): boolean;
  getProtocol(): string | null;
  getCipher(): { readonly name?: string } | undefined;
  /** Frees OpenSSL's state; a pending write ends with an error first. */
  destroySSL(): void;
}

/** Node's internals for TLS on a handle. */
export interface TlsHandleIo {
  /** TLS as the server on `handle`, whose reads it takes over; null where it does not look as expected. */
  wrap(handle: BareHandle, context: SecureContext): TlsHandle | null;
}

interface TlsWrapBinding {
  wrap(handle: object, context: object, isServer: boolean, hasActiveWrite: boolean): unknown;
}

const METHODS = [
  'writeBuffer',
  'useUserBuffer',
  'shutdown',
  'setVerifyMode',
  'setALPNProtocols',
  'receive',
  'verifyError',
  'getPeerCertificate',
  'isSessionReused',
  'getProtocol',
  'getCipher',
  'destroySSL',
] as const satisfies readonly (keyof TlsHandle)[];

/**
 * Reaches `tls_wrap`, or returns null where this Node has none of this shape; then TLSSocket serves, which costs much more for each
 * handshake and message. A test says which of the two this Node gets.
 */
export function findTlsHandleIo(): TlsHandleIo | null {
  try {
    // Because: there is no other door to TLSWrap than the deprecated process.binding; all that comes through it is checked below.
    const binding: unknown = (process as unknown as { binding(name: string): unknown }).binding('tls_wrap');
    if (!isTlsWrap(binding)) return null;
    return { wrap: (handle, context) => asTlsHandle(binding.wrap(handle, innerOf(context), true, false)) };
  } catch {
    return null;
  }
}

/** The object of OpenSSL inside a context. */
function innerOf(context: SecureContext): object {
  // Because: `context` is documented nowhere but in Node's own types, as `any`.
  return (context as unknown as { context: object }).context;
}

/** libuv's code for the peer's end. */
const EOF = -4095;
/** Its code for a handle that is read already. */
const READ_ALREADY = -constants.errno.EALREADY;

/**
 * Whether the end that TLS has just told was cut short: a handle that has read its FIN is read no more, one that is still read has
 * brought close_notify (RFC 8446 section 6.1). `below`: that TLS runs on; it is not read any more afterwards.
 */
export function endWasCut(below: Pick<BareHandle, 'readStart' | 'readStop'>): boolean {
  const cut = below.readStart() !== READ_ALREADY;
  below.readStop();
  return cut;
}

/** Has `told` say at the end of a TLSSocket whether it was cut short, before the socket's own `end`. Where its handles are not as expected, nothing is said. */
export function watchEnd(socket: object, io: HandleIo, told: (cutShort: boolean) => void): void {
  // Because: `_handle` and its `_parent` are undocumented; they are only believed when they have what is used of them.
  const handle = (socket as { _handle?: { onread?: unknown; _parent?: unknown } | null })._handle;
  const below = handle?._parent as Partial<BareHandle> | null | undefined;
  const read = handle?.onread;
  if (handle === null || handle === undefined || typeof read !== 'function') return;
  if (typeof below?.readStart !== 'function' || typeof below.readStop !== 'function') return;
  const { readStart, readStop } = below;
  const found = { readStart: () => readStart.call(below), readStop: () => readStop.call(below) };
  handle.onread = function onRead(this: unknown, ...rest: unknown[]): unknown {
    if (io.readBytesOrError() === EOF) told(endWasCut(found));
    return Reflect.apply(read, this, rest);
  };
}

function isTlsWrap(value: unknown): value is TlsWrapBinding {
  if (typeof value !== 'object' || value === null) return false;
  // Because: the methods of the class are looked for one by one, which no type guard can follow.
  const { wrap, TLSWrap } = value as { wrap?: unknown; TLSWrap?: { prototype?: object } };
  const prototype = TLSWrap?.prototype as Record<string, unknown> | undefined;
  return (
    typeof wrap === 'function' &&
    prototype !== undefined &&
    METHODS.every((name) => typeof prototype[name] === 'function')
  );
}

function asTlsHandle(handle: unknown): TlsHandle | null {
  if (typeof handle !== 'object' || handle === null || !('onread' in handle)) return null;
  // Because: `isTlsWrap` has seen the methods on its class.
  return handle as TlsHandle;
}
