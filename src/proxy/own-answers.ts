// Tells of the answers that Limpet gives by itself, before any upstream was chosen: in the metrics, the access log and the traces.
import { performance } from 'node:perf_hooks';
import type { Fault } from '../base/fault.ts';
import type { TraceLog } from '../observe/trace-log.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { AdmissionBooks } from './admission.ts';
import type { ClientConnection } from './client-connection.ts';
import type { Plane } from './plane.ts';
import { OUTCOME } from './plane-metrics.ts';

/** One a worker. */
export class OwnAnswers implements AdmissionBooks {
  readonly #plane: Plane;
  /** Null: nothing is traced, whatever the config says. */
  readonly #traceLog: TraceLog | null;

  constructor(plane: Plane, traceLog: TraceLog | null) {
    this.#plane = plane;
    this.#traceLog = traceLog;
  }

  answeredHere(
    connection: ClientConnection,
    plan: RoutePlan | null,
    status: number,
    fault: Fault | null,
    startedMs: number,
    requestId: string,
  ): void {
    const { metrics, access, tracer, requestHead, replies } = this.#plane;
    const { side, listener } = connection;
    const seconds = (performance.now() - startedMs) / 1000;
    metrics.request(plan, null, status, fault === null ? OUTCOME.answered : OUTCOME.refused, seconds);
    access?.here({
      requestId,
      client: side.address,
      listener,
      agreed: side.agreed,
      head: requestHead,
      plan,
      status,
      fault,
      durationMs: seconds * 1000,
      // Told behind the answer.
      bytesOut: replies.bodyBytes,
    });
    const traced = tracer?.begin(requestHead, side, startedMs) ?? null;
    if (traced !== null) this.#traceLog?.write(traced.endHere(plan, status, fault, seconds));
  }
}
