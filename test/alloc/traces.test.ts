// Trace context costs no allocation: not where nothing is traced, and with tracing on not for requests that are not sampled.
import t from 'tap';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { HandClock } from '../../src/base/clock.ts';
import { RandomBytes, SeededRandom } from '../../src/base/random.ts';
import { compileRequestEdits } from '../../src/plan/field-edits.ts';
import type { ClientSide } from '../../src/proxy/client-side.ts';
import { layTrace } from '../../src/proxy/trace-writer.ts';
import { Tracer } from '../../src/proxy/tracer.ts';
import { RequestHead } from '../../src/wire/request-head.ts';
import { bytesPerCall, NOISE_BYTES } from './bytes-per-call.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
const headOf = (...lines: string[]): RequestHead => {
  const head = new RequestHead({
    requestLineBytes: 8192,
    headBytes: 32_768,
    fields: 100,
    strictTarget: false,
  });
  const bytes = Buffer.from(['GET /a HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n'));
  head.parse(bytes, 0, bytes.length);
  return head;
};
const heads = [
  headOf(),
  headOf(`traceparent: 00-${TRACE}-00`, 'tracestate: a=1'),
  headOf('traceparent: nonsense', 'tracestate: a=1'),
];
const edits = [true, false].map((trusted) =>
  compileRequestEdits(
    { set: [], add: [], remove: [] },
    { trusted, proxyAuth: false, dropUnderscores: true, keepHost: true, told: [] },
  ),
);
const mark = { traceStart: 0 };
const randomBytes = new RandomBytes();
// Of a client's side only this is looked at.
const sides = [{ trusted: true }, { trusted: false }] as unknown as ClientSide[];

t.test('the fields of a request that is not traced', async (t) => {
  const out = new ByteWriter();
  let bytes = 0;
  const perCall = bytesPerCall((i) => {
    out.reset();
    layTrace(out, heads[i % 3]!.fields, i % 2 === 0, edits[i % 2]!, randomBytes, mark, null);
    bytes += out.length;
  });
  t.ok(bytes > 0);
  t.ok(perCall < NOISE_BYTES, `${perCall} bytes`);
});

const tracer = (sample: number): Tracer =>
  new Tracer({
    options: { sample, parentBased: true },
    clock: new HandClock(),
    random: new SeededRandom(1),
    randomBytes,
  });

t.test('the choice of a request that is not sampled', async (t) => {
  const rare = tracer(0.000001);
  let sampled = 0;
  const perCall = bytesPerCall((i) => {
    if (rare.begin(heads[i % 3]!, sides[i % 2]!, 1) !== null) sampled++;
  });
  t.ok(sampled < 5, `${sampled} of more than a hundred thousand`);
  t.ok(perCall < NOISE_BYTES, `${perCall} bytes`);
});

t.test('but a trace does allocate, so that the measure is one', async (t) => {
  const every = tracer(1);
  // Held, so that a collection in the middle does not take them away.
  const kept: unknown[] = [];
  const perCall = bytesPerCall((i) => {
    const trace = every.begin(heads[0]!, sides[i % 2]!, 1);
    if (i % 4 === 0) kept.push(trace);
  });
  t.ok(perCall > 100, `${perCall} bytes`);
  t.ok(kept.length > 0);
});
