// Fills in the access line of a request that is over, from what its exchange or its head still knows.
import { latin1Text } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { type AccessLog, logMs } from '../observe/access-log.ts';
import { AccessRecord } from '../observe/access-record.ts';
import { STAGE } from '../observe/stages.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import { VERDICT_NAMES } from '../session/verdict.ts';
import type { TlsAgreement } from '../socket/tls-terms.ts';
import { QUESTION, SEMICOLON, SLASH, SP } from '../wire/octets.ts';
import type { RequestHead } from '../wire/request-head.ts';
import type { Accountable } from './accountable.ts';
import { ENDED_WELL, endCode } from './end-code.ts';
import { HOMED_NAMES } from './plane-metrics.ts';
import { NoteTaker, RequestNotes } from './request-notes.ts';
import { slowReport, slowText } from './slow-report.ts';

const SLASH_ALONE = new Uint8Array([SLASH]);
const VALID = VERDICT_NAMES.indexOf('valid');

/** What is known of a request that was answered here. */
export interface AnsweredHere {
  /** '' where the answer tells none. */
  readonly requestId: string;
  readonly client: string;
  readonly listener: string;
  readonly agreed: TlsAgreement | null;
  readonly head: RequestHead;
  readonly plan: RoutePlan | null;
  readonly status: number;
  readonly fault: Fault | null;
  readonly durationMs: number;
  readonly bytesOut: number;
}

/** One for each generation of the config whose access log is on. */
export class AccessDesk {
  /** Requests must keep the time of their stages. */
  readonly timesStages: boolean;
  /** What TLS agreed on is told. */
  readonly tellsTls: boolean;
  readonly notes: NoteTaker;
  readonly #log: AccessLog;
  readonly #record = new AccessRecord();
  /** Of requests that were answered here, whose notes are taken when they are over. */
  readonly #lateNotes = new RequestNotes();
  readonly #slowMs: number;
  readonly #tellsTarget: boolean;
  readonly #tellsUser: boolean;

  constructor(log: AccessLog) {
    const { options } = log;
    this.#log = log;
    this.timesStages = log.timesStages;
    this.notes = new NoteTaker(options);
    this.#slowMs = options.slowMs > 0 ? options.slowMs : Number.POSITIVE_INFINITY;
    this.#tellsTarget =
      options.form === 'common' || options.form === 'combined' || options.fields.includes('target');
    this.tellsTls = options.fields.includes('tlsVersion') || options.fields.includes('tlsCipher');
    this.#tellsUser = options.user || options.fields.includes('user');
  }

  /** The line of a request that went to an upstream, or meant to. Hot. */
  exchange(exchange: Accountable, durationMs: number): void {
    const { fault, requestHead, mark, clock } = exchange;
    const end = endCode(fault, exchange.stage, exchange.brokenBy);
    // What lasts as long as its user likes is not slow.
    const slow = durationMs >= this.#slowMs && exchange.status !== 101 && (clock === null || !clock.endless);
    const weight = this.#log.weigh(exchange.status, end !== ENDED_WELL, slow);
    if (weight === 0 || requestHead === null) return;
    const record = this.#record;
    record.weight = weight;
    record.bytes = requestHead.bytes;
    record.id = '';
    record.idStart = mark.idStart;
    record.idEnd = mark.idEnd;
    record.traceStart = mark.traceStart;
    record.hostStart = mark.hostStart;
    record.hostEnd = mark.hostEnd;
    let space = 0;
    while (space < mark.targetEnd && record.bytes[space] !== SP) space++;
    record.methodStart = 0;
    record.methodEnd = space;
    record.carried = NOTHING;
    record.target = null;
    const { notes } = exchange;
    if (notes !== null && notes.taker === this.notes) {
      record.carried = notes.carried;
      if (notes.target !== null) record.target = notes.target === '' ? '/' : this.notes.safe(notes.target);
    }
    if (record.target === null) this.#readTarget(record, space + 1, mark.targetEnd);
    record.client = exchange.clientAddress;
    record.listener = exchange.client?.listener ?? null;
    if (this.tellsTls) this.#tellTls(record, exchange.client?.side.agreed ?? null);
    record.protocol = exchange.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    record.status = exchange.status;
    record.route = exchange.plan === null ? null : exchange.plan.name;
    record.pool = exchange.pool === null ? null : exchange.pool.name;
    record.upstream = exchange.upstream === null ? null : exchange.upstream.name;
    record.durationMs = durationMs;
    record.upstreamMs = exchange.upstreamMs;
    record.bytesIn = exchange.bytesIn;
    record.bytesOut = exchange.bytesOut;
    record.attempts = exchange.attempts;
    record.affinity = HOMED_NAMES[exchange.homed]!;
    this.#tellSession(record, exchange);
    this.#tellEnd(record, end, fault);
    record.clock = clock;
    this.#log.write(record);
    if (slow) this.#tellSlow(record, durationMs);
  }

