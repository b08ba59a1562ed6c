// A whole PHP session as each of PHP's session handlers writes it: the variables by name.
import { type Data, type DataMap, type DataPath, lookAt } from '../data.ts';
import { DecodeError } from './decode-error.ts';
import { decodeIgbinary } from './igbinary.ts';
import { decodeMsgpack } from './msgpack.ts';
import { decodePhp, PhpReader } from './php-serialize.ts';

/** `session.serialize_handler`. */
export const PHP_HANDLERS = ['php', 'php_serialize', 'php_binary', 'igbinary', 'msgpack'] as const;
export type PhpHandler = (typeof PHP_HANDLERS)[number];

/**
 * The variables of a session; nothing at all is a session without any. ext/session/session.c of PHP 8.2 for `php`, `php_binary` and
 * `php_serialize`; igbinary 3.2; msgpack 2.2. Throws DecodeError and nothing else.
 */
export function decodePhpSession(handler: PhpHandler, bytes: Uint8Array): Data {
  if (bytes.length === 0) return new Map();
  switch (handler) {
    case 'php':
      return named(bytes);
    case 'php_binary':
      return counted(bytes);
    case 'php_serialize':
      return asSession(decodePhp(bytes));
    case 'igbinary':
      return asSession(decodeIgbinary(bytes));
    case 'msgpack':
      // Arrays with names are marked by a first entry `nil => 1`; `\0` is no name of PHP's.
      return asSession(decodeMsgpack(bytes, MSGPACK_KIND));
  }
}

/** What a map of msgpack has beside the names of PHP: an object's class, or the number of what it is instead (nil in msgpack.c 2.2). */
const MSGPACK_KIND = '\0';

/** Whether what stands at `path` is only referred to: msgpack's references are not followed, so that what is behind them cannot be told. */
export function meetsReference(session: Data, path: DataPath): boolean {
  for (let length = 0; length <= path.length; length++) {
    const kind = lookAt(session, [...path.slice(0, length), MSGPACK_KIND]);
    // The whole session has the mark of an array with names.
    if (length > 0 && typeof kind === 'number' && kind !== 1) return true;
  }
  return false;
}

function asSession(value: Data): Data {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array)
    throw new DecodeError('a PHP session that is no array');
  return value;
}

/** `name|value` again and again. A name may begin with `!`: then it has no value. */
function named(bytes: Uint8Array): DataMap {
  const session = new Map<Data, Data>();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new PhpReader(bytes);
  while (!reader.done) {
    const end = buffer.indexOf(0x7c, reader.at);
    if (end < 0) throw new DecodeError('a PHP session that ends in a name');
    const name = buffer.toString('utf8', reader.at, end);
    reader.at = end + 1;
    if (name.startsWith('!')) session.set(name.slice(1), null);
    else session.set(name, reader.value());
  }
  return session;
}

/** A byte with the length of the name, the name, the value. The highest bit says that there is no value. */
function counted(bytes: Uint8Array): DataMap {
  const session = new Map<Data, Data>();
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new PhpReader(bytes);
  while (!reader.done) {
    const head = buffer[reader.at]!;
    const end = reader.at + 1 + (head & 0x7f);
    if (end > buffer.length) throw new DecodeError('a PHP session that ends in a name');
    const name = buffer.toString('utf8', reader.at + 1, end);
    reader.at = end;
    session.set(name, head >= 0x80 ? null : reader.value());
  }
  return session;
}
