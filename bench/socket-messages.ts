// What the load of long connections and its upstream agree on.

/** Payload of a WebSocket message: short enough for a head of two bytes. */
export const MESSAGE_BYTES = 64;
/** One event of an event stream, with its blank line. */
export const EVENT_BYTES = 128;

/** What a load process is told. */
export interface SocketSpec {
  readonly kind: 'websocket' | 'events' | 'pipelined';
  readonly port: number;
  readonly connections: number;
  readonly warmMs: number;
  readonly measureMs: number;
  /** The proxy whose CPU time is read at both ends of the measured time. */
  readonly watchPid: number;
}

/** What it tells: of messages that came back, events that came, or requests that were answered. */
export interface SocketResult {
  readonly count: number;
  readonly perSecond: number;
  readonly cpuMicrosEach: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of one core that the load used itself. */
  readonly ownCoreShare: number;
  /** Empty when every byte was right. */
  readonly trouble: string;
}
