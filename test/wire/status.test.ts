// Every status has a reason, those without one of their own that of their class.

import { STATUS_CODES } from 'node:http';
import t from 'tap';
import { reasonOf } from '../../src/wire/status.ts';

t.test('a reason for every status', async (t) => {
  t.equal(reasonOf(503), 'Service Unavailable');
  t.equal(reasonOf(413), 'Content Too Large');
  t.equal(reasonOf(299), 'Success');
  t.equal(reasonOf(599), 'Server Error');
  for (let status = 100; status < 600; status++) t.match(reasonOf(status), /^[A-Z][A-Za-z -]+$/);
});

t.test('reasons are those that Node knows, but for the names that RFC 9110 changed', async (t) => {
  const changed = new Set([413, 422, 418, 509]);
  for (const [code, reason] of Object.entries(STATUS_CODES)) {
    const ours = reasonOf(Number(code));
    if (changed.has(Number(code)) || ours === reasonOf(Math.floor(Number(code) / 100) * 100 + 99)) continue;
    t.equal(ours, reason, code);
  }
});
