// The table of refusals is closed: codes are unique, stable in form, and answered as the HTTP rules say.
import t from 'tap';
import { ALL_REFUSALS, REQUEST_REFUSAL, RESPONSE_REFUSAL } from '../../src/wire/refusals.ts';

t.test('every refusal has a code of its own and one sentence', async (t) => {
  t.equal(new Set(ALL_REFUSALS.map((fault) => fault.code)).size, ALL_REFUSALS.length);
  for (const fault of ALL_REFUSALS) {
    t.match(fault.code, /^(request|response)(\.[a-z]+(-[a-z]+)*){1,2}$/);
    t.match(fault.text, /^[A-Z][^\n]*\.$/, fault.code);
    t.equal(fault.retry, 'never');
  }
});

t.test('what a client sent is answered 4xx or 501, 505; a bad answer is 502', async (t) => {
  for (const fault of Object.values(REQUEST_REFUSAL)) {
    t.equal(fault.side, 'client');
    t.ok([400, 405, 414, 417, 431, 501, 505].includes(fault.status), fault.code);
  }
  for (const fault of Object.values(RESPONSE_REFUSAL))
    t.strictSame([fault.side, fault.status], ['upstream', 502]);
  t.equal(REQUEST_REFUSAL.methodTrace.status, 405);
  t.equal(REQUEST_REFUSAL.lineTooLong.status, 414);
  t.equal(REQUEST_REFUSAL.expect.status, 417);
  t.equal(REQUEST_REFUSAL.headFields.status, 431);
  t.equal(REQUEST_REFUSAL.framingCoding.status, 501);
  t.equal(REQUEST_REFUSAL.version.status, 505);
});
