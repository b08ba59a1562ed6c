// What becomes of `traceparent` and `tracestate` where nothing is traced: kept from trusted clients where it is sound, else begun anew.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp } from '../kit/named-app.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const GOOD = `00-${TRACE}-${PARENT}-01`;
const FRESH = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00$/;

const app = await startNamedApp('a', t);
const config = { upstreams: [app.url], health: calm };
const stranger = await startLimpet(config);
const trusted = await startLimpet({ ...config, trustedProxies: ['127.0.0.1'] });

/** What the app was told, every line of it. */
async function told(port: number, headers: Record<string, string | string[]>) {
  await askPath(port, '/', headers);
  const { rawHeaders } = app.seen.at(-1)!;
  const of = (name: string): string[] =>
    rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name);
  return { traceparent: of('traceparent'), tracestate: of('tracestate') };
}

t.test('a trusted client’s trace goes on as it came, with its state', async (t) => {
  const seen = await told(trusted.port, { traceparent: GOOD, tracestate: 'vendor=opaque,other=1' });
  t.same(seen, { traceparent: [GOOD], tracestate: ['vendor=opaque,other=1'] });
  const later = `01-${TRACE}-${PARENT}-01-more`;
  t.same((await told(trusted.port, { traceparent: later })).traceparent, [later], 'of a later version, too');
  const lines = await told(trusted.port, { traceparent: GOOD, tracestate: ['a=1', 'b=2'] });
  t.same(lines.tracestate.join(','), 'a=1,b=2', 'the state may be of several lines');
});

t.test('a trusted client’s trace that is none is begun anew, and its state dropped', async (t) => {
  const wrong: [string, string | string[]][] = [
    ['nonsense', 'nonsense'],
    ['version ff', `ff-${TRACE}-${PARENT}-01`],
    ['more than version 00 has', `${GOOD}-more`],
    ['upper case', GOOD.toUpperCase()],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['two lines', [GOOD, GOOD]],
    ['a list', `${GOOD}, ${GOOD}`],
  ];
  for (const [what, traceparent] of wrong) {
    const seen = await told(trusted.port, { traceparent, tracestate: 'a=1' });
    t.equal(seen.traceparent.length, 1, what);
    t.match(seen.traceparent[0], FRESH, what);
    t.notMatch(seen.traceparent[0], TRACE, what);
    t.same(seen.tracestate, [], what);
  }
  t.same((await told(trusted.port, { tracestate: 'a=1' })).tracestate, [], 'a state without a trace');
});

t.test('a stranger’s trace is none of ours', async (t) => {
  const first = await told(stranger.port, { traceparent: GOOD, tracestate: 'a=1' });
  t.match(first.traceparent, [FRESH]);
  t.notMatch(first.traceparent[0], TRACE);
  t.same(first.tracestate, []);
  const second = await told(stranger.port, {});
  t.match(second.traceparent, [FRESH]);
  t.not(second.traceparent[0], first.traceparent[0], 'each request has its own');
});