  /** The line of a request that was answered here. */
  here(told: AnsweredHere): void {
    const { head, fault, durationMs } = told;
    const end = endCode(fault, STAGE.head);
    const slow = durationMs >= this.#slowMs;
    const weight = this.#log.weigh(told.status, end !== ENDED_WELL, slow);
    if (weight === 0) return;
    const record = this.#blank(told.client, told.status, durationMs, fault);
    record.weight = weight;
    record.id = told.requestId;
    record.listener = told.listener;
    this.#tellTls(record, told.agreed);
    record.bytes = head.fields.bytes;
    record.methodStart = head.methodStart;
    record.methodEnd = head.methodEnd;
    record.hostStart = head.authorityStart;
    record.hostEnd = head.authorityEnd;
    record.protocol = head.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    if (head.pathEnd > head.pathStart) this.#readTarget(record, head.pathStart, head.targetEnd);
    else record.target = '/';
    if (this.notes.carries) {
      this.notes.begin(this.#lateNotes, head, false);
      record.carried = this.#lateNotes.carried;
    }
    record.route = told.plan?.name ?? null;
    record.bytesOut = told.bytesOut;
    this.#log.write(record);
    if (slow) this.#tellSlow(record, durationMs);
  }

  /**
   * The line of a request that was refused while it was read. Its method and its path are told where a request line was understood, and
   * only a path that begins with `/`: what was refused may hold a user and a password before its host.
   */
  unread(
    client: string,
    listener: string,
    head: RequestHead | null,
    bytes: Uint8Array | null,
    fault: Fault,
    durationMs: number,
    bytesOut: number,
  ): void {
    const record = this.#blank(client, fault.status, durationMs, fault);
    record.listener = listener;
    record.bytesOut = bytesOut;
    if (head !== null && bytes !== null && head.targetEnd > 0) {
      record.bytes = bytes;
      record.methodStart = head.methodStart;
      record.methodEnd = head.methodEnd;
      if (bytes[head.targetStart] === SLASH) this.#readTarget(record, head.targetStart, head.targetEnd);
    }
    this.#log.write(record);
  }

  /** The record of a request that no instance was asked for. */
  #blank(client: string, status: number, durationMs: number, fault: Fault | null): AccessRecord {
    const record = this.#record;
    record.bytes = SLASH_ALONE;
    record.id = '';
    record.idStart = record.idEnd = 0;
    record.methodStart = record.methodEnd = 0;
    record.pathStart = record.pathEnd = record.targetEnd = 0;
    record.hostStart = record.hostEnd = 0;
    record.target = null;
    record.traceStart = -1;
    record.client = client;
    record.protocol = null;
    record.status = status;
    record.route = record.pool = record.upstream = null;
    record.durationMs = durationMs;
    record.upstreamMs = -1;
    record.bytesIn = record.bytesOut = record.attempts = 0;
    record.affinity = record.session = record.verdict = record.user = null;
    this.#tellEnd(record, endCode(fault, STAGE.head), fault);
    record.clock = null;
    record.tlsVersion = record.tlsCipher = null;
    record.weight = 1;
    record.carried = NOTHING;
    return record;
  }

  /** Finds path and query in the record's bytes; where something of them must be hidden, they become a text. */
  #readTarget(record: AccessRecord, start: number, end: number): void {
    const { bytes } = record;
    let at = start;
    let looked = false;
    for (; at < end && bytes[at] !== QUESTION; at++) if (bytes[at] === SEMICOLON) looked = true;
    record.pathStart = start;
    record.pathEnd = at;
    record.targetEnd = end;
    if (looked || (this.#tellsTarget && at < end))
      record.target = this.notes.safe(latin1Text(bytes, start, end));
  }

  #tellSession(record: AccessRecord, exchange: Accountable): void {
    const { standing } = exchange.session;
    record.session = record.verdict = record.user = null;
    if (standing === null) return;
    record.session = standing.verifier.name;
    record.verdict = VERDICT_NAMES[standing.verdict]!;
    if (this.#tellsUser && standing.verdict === VALID) record.user = standing.subject('').user;
  }

  #tellTls(record: AccessRecord, agreed: TlsAgreement | null): void {
    record.tlsVersion = agreed === null ? null : agreed.version;
    record.tlsCipher = agreed === null ? null : agreed.cipher;
  }

  #tellEnd(record: AccessRecord, end: string, fault: Fault | null): void {
    record.end = end;
    record.fault = fault === null ? null : fault.code;
    record.endedBy = fault === null ? null : fault.side;
  }

  #tellSlow(record: AccessRecord, durationMs: number): void {
    this.#log.tellSlow(slowReport(record, logMs(durationMs)), slowText(record, durationMs));
  }
}

const NOTHING: readonly (string | null)[] = [];
