// What holds of .NET's tickets and sessions: claims by their names, values by their keys, and every bound.
import t from 'tap';
import { lookAt } from '../../../src/session/data.ts';
import { DecodeError } from '../../../src/session/decode/decode-error.ts';
import { decodeNetSession, decodeNetTicket } from '../../../src/session/decode/net-ticket.ts';
import { NAME_ID, netSession, netText, ticket } from '../formats/aspnet-kit.ts';
import { refusedOfMutations, takenWhenCut } from './fuzz-kit.ts';

const GOOD = ticket({ [NAME_ID]: '42', '\0': 'Ann', role: 'é'.repeat(200) }, { '.expires': 'x' }, 'actor');

t.test('claims are found by their type and by its last word, properties by their names', (t) => {
  const value = decodeNetTicket(GOOD);
  t.equal(lookAt(value, ['claims', NAME_ID]), '42');
  t.equal(lookAt(value, ['claims', 'nameidentifier']), '42');
  t.equal(lookAt(value, ['claims', 'name']), 'Ann');
  t.equal(lookAt(value, ['claims', 'role']), 'é'.repeat(200));
  t.equal(lookAt(value, ['properties', '.expires']), 'x');
  t.equal(lookAt(value, ['scheme']), 'Cookies');
  t.equal(lookAt(value, ['claims', 'constructor']), undefined);
  t.end();
});

t.test('who acts for a user is not the user', (t) => {
  t.equal(lookAt(decodeNetTicket(ticket({}, {}, 'actor')), ['claims', 'nameidentifier']), undefined);
  t.end();
});

t.test('values of a session are texts where they are UTF-8', (t) => {
  const value = decodeNetSession(netSession({ UserId: 'ann', n: Buffer.from([0xff, 0, 0, 1]) }));
  t.equal(lookAt(value, ['UserId']), 'ann');
  t.strictSame(Buffer.from(lookAt(value, ['n']) as Uint8Array), Buffer.from([0xff, 0, 0, 1]));
  t.strictSame(decodeNetSession(Buffer.from('another version')), new Map());
  t.end();
});

t.test('bounds hold: counts, lengths, actors of actors', (t) => {
  const refused = (bytes: Buffer): void => {
    t.throws(() => decodeNetTicket(bytes), DecodeError);
  };
  const i32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes;
  };
  const head = Buffer.concat([i32(5), netText('Cookies')]);
  const actor = Buffer.concat([...['', '', ''].map(netText), i32(0), Buffer.from([0, 1])]);
  refused(Buffer.concat([i32(4), netText('Cookies')]));
  refused(Buffer.concat([head, i32(-1)]));
  refused(Buffer.concat([head, i32(2 ** 31 - 1)]));
  refused(Buffer.concat([i32(5), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f])]));
  refused(Buffer.concat([i32(5), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 1])]));
  refused(Buffer.concat([head, i32(1), ...new Array<Buffer>(20).fill(actor)]));
  t.throws(() => decodeNetSession(Buffer.alloc(20, 2)), DecodeError);
  t.throws(() => decodeNetSession(Buffer.alloc(20, 0xff).fill(2, 0, 1)), DecodeError);
  t.end();
});

t.test('cut bytes and mutations throw DecodeError or decode', (t) => {
  const values = netSession({ UserId: 'ann', cart: 'x'.repeat(50) });
  t.strictSame(takenWhenCut(decodeNetTicket, GOOD), []);
  // Of nothing at all there is no version, so it is an empty session.
  t.strictSame(takenWhenCut(decodeNetSession, values), [0]);
  t.ok(refusedOfMutations(decodeNetTicket, GOOD, 10_000) > 0);
  t.ok(refusedOfMutations(decodeNetSession, values, 10_000) > 0);
  t.end();
});
