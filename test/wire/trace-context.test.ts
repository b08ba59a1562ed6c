// Which `traceparent` is one: the shapes that W3C Trace Context, level 2, section 3.2 names, and every way to miss them.
import t from 'tap';
import { HeadFields } from '../../src/wire/head-fields.ts';
import { REQUEST_REFUSAL } from '../../src/wire/refusals.ts';
import { isTraceparent, traceFlags, traceparentAt } from '../../src/wire/trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const GOOD = `00-${TRACE}-${PARENT}-01`;
const judged = (text: string): boolean => {
  const bytes = Buffer.from(`>${text}<`, 'latin1');
  return isTraceparent(bytes, 1, bytes.length - 1);
};

t.test('a value as the standard has it is one', async (t) => {
  for (const value of [
    GOOD,
    `00-${TRACE}-${PARENT}-00`,
    `00-${TRACE}-${PARENT}-03`,
    `00-${TRACE}-${PARENT}-ff`,
    `00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-01`,
    `cc-${TRACE}-${PARENT}-01`,
    `01-${TRACE}-${PARENT}-01-what-the-future-will-be-like`,
    `01-${TRACE}-${PARENT}-01-`,
  ])
    t.ok(judged(value), value);
});

t.test('what is malformed is none', async (t) => {
  for (const value of [
    '',
    '00',
    GOOD.slice(0, -1),
    `${GOOD}0`,
    `${GOOD}-`,
    `${GOOD}-extra`,
    `${GOOD},${GOOD}`,
    ` ${GOOD}`.slice(0, 55),
    `ff-${TRACE}-${PARENT}-01`,
    `ff-${TRACE}-${PARENT}-01-extra`,
    `FF-${TRACE}-${PARENT}-01`,
    `0-${TRACE}-${PARENT}-001`,
    `000-${TRACE}-${PARENT}-1`,
    `.0-${TRACE}-${PARENT}-01`,
    `0.-${TRACE}-${PARENT}-01`,
    `0X-${TRACE}-${PARENT}-01`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${TRACE}-${PARENT.toUpperCase()}-01`,
    `00-${TRACE}-${PARENT}-0A`,
    `00-${TRACE}-${PARENT}-A0`,
    `00-${TRACE}-${PARENT}-.0`,
    `00-${TRACE}-${PARENT}-0.`,
    `00-${TRACE}-${PARENT}-1`,
    `00-${TRACE.slice(1)}-${PARENT}-001`,
    `00-${TRACE}${PARENT}--01`,
    `00-${TRACE.slice(1)}.-${PARENT}-01`,
    `00-${TRACE}-.${PARENT.slice(1)}-01`,
    `00_${TRACE}_${PARENT}_01`,
    `00_${TRACE}-${PARENT}-01`,
    `00-${TRACE}_${PARENT}-01`,
    `00-${TRACE}-${PARENT}_01`,
    `01-${TRACE}-${PARENT}-01.extra`,
    `01-${TRACE}-${PARENT}-01extra`,
    `é0-${TRACE}-${PARENT}-01`,
  ])
    t.notOk(judged(value), value);
});

t.test('no single byte of a good value can be replaced by what does not belong there', async (t) => {
  const taken: string[] = [];
  for (let at = 0; at < GOOD.length; at++) {
    const without = GOOD.slice(0, at) + GOOD.slice(at + 1);
    for (const wrong of ['g', 'A', '/', ':', '`', '\x00', '\xff', ''])
      taken.push(...[GOOD.slice(0, at) + wrong + GOOD.slice(at + 1), without].filter(judged));
  }
  t.same(taken, []);
});

t.test('flags are read', async (t) => {
  for (const [text, flags] of [
    ['00', 0],
    ['01', 1],
    ['03', 3],
    ['ff', 255],
  ] as const)
    t.equal(traceFlags(Buffer.from(`00-${TRACE}-${PARENT}-${text}`), 0), flags);
});

t.test('of a head it is the one that is there alone', async (t) => {
  const fields = new HeadFields(20, REQUEST_REFUSAL);
  const at = (...lines: string[]): number => {
    const bytes = Buffer.from(`${['Host: a', ...lines].join('\r\n')}\r\n\r\n`);
    fields.read(bytes, 0, bytes.length, 4096);
    return traceparentAt(fields);
  };
  t.equal(at(), -1, 'none');
  t.equal(at(`TraceParent:   ${GOOD}  `), 1, 'names know no case, and space around a value is none of it');
  t.equal(at('Accept: a', `traceparent: ${GOOD}`, `tracestate: a=${GOOD}`), 2);
  t.equal(at(`traceparent: ${GOOD}`, `traceparent: ${GOOD}`), -1, 'twice');
  t.equal(at('traceparent:', `traceparent: ${GOOD}`), -1, 'twice, once empty');
  t.equal(at('traceparent:'), -1, 'empty');
  t.equal(at(`trace-parent: ${GOOD}`), -1, 'another name');
});
