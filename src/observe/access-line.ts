// Lines of the access log in each form, compiled once: what nobody asked for costs nothing.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import {
  ACCESS_FIELDS,
  type AccessField,
  type AccessValue,
  CARRIED_NAMES,
  CARRIED_PATTERN,
} from './access-fields.ts';
import type { AccessLogOptions } from './access-options.ts';
import type { AccessRecord } from './access-record.ts';
import {
  BARE_TEXT,
  type Escape,
  JSON_TEXT,
  putLogfmt,
  putLogfmtSpan,
  putMs,
  putSpan,
  putText,
  QUOTED_TEXT,
} from './line-text.ts';
import { LineTime } from './line-time.ts';

/** Appends the line of one request. */
export type LineWriter = (out: ByteWriter, record: AccessRecord) => void;

/** Appends one field with what stands before it; nothing where the request has none. */
type Piece = (out: ByteWriter, record: AccessRecord) => void;

const NEWLINE = 0x0a;
const QUOTE = 0x22;

/** The writer of the form that is asked for. `wallMs`: unix ms. */
export function compileLine(options: AccessLogOptions, wallMs: () => number): LineWriter {
  const time = new LineTime(wallMs);
  switch (options.form) {
    case 'json':
      return jsonLine(options, time);
    case 'logfmt':
      return logfmtLine(options, time);
    case 'common':
      return commonLine(options, time, false);
    case 'combined':
      return commonLine(options, time, true);
  }
}

/** The value of a field by its name; one of a message is looked up among those that are carried. */
function accessValue(name: string, options: AccessLogOptions): AccessValue {
  const message = CARRIED_PATTERN.exec(name);
  const carried = message?.[2]?.toLowerCase() ?? CARRIED_NAMES[name];
  if (carried === undefined) {
    // The config has only names of the table; what is none would be a bug of ours.
    const field: AccessField = ACCESS_FIELDS[name as keyof typeof ACCESS_FIELDS];
    return field.value;
  }
  const of = message?.[1] ?? 'request';
  const at = options.carried.findIndex((one) => one.of === of && one.name === carried);
  return { kind: 'text', of: (record) => record.carried[at] ?? null };
}

function jsonLine(options: AccessLogOptions, time: LineTime): LineWriter {
  const pieces = options.fields.map((name) => jsonPiece(name, accessValue(name, options), time));
  return (out, record) => {
    const start = out.length;
    for (let i = 0; i < pieces.length; i++) pieces[i]!(out, record);
    // Each field begins with a comma; the first one's is where the brace belongs.
    if (out.length === start) out.byte(0x2c);
    if (!out.ensure(2)) return;
    out.bytes[start] = 0x7b;
    out.byte(0x7d);
    out.byte(NEWLINE);
  };
}

function jsonPiece(name: string, value: AccessValue, time: LineTime): Piece {
  const key = latin1Bytes(`,${JSON.stringify(name)}:`);
  const textKey = latin1Bytes(`,${JSON.stringify(name)}:"`);
  switch (value.kind) {
    case 'level':
      return constant(`,${JSON.stringify(name)}:"info"`);
    case 'time':
      return (out) => {
        out.block(textKey);
        out.block(time.iso());
        out.byte(QUOTE);
      };
    case 'id':
    case 'path':
    case 'target': {
      const put = PUT[value.kind];
      return (out, record) => {
        out.block(textKey);
        put(out, record, JSON_TEXT);
        out.byte(QUOTE);
      };
    }
    case 'span':
      return (out, record) => {
        const start = value.start(record);
        const end = value.end(record);
        if (end === start) return;
        out.block(textKey);
        putSpan(out, record.bytes, start, end, JSON_TEXT);
        out.byte(QUOTE);
      };
    case 'text':
      return (out, record) => {
        const text = value.of(record);
        if (text === null) return;
        out.block(textKey);
        putText(out, text, JSON_TEXT);
        out.byte(QUOTE);
      };
    default:
      return numberPiece(key, value);
  }
}

function logfmtLine(options: AccessLogOptions, time: LineTime): LineWriter {
  const pieces = options.fields.map((name) => logfmtPiece(name, accessValue(name, options), time));
  return (out, record) => {
    const start = out.length;
    for (let i = 0; i < pieces.length; i++) pieces[i]!(out, record);
    // Each field begins with a space, which the first one does without.
    const { length } = out;
    if (length > start) {
      out.bytes.copyWithin(start, start + 1, length);
      out.truncate(length - 1);
    }
    out.byte(NEWLINE);
  };
}

