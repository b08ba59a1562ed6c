// Who ended a request, and in which stage: two letters, as HAProxy's termination state has it, and what each pair tells an operator.
import type { Fault } from '../base/fault.ts';
import { STAGE } from '../observe/stages.ts';
import { UPSTREAM_FAULT } from '../upstream/faults.ts';
import { PROXY_FAULT } from './faults.ts';

/** Who ended it. `…Time`: by letting a time run out; the whole time of a request and the wait in line are Limpet's own. */
export const WHO = {
  nobody: 0,
  client: 1,
  clientTime: 2,
  upstream: 3,
  upstreamTime: 4,
  limpet: 5,
  limpetTime: 6,
} as const;

/** The first letter by WHO. */
const WHO_LETTERS = ['-', 'C', 'c', 'S', 's', 'L', 'l'];
/** The second letter by STAGE; an answer that waits for its client is data like any. */
const STAGE_LETTERS = ['R', 'S', 'Q', 'C', 'B', 'H', 'D', 'D', 'U'];

/** The code of a request that ended as it should. */
export const ENDED_WELL = '--';

const CODES: readonly (readonly string[])[] = WHO_LETTERS.map((who) =>
  STAGE_LETTERS.map((stage) => (who === '-' ? ENDED_WELL : who + stage)),
);

/** Faults by which a time ran out, and whose time it was. */
const TIMES: ReadonlyMap<Fault, number> = new Map<Fault, number>([
  [PROXY_FAULT.headTimeout, WHO.clientTime],
  [PROXY_FAULT.bodyTimeout, WHO.clientTime],
  [PROXY_FAULT.bodyTooSlow, WHO.clientTime],
  [PROXY_FAULT.clientStalled, WHO.clientTime],
  [UPSTREAM_FAULT.connectTimeout, WHO.upstreamTime],
  [UPSTREAM_FAULT.responseTimeout, WHO.upstreamTime],
  [UPSTREAM_FAULT.streamTimeout, WHO.upstreamTime],
  [UPSTREAM_FAULT.hung, WHO.upstreamTime],
  [PROXY_FAULT.totalTimeout, WHO.limpetTime],
  [PROXY_FAULT.tunnelTime, WHO.limpetTime],
  [PROXY_FAULT.waitTimeout, WHO.limpetTime],
  [PROXY_FAULT.tunnelTime, WHO.limpetTime],
]);

/** Faults of a request's body: they are found whenever its bytes come, also while the request waits for something else. */
const OF_BODY: ReadonlySet<Fault> = new Set<Fault>([
  PROXY_FAULT.bodyTimeout,
  PROXY_FAULT.bodyTooSlow,
  PROXY_FAULT.bodyTooLarge,
  PROXY_FAULT.lengthRequired,
]);

/** The code of a request that `fault` ended, or `brokenBy` (WHO) where none did, in `stage` (STAGE). */
export function endCode(fault: Fault | null, stage: number, brokenBy: number = WHO.nobody): string {
  if (fault === null) return CODES[brokenBy]![stage]!;
  return CODES[whoOf(fault)]![isOfBody(fault) ? STAGE.body : stage]!;
}

function whoOf(fault: Fault): number {
  if (fault === PROXY_FAULT.clientGone) return WHO.client;
  return TIMES.get(fault) ?? (fault.side === 'upstream' ? WHO.upstream : WHO.limpet);
}

function isOfBody(fault: Fault): boolean {
  return (
    OF_BODY.has(fault) || fault.code.startsWith('request.chunk.') || fault.code.startsWith('request.trailer.')
  );
}

/** What a code means, and what to do about many of them. */
export interface EndCodeText {
  readonly code: string;
  readonly meaning: string;
  readonly advice: string;
}

const row = (code: string, meaning: string, advice: string): EndCodeText => ({ code, meaning, advice });

