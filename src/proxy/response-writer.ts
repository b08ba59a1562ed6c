// Lays out the head that goes to the client: the upstream's as it was understood, with our framing, edits and cookie.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import { ACTION, type FieldEdits } from '../plan/field-edits.ts';
import { isDroppedName } from '../wire/dropped-names.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import type { DateField } from '../wire/local-reply.ts';
import type { ResponseHead } from '../wire/response-head.ts';

const VERSION = latin1Bytes('HTTP/1.1 ');
const CRLF = latin1Bytes('\r\n');
const CHUNKED = latin1Bytes('Transfer-Encoding: chunked\r\n');
const CLOSE = latin1Bytes('Connection: close\r\n');
const KEEP_ALIVE = latin1Bytes('Connection: keep-alive\r\n');
const UPGRADE = latin1Bytes('Connection: Upgrade\r\nUpgrade: ');

/** Writes fields of an answer in its own way: affinity's cookie, and what it makes of the upstream's caching and cookies. */
export interface AnswerEditor {
  /** Whether field `id` is written by `writeField`. */
  takes(id: number): boolean;
  writeField(out: ByteWriter, fields: HeadFields, index: number): void;
  /** Field lines of its own, behind the others. */
  writeOwn(out: ByteWriter, fields: HeadFields): void;
}

/** How the answer goes on to the client. */
export const FRAME_OUT = { asIs: 0, chunked: 1, close: 2 } as const;

/**
 * Lays out an answer's head up to and with its empty line. `frame`: asIs passes a `Content-Length`; `keepAlive`: what the client
 * is told of its connection (said only where it is not the version's default); `minor`: of the client; `ownLines`: see ReplyTo.
 * An answer without `Date` gets the time at which it came (RFC 9110 section 6.6.1), unless an operator takes that field off.
 */
export function layResponse(
  out: ByteWriter,
  head: ResponseHead,
  edits: FieldEdits,
  editor: AnswerEditor | null,
  frame: number,
  keepAlive: boolean,
  minor: number,
  via: Uint8Array | null,
  ownLines: Uint8Array | null,
  date: DateField,
): void {
  layStatusLine(out, head);
  const keepLength =
    frame === FRAME_OUT.asIs && head.status !== 204 && head.status >= 200 && head.contentLength >= 0;
  layFields(out, head.fields, edits, editor, keepLength);
  if (head.fields.first[FIELD.date]! < 0 && edits.actions[FIELD.date] === ACTION.pass) out.block(date.line());
  if (frame === FRAME_OUT.chunked) out.block(CHUNKED);
  if (!keepAlive) out.block(CLOSE);
  else if (minor === 0) out.block(KEEP_ALIVE);
  if (via !== null) {
    out.latin1(head.minor === 0 ? 'Via: 1.0 ' : 'Via: 1.1 ');
    out.block(via);
    out.block(CRLF);
  }
  if (editor !== null) editor.writeOwn(out, head.fields);
  if (ownLines !== null) out.block(ownLines);
  if (edits.lines !== null) out.block(edits.lines);
  out.block(CRLF);
}

/** An interim answer (1xx) as it goes on: its fields, without any length (rules A2, C6). */
export function layInterim(out: ByteWriter, head: ResponseHead, edits: FieldEdits): void {
  layStatusLine(out, head);
  layFields(out, head.fields, edits, null, false);
  out.block(CRLF);
}

/** The head of a 101: the tunnel opens behind it (rule C7). */
export function laySwitch(
  out: ByteWriter,
  head: ResponseHead,
  edits: FieldEdits,
  editor: AnswerEditor | null,
  ownLines: Uint8Array | null,
): void {
  layStatusLine(out, head);
  layFields(out, head.fields, edits, editor, false);
  out.block(UPGRADE);
  const fields = head.fields;
  out.copy(fields.bytes, fields.valueStart[head.upgrade]!, fields.valueEnd[head.upgrade]!);
  out.block(CRLF);
  if (editor !== null) editor.writeOwn(out, fields);
  if (ownLines !== null) out.block(ownLines);
  if (edits.lines !== null) out.block(edits.lines);
  out.block(CRLF);
}

function layStatusLine(out: ByteWriter, head: ResponseHead): void {
  out.block(VERSION);
  out.decimal(head.status);
  out.byte(0x20);
  out.copy(head.fields.bytes, head.reasonStart, head.reasonEnd);
  out.block(CRLF);
}

/** As in the request writer: runs of plainly written fields are copied whole. */
function layFields(
  out: ByteWriter,
  fields: HeadFields,
  edits: FieldEdits,
  editor: AnswerEditor | null,
  keepLength: boolean,
): void {
  const { bytes, count, id, nameStart, nameEnd, valueStart, valueEnd, marks } = fields;
  const { actions, dropNames, dropMarks } = edits;
  const look = (fields.flags & dropMarks) !== 0 || dropNames !== null;
  let runStart = 0;
  let runEnd = -1;
  for (let i = 0; i < count; i++) {
    const field = id[i]!;
    const action = actions[field]!;
    if (action === ACTION.drop || (action === ACTION.special && !keepLength)) continue;
    if (look) {
      if ((marks[i]! & dropMarks) !== 0) continue;
      if (dropNames !== null && isDroppedName(dropNames, fields, i)) continue;
    }
    const start = nameStart[i]!;
    const end = valueEnd[i]! + 2;
    if (editor?.takes(field)) {
      if (runEnd >= 0) out.copy(bytes, runStart, runEnd);
      runEnd = -1;
      editor.writeField(out, fields, i);
      continue;
    }
    const usual =
      valueStart[i] === nameEnd[i]! + 2 && bytes[nameEnd[i]! + 1] === 0x20 && bytes[end - 2] === 0x0d;
    if (usual && start === runEnd) {
      runEnd = end;
      continue;
    }
    if (runEnd >= 0) out.copy(bytes, runStart, runEnd);
    if (usual) {
      runStart = start;
      runEnd = end;
    } else {
      runEnd = -1;
      layField(out, fields, i);
    }
  }
  if (runEnd >= 0) out.copy(bytes, runStart, runEnd);
}

/** One field, newly written. */
export function layField(out: ByteWriter, fields: HeadFields, index: number): void {
  out.copy(fields.bytes, fields.nameStart[index]!, fields.nameEnd[index]!);
  out.byte(0x3a);
  out.byte(0x20);
  out.copy(fields.bytes, fields.valueStart[index]!, fields.valueEnd[index]!);
  out.block(CRLF);
}
