// Takes a session out of a request that goes on without it: out of the head that was laid out for the upstream, before it is sent.
import { type ByteWriter, latin1Text } from '../base/byte-writer.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { RequestMark } from './request-writer.ts';

/** Lines of a laid head that go, or go on otherwise. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The offsets of a mark that move when something before them changes its length. */
const MARKS = [
  'idStart',
  'idEnd',
  'targetEnd',
  'hostStart',
  'hostEnd',
  'traceStart',
  'upgradeStart',
  'upgradeEnd',
] as const satisfies readonly (keyof RequestMark)[];

/**
 * Takes `Authorization` out of the head in `out` where one of the guard's blocks reads it and, if `cookies`, every cookie that they read;
 * `mark` is moved along. The head is as `layRequest` left it. Only for requests whose session is revoked or unclear: not hot.
 */
export function withholdSession(
  out: ByteWriter,
  mark: RequestMark,
  guard: SessionGuard,
  cookies: boolean,
): void {
  const edits = editsOf(latin1Text(out.bytes, 0, out.length), guard, cookies);
  for (const { start, end, text } of edits.reverse()) {
    const rest = out.bytes.slice(end, out.length);
    out.truncate(start);
    out.latin1(text);
    const moved = out.length - end;
    out.copy(rest, 0, rest.length);
    for (const name of MARKS) if (mark[name] >= end) mark[name] += moved;
  }
}

function editsOf(head: string, guard: SessionGuard, cookies: boolean): Edit[] {
  const edits: Edit[] = [];
  for (let start = head.indexOf('\r\n') + 2; start > 1 && start < head.length; ) {
    const end = head.indexOf('\r\n', start) + 2;
    if (end < 2) break;
    const colon = head.indexOf(':', start);
    const name = head.slice(start, colon).toLowerCase();
    const value = head.slice(colon + 1, end - 2).trim();
    if (cookies && name === 'cookie') {
      const rest = guard.cookies.without(value);
      if (rest !== value) edits.push({ start, end, text: rest === '' ? '' : `Cookie: ${rest}\r\n` });
    } else if (name === 'authorization' && readsAuthorization(guard, value)) {
      edits.push({ start, end, text: '' });
    }
    start = end;
  }
  return edits;
}

function readsAuthorization({ verifiers }: SessionGuard, value: string): boolean {
  const isBearer = /^bearer(\s|$)/i.test(value);
  return verifiers.some(({ authorization, bearer }) => authorization || (bearer && isBearer));
}
