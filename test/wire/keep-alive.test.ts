// What a server says of its idle connections is understood, and what it does not say is not made up.
import t from 'tap';
import { latin1Bytes } from '../../src/base/byte-writer.ts';
import { HeadFields } from '../../src/wire/head-fields.ts';
import { keptForMs } from '../../src/wire/keep-alive.ts';
import { RESPONSE_REFUSAL } from '../../src/wire/refusals.ts';

function kept(...lines: string[]): number {
  const fields = new HeadFields(10, RESPONSE_REFUSAL);
  const bytes = latin1Bytes(`${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
  fields.read(bytes, 0, bytes.length, 10_000);
  return keptForMs(fields);
}

t.test('a second less than the server says, or half of it', async (t) => {
  t.equal(kept('Keep-Alive: timeout=5'), 4000, 'as Node sends it');
  t.equal(kept('keep-alive: max=100, Timeout=65'), 64_000);
  t.equal(kept('Keep-Alive: timeout=2, max=7'), 1000);
  t.equal(kept('Keep-Alive: timeout=1'), 500);
  t.equal(kept('Keep-Alive: timeout=0'), 0);
});

t.test('nothing that is understood bounds nothing', async (t) => {
  for (const lines of [
    [],
    ['X: timeout=5'],
    ['Keep-Alive: '],
    ['Keep-Alive: max=5'],
    ['Keep-Alive: timeout='],
    ['Keep-Alive: timeout=x'],
    ['Keep-Alive: timeout=1234567'],
    ['Keep-Alive: timeout'],
  ])
    t.equal(kept(...lines), Number.POSITIVE_INFINITY, lines.join());
});
