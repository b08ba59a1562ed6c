// What the main thread and its workers say to each other; everything that is said often goes through shared memory instead.
import type { LearnedMemory } from '../affinity/learned.ts';
import type { ListenerCertificates } from '../certificates/context-table.ts';
import type { Bind, Config } from '../config/config.ts';
import type { FileLists } from '../limit/access-list.ts';
import type { SlowReport } from '../observe/access-log.ts';
import type { MetricBookMemory, MetricDeclaration } from '../observe/metric-book.ts';
import type { TraceRecord } from '../observe/trace-record.ts';
import type { Rows } from '../plan/slots.ts';
import type { LimitMemory } from '../proxy/limit-books.ts';
import type { FailureKind } from '../proxy/plane.ts';
import type { KeysChange } from '../session/crypto/public-keys.ts';
import type { SigningState } from '../session/phantom/signing-keys.ts';
import type { SwitchMemory } from '../session/revocation/shared-revocations.ts';
import type { Address } from '../upstream/upstream.ts';
import type { UpstreamTableMemory } from '../upstream/upstream-table.ts';
import type { ChallengePair } from './acme-desk.ts';
import type { TakenSockets } from './inherited.ts';

/** What a worker needs to put a generation of the config to work. Structured-cloneable. */
export interface GenerationData {
  readonly config: Config;
  readonly generation: number;
  readonly rows: Rows;
  readonly learned: readonly (readonly [pool: string, memory: LearnedMemory])[];
  /** Of the sessions that are watched. */
  readonly trails: readonly (readonly [pool: string, memory: LearnedMemory])[];
  /** Addresses known so far. */
  readonly addresses: readonly (readonly [slot: number, address: Address | null])[];
  /** What is revoked; null: no session is checked. */
  readonly revocations: SwitchMemory | null;
  /** What the tokens of sessions are signed with at this moment; null: no session has any. */
  readonly signing: SigningState | null;
  /** Of the listeners with TLS, at this moment. */
  readonly certificates: readonly ListenerCertificates[];
  /** Lists of addresses in files, as they were read last. */
  readonly lists: FileLists;
}

/** What a worker is born with. Structured-cloneable. */
export interface WorkerInit extends GenerationData {
  readonly worker: number;
  readonly workers: number;
  readonly table: UpstreamTableMemory;
  readonly book: MetricBookMemory;
  readonly accessAccount: Int32Array<SharedArrayBuffer>;
  /** Spans that all workers have under way. */
  readonly traceAccount: Int32Array<SharedArrayBuffer>;
  /** What all workers count clients in. */
  readonly counts: LimitMemory;
  readonly connectionsMax: number;
  readonly refusingMax: number;
  readonly challenges: readonly ChallengePair[];
  /** Workers bind the same ports together. */
  readonly shared: boolean;
  /** Sockets that it listens on in place of binding its first listeners. */
  readonly taken: readonly TakenSockets[];
}

/** The sockets of one listener in one worker. */
export interface ListenerSockets {
  readonly bind: Bind;
  /** −1: one that cannot be told. */
  readonly fds: readonly number[];
}

export type ToWorker =
  | { readonly say: 'address'; readonly slot: number; readonly address: Address | null }
  | { readonly say: 'hung'; readonly slot: number }
  | { readonly say: 'signing'; readonly state: SigningState }
  /** Makes a generation ready beside the one in force; answered by `prepared`. */
  | { readonly say: 'prepare'; readonly next: GenerationData }
  /** Puts it in force. `deadlineMs`: when connections of listeners that are gone are cut. */
  | { readonly say: 'commit'; readonly generation: number; readonly deadlineMs: number }
  /** It is not wanted. */
  | { readonly say: 'abandon'; readonly generation: number }
  | { readonly say: 'certificates'; readonly state: ListenerCertificates }
  /** What authorities of certificates are answered from now on. */
  | { readonly say: 'challenges'; readonly challenges: readonly ChallengePair[] }
  /** Files of addresses that were read anew. */
  | { readonly say: 'lists'; readonly lists: FileLists }
  /** Whoever must be served well can be: clients may come. Said once, to each. */
  | { readonly say: 'listen' }
  /** Answered by `sockets`. */
  | { readonly say: 'sockets' }
  /** Said again: what is left is cut. `handedOver`: a successor accepts from the same sockets. */
  | { readonly say: 'drain'; readonly deadlineMs: number; readonly handedOver: boolean };

export type FromWorker =
  | { readonly say: 'listening' }
  | { readonly say: 'unbound'; readonly listener: string; readonly code: string; readonly message: string }
  | { readonly say: 'sockets'; readonly found: readonly ListenerSockets[] }
  | { readonly say: 'metric'; readonly declaration: MetricDeclaration }
  /** Whole lines of the access log. */
  | { readonly say: 'access'; readonly batch: Uint8Array<ArrayBuffer> }
  /** A request was slow; `untold`: how many before it were not told of. */
  | { readonly say: 'slow'; readonly report: SlowReport; readonly text: string; readonly untold: number }
  | { readonly say: 'traces'; readonly batch: readonly TraceRecord[] }
  | { readonly say: 'failure'; readonly slot: number; readonly kind: FailureKind }
  | { readonly say: 'success'; readonly slot: number }
  | { readonly say: 'suspect'; readonly slot: number }
  | { readonly say: 'moved'; readonly pool: string; readonly from: string; readonly to: string }
  | { readonly say: 'store'; readonly session: string; readonly up: boolean; readonly why: string | null }
  | { readonly say: 'vouched'; readonly session: string; readonly up: boolean; readonly why: string | null }
  | ({ readonly say: 'keys'; readonly session: string } & KeysChange)
  /** A login was noted. `key`: SHA-256 of the identity, one character a byte; `timeMs`: unix ms. */
  | { readonly say: 'login'; readonly key: string; readonly timeMs: number }
  /** `why`: null where it is ready, else the reader's sentence. */
  | { readonly say: 'prepared'; readonly generation: number; readonly why: string | null }
  /** Nothing that began under this generation is under way here any more. */
  | { readonly say: 'over'; readonly generation: number }
  | { readonly say: 'bug'; readonly session: string; readonly text: string }
  /** The Redis of shared rate limits begins or ceases to answer. */
  | { readonly say: 'limits'; readonly where: string; readonly up: boolean; readonly why: string | null }
  | { readonly say: 'drained'; readonly cut: number };