function logfmtPiece(name: string, value: AccessValue, time: LineTime): Piece {
  const key = latin1Bytes(` ${name}=`);
  switch (value.kind) {
    case 'level':
      return constant(` ${name}=info`);
    case 'time':
      return (out) => {
        out.block(key);
        out.block(time.iso());
      };
    case 'id':
      return (out, record) => {
        out.block(key);
        if (record.id === '') putLogfmtSpan(out, record.bytes, record.idStart, record.idEnd);
        else putLogfmt(out, record.id);
      };
    case 'path':
      return (out, record) => {
        out.block(key);
        if (record.target === null) putLogfmtSpan(out, record.bytes, record.pathStart, record.pathEnd);
        else putLogfmt(out, pathOf(record.target));
      };
    case 'target':
      return (out, record) => {
        out.block(key);
        if (record.target === null) putLogfmtSpan(out, record.bytes, record.pathStart, record.targetEnd);
        else putLogfmt(out, record.target);
      };
    case 'span':
      return (out, record) => {
        const start = value.start(record);
        const end = value.end(record);
        if (end === start) return;
        out.block(key);
        putLogfmtSpan(out, record.bytes, start, end);
      };
    case 'text':
      return (out, record) => {
        const text = value.of(record);
        if (text === null) return;
        out.block(key);
        putLogfmt(out, text);
      };
    default:
      return numberPiece(key, value);
  }
}

function numberPiece(key: Uint8Array, value: AccessValue & { kind: 'count' | 'ms' }): Piece {
  const { of } = value;
  const isMs = value.kind === 'ms';
  return (out, record) => {
    const number = of(record);
    // Also what is no number.
    if (!(number >= 0)) return;
    out.block(key);
    if (isMs || !Number.isInteger(number)) putMs(out, number);
    else out.decimal(number);
  };
}

function constant(text: string): Piece {
  const block = latin1Bytes(text);
  return (out) => out.block(block);
}

/** Texts of a record that stand in its bytes or in a text of their own. */
const PUT = {
  id(out: ByteWriter, record: AccessRecord, how: Escape): void {
    if (record.id === '') putSpan(out, record.bytes, record.idStart, record.idEnd, how);
    else putText(out, record.id, how);
  },
  path(out: ByteWriter, record: AccessRecord, how: Escape): void {
    if (record.target === null) putSpan(out, record.bytes, record.pathStart, record.pathEnd, how);
    else putText(out, pathOf(record.target), how);
  },
  target(out: ByteWriter, record: AccessRecord, how: Escape): void {
    if (record.target === null) putSpan(out, record.bytes, record.pathStart, record.targetEnd, how);
    else putText(out, record.target, how);
  },
} as const;

function pathOf(target: string): string {
  const question = target.indexOf('?');
  return question < 0 ? target : target.slice(0, question);
}

const DASH = 0x2d;
const SPACE = 0x20;
const AFTER_ADDRESS = latin1Bytes(' - ');
const OPEN_TIME = latin1Bytes(' [');
const OPEN_LINE = latin1Bytes('] "');
const CLOSE_LINE = latin1Bytes('" ');
const HTTP = latin1Bytes(' HTTP/1.1');
/** What nginx says of a client that left before it was answered; the form has no place for 0. */
const CLIENT_LEFT = 499;

/** `%h %l %u %t "%r" %>s %b`, and with `combined` also `"%{Referer}i" "%{User-agent}i"`: the forms of Apache's and nginx's logs. */
function commonLine(options: AccessLogOptions, time: LineTime, combined: boolean): LineWriter {
  const referer = options.carried.findIndex(({ name }) => name === 'referer');
  const agent = options.carried.findIndex(({ name }) => name === 'user-agent');
  return (out, record) => {
    if (record.client === '') out.byte(DASH);
    else putText(out, record.client, BARE_TEXT);
    out.block(AFTER_ADDRESS);
    if (record.user === null || record.user === '') out.byte(DASH);
    else putText(out, record.user, BARE_TEXT);
    out.block(OPEN_TIME);
    out.block(time.common());
    out.block(OPEN_LINE);
    putRequestLine(out, record);
    out.block(CLOSE_LINE);
    out.decimal(record.status === 0 ? CLIENT_LEFT : record.status);
    out.byte(SPACE);
    if (record.bytesOut === 0) out.byte(DASH);
    else out.decimal(record.bytesOut);
    if (combined) {
      putQuoted(out, record.carried[referer] ?? null);
      putQuoted(out, record.carried[agent] ?? null);
    }
    out.byte(NEWLINE);
  };
}

function putRequestLine(out: ByteWriter, record: AccessRecord): void {
  if (record.methodEnd === record.methodStart) {
    out.byte(DASH);
    return;
  }
  putSpan(out, record.bytes, record.methodStart, record.methodEnd, QUOTED_TEXT);
  out.byte(SPACE);
  PUT.target(out, record, QUOTED_TEXT);
  if (record.protocol === null) return;
  out.block(HTTP);
  out.bytes[out.length - 1] = record.protocol.charCodeAt(record.protocol.length - 1);
}

function putQuoted(out: ByteWriter, text: string | null): void {
  out.byte(SPACE);
  out.byte(QUOTE);
  if (text === null || text === '') out.byte(DASH);
  else putText(out, text, QUOTED_TEXT);
  out.byte(QUOTE);
}
