// Values that may come from a file beside the config: secrets, certificates and pages.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { isMap, isScalar, type Node, type Scalar } from 'yaml';
import { readBlocks } from '../limit/address-set.ts';
import type { ErrorPage } from './config.ts';
import type { Source } from './source.ts';
import { quote, type Reading } from './units.ts';

/** Largest page, certificate or secret. */
const FILE_BYTES_MAX = 256 * 1024;
export const CERTIFICATE_BYTES_MAX: number = FILE_BYTES_MAX;

/** Reads a file named relative to the config; `maxBytes` bounds it. Throws what `fs` throws, or a RangeError when it is larger. */
export interface FileReader {
  (path: string, maxBytes: number): string;
  /** Names in a folder, those of folders with `/` at the end; left out: there are no folders. Throws what `fs` throws. */
  list?(path: string): readonly string[];
}

/** A secret: a text, or `{ file }`, whose one closing line end is not part of it. */
export function readSecret(node: Node, source: Source, files: FileReader): Reading<string> {
  if (isMap(node)) {
    const file = node.get('file');
    if (node.items.length !== 1 || typeof file !== 'string') {
      return { wrong: 'this is not a secret', right: '{ file: path }' };
    }
    const reading = readFile(file, files);
    if ('wrong' in reading) return reading;
    return sound(reading.value.replace(/\r?\n$/, ''), 'the file of this secret is empty');
  }
  if (!isScalar(node)) return { wrong: 'this is not a secret', right: 'a text, ${ENV} or { file: path }' };
  if (typeof node.value !== 'string') {
    // Digits alone are read as a number, which would lose leading zeros.
    return { wrong: 'a secret is a text', right: 'put it in quotation marks' };
  }
  const empty = source.fromEnvironment.has(node)
    ? 'the environment has only an empty text here'
    : 'this secret is empty';
  return sound(node.value, empty);
}

function sound(secret: string, empty: string): Reading<string> {
  if (secret.trim() === '') return { wrong: empty, right: 'at least 16 random bytes: openssl rand -hex 32' };
  return { value: secret };
}

/** The text of a PEM file. */
export function readPem(node: Node, files: FileReader): Reading<string> {
  if (!isScalar(node) || typeof node.value !== 'string')
    return { wrong: 'this is not a path', right: 'tls/ca.pem' };
  const reading = readFile(node.value, files);
  if ('wrong' in reading || reading.value.includes('-----BEGIN ')) return reading;
  return { wrong: `${quote(node.value)} holds no PEM`, right: 'a file with `-----BEGIN …-----`' };
}

/** Largest file of addresses: a million blocks. */
export const ADDRESS_FILE_BYTES_MAX = 32 * 1024 * 1024;

/** The path of a file of addresses and CIDR blocks, which is read once to know that it can be. */
export function readAddressFile(node: Node, files: FileReader): Reading<string> {
  if (!isScalar(node) || typeof node.value !== 'string')
    return { wrong: 'this is not a path', right: 'blocked.txt' };
  const reading = readFile(node.value, files, ADDRESS_FILE_BYTES_MAX);
  if ('wrong' in reading) return reading;
  const blocks = readBlocks(reading.value);
  if ('wrong' in blocks) return { wrong: `${quote(node.value)}: ${blocks.wrong}`, right: '10.0.0.0/8' };
  return { value: node.value };
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  htm: 'text/html; charset=utf-8',
  json: 'application/json',
  txt: 'text/plain; charset=utf-8',
};

/** An own page, its body read or laid out. */
export function readPage(node: Node, source: Source, files: FileReader): Reading<ErrorPage> {
  const right = 'file.html, { html: text }, { text: text } or { json: value }';
  if (isMap(node)) {
    const key = node.items.length === 1 ? String((node.items[0]!.key as Scalar).value) : '';
    const value = node.get(key);
    if (key === 'json') {
      try {
        const whole = node.toJS(source.document, { maxAliasCount: 100 }) as { json: unknown };
        return bodyOf(JSON.stringify(whole.json), 'application/json');
      } catch {
        return { wrong: 'this cannot be written as JSON', right: '{ json: { error: unavailable } }' };
      }
    }
    if ((key === 'html' || key === 'text') && typeof value === 'string') {
      return bodyOf(value, TYPES[key === 'html' ? 'html' : 'txt']!);
    }
    return { wrong: 'this is not a page', right };
  }
  if (!isScalar(node) || typeof node.value !== 'string') return { wrong: 'this is not a page', right };
  const type = TYPES[node.value.slice(node.value.lastIndexOf('.') + 1).toLowerCase()];
  if (type === undefined) return { wrong: `${quote(node.value)} is not a .html, .json or .txt file`, right };
  const reading = readFile(node.value, files);
  return 'wrong' in reading ? reading : bodyOf(reading.value, type);
}

function bodyOf(body: string, contentType: string): Reading<ErrorPage> {
  if (Buffer.byteLength(body) > FILE_BYTES_MAX)
    return { wrong: 'a page has at most 256KiB', right: 'a smaller page' };
  return { value: { contentType, body } };
}

function readFile(path: string, files: FileReader, bytesMax = FILE_BYTES_MAX): Reading<string> {
  const right = 'the path of a file that Limpet may read, relative to the config';
  if (path === '' || path.includes('\0')) return { wrong: `${quote(path)} is not a path`, right };
  try {
    return { value: files(path, bytesMax) };
  } catch (error) {
    return { wrong: `${quote(path)} ${whyUnread(error)}`, right };
  }
}

/** Why a file could not be read, in words. */
export function whyUnread(error: unknown): string {
  if (error instanceof RangeError) return 'is too large';
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read';
  if (code === 'EISDIR') return 'is a folder';
  return `cannot be read (${code ?? 'unknown reason'})`;
}