/** Every code that there is, for the manual. */
export const END_CODES: readonly EndCodeText[] = [
  row(ENDED_WELL, 'The answer went out whole, or the tunnel was closed in order.', 'Nothing; see `status`.'),
  row('CS', 'The client left while its session was checked.', 'Many: the store of sessions is slow.'),
  row(
    'CQ',
    'The client left while it waited in line.',
    'Add instances, or let the line be shorter (`queue`).',
  ),
  row(
    'CC',
    'The client left while an instance was dialled.',
    'Many: instances are slow to accept connections, or the network loses packets.',
  ),
  row(
    'CB',
    'The client left while it sent the body of its request.',
    'Interrupted uploads. Many at once: look at the network in front of Limpet.',
  ),
  row(
    'CH',
    'The client left while the instance worked on its answer.',
    'Users who give up, or a proxy in front with a shorter timeout. Compare `durationMs`; make the app faster.',
  ),
  row(
    'CD',
    'The client left in the middle of the answer.',
    'Interrupted downloads and event streams; normal in small numbers.',
  ),
  row(
    'CU',
    'The client broke its tunnel off, without closing it.',
    'Phones that lose their network; normal in small numbers.',
  ),
  row(
    'cR',
    'The head of the request did not arrive within `timeouts.head`.',
    'A client that opens connections early, a bad network, or somebody who tries to hold connections open.',
  ),
  row(
    'cB',
    'The body of the request stood still, or came more slowly than `limits.minRate`.',
    'The same; for slow but honest clients raise `timeouts.bodyIdle` or lower `limits.minRate`.',
  ),
  row(
    'cD',
    'The client stopped reading its answer for `timeouts.stream`.',
    'The client hangs or its network is gone.',
  ),
  row(
    'SC',
    'The instance could not be reached: refused, no route, no address, or TLS failed.',
    'See `fault`. Is the instance running, and on this address?',
  ),
  row(
    'SB',
    'The instance closed the connection, or answered badly, before it had the whole body.',
    "The app refuses large bodies by closing, or crashed: see the app's log.",
  ),
  row(
    'SH',
    'The instance closed the connection before its answer, or answered with something that is no HTTP.',
    "The app crashed or was killed, or closes kept connections early: see `fault` and the app's log.",
  ),
  row(
    'SD',
    'The instance broke its answer off.',
    "The app crashed in the middle of an answer: see the app's log.",
  ),
  row('SU', 'The instance broke the tunnel off.', 'The app crashed or was restarted.'),
  row(
    'sC',
    'The instance did not accept the connection within `timeouts.connect`.',
    'It is overloaded, hangs, or a firewall drops packets.',
  ),
  row(
    'sB',
    'The body stood still for `timeouts.stream` on its way to the instance, which had not answered.',
    'The client is slow: let `timeouts.bodyIdle` be the shorter of the two, so that it is the one to be told.',
  ),
  row(
    'sH',
    'The instance did not begin its answer within `timeouts.response`, or did not read the body for `timeouts.stream`.',
    'It hangs or works for long: make it faster, or raise the timeout of this route.',
  ),
  row(
    'sD',
    'The answer stood still for `timeouts.stream`.',
    'The app hangs in the middle of an answer; event streams should send a comment now and then.',
  ),
  row(
    'LR',
    'Limpet refused the request by its head: malformed, no route, not allowed, or a limit.',
    'See `fault`, and [why was my request refused](why-was-my-request-refused.md).',
  ),
  row(
    'LS',
    'The session check refused it, or a rate limit that waits for it.',
    'See `fault`; normal for visitors who are not logged in.',
  ),
  row('LQ', 'The line was full.', 'Add instances or raise `maxConnections`; `queue.max` lets more wait.'),
  row(
    'LC',
    'No instance was there to be asked: all are down, in maintenance, or the home of the user is lost.',
    'See `fault`, and the health of the pool.',
  ),
  row(
    'LB',
    'Limpet refused the body: too large, or malformed.',
    'See `fault`; `limits.body` says how large it may be.',
  ),
  row(
    'LH',
    'Limpet ended it while the instance worked: its session was over, or Limpet stopped.',
    'After a revocation it is what was asked for. At a stop: raise `shutdown.deadline`.',
  ),
  row('LD', 'The same in the middle of the answer.', 'The same.'),
  row('LU', 'The same in a tunnel.', 'The same.'),
  row(
    'lS',
    'The whole time of the request (`timeouts.total`) ran out while its session was checked.',
    'The store of sessions is slow.',
  ),
  row(
    'lQ',
    'Its time in line (`queue.timeout`), or its whole time, ran out while it waited for an instance.',
    'Add instances, or raise `maxConnections`.',
  ),
  row('lC', 'Its whole time ran out while an instance was dialled.', 'As for `sC`.'),
  row('lB', 'Its whole time ran out while its body came.', 'Uploads need a larger `timeouts.total`.'),
  row('lH', 'Its whole time ran out while the instance worked.', 'As for `sH`.'),
  row(
    'lD',
    'Its whole time ran out in the middle of the answer.',
    'Downloads need a larger `timeouts.total`.',
  ),
  row(
    'lU',
    'Nothing passed through the tunnel for `timeouts.tunnel`, or it lasted for `timeouts.tunnelTotal`.',
    'Let the app ping (WebSockets have frames for it), or raise the timeout.',
  ),
];
