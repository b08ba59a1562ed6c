// The table of known fields: every name is found in any case, and no other one is.
import t from 'tap';
import {
  FIELD,
  FIELD_COUNT,
  FIELD_FLAGS,
  FIELD_NAMES,
  FORWARDING,
  fieldId,
  HOP,
  NO_TRAILER,
  PROTECTED,
} from '../../src/wire/fields.ts';
import { bytesOf } from './every-cut.ts';

const idOf = (name: string): number => fieldId(bytesOf(name), 0, name.length);

t.test('every known name is found in any case, in the middle of other bytes', async (t) => {
  t.equal(Object.values(FIELD).length, FIELD_COUNT);
  t.equal(new Set(Object.values(FIELD)).size, FIELD_COUNT, 'no number is given twice');
  for (let id = 1; id < FIELD_COUNT; id++) {
    const name = Buffer.from(FIELD_NAMES[id]!).toString();
    if (name === '') continue;
    for (const spelled of [name, name.toUpperCase(), name[0]!.toUpperCase() + name.slice(1)]) {
      t.equal(idOf(spelled), id, spelled);
      t.equal(fieldId(bytesOf(`x${spelled}: y`), 1, 1 + spelled.length), id);
    }
  }
});

t.test('names on the wire', async (t) => {
  t.equal(idOf('Host'), FIELD.host);
  t.equal(idOf('Content-Length'), FIELD.contentLength);
  t.equal(idOf('X-Forwarded-For'), FIELD.xForwardedFor);
  t.equal(idOf('X-Real-IP'), FIELD.xRealIp);
  t.equal(idOf('TE'), FIELD.te);
  t.equal(idOf('HTTP2-Settings'), FIELD.http2Settings);
});

t.test('a name that differs in one letter, or by an underscore, is not known', async (t) => {
  for (let id = 1; id < FIELD_COUNT; id++) {
    const name = Buffer.from(FIELD_NAMES[id]!).toString();
    for (let i = 0; i < name.length; i++) {
      const other = `${name.slice(0, i)}${name[i] === '-' ? '_' : '#'}${name.slice(i + 1)}`;
      t.ok(
        [FIELD.other, FIELD.xForwarded].some((known) => known === idOf(other)),
        other,
      );
    }
    if (name !== '') {
      t.not(idOf(`${name}s`), id);
      t.not(idOf(name.slice(1)), id);
      // CR | 0x20 is `-`: a comparison that folds by that bit alone would take one for the other.
      if (name.includes('-')) t.not(idOf(name.replaceAll('-', '\r')), id);
    }
  }
});

t.test('names that begin with limpet- and x-forwarded- are families', async (t) => {
  for (const name of ['Limpet-User', 'limpet-', 'LIMPET-SESSION', `limpet-${'x'.repeat(80)}`])
    t.equal(idOf(name), FIELD.limpet);
  for (const name of ['Limpet', 'Limpet_User', 'XLimpet-User', 'l', ''])
    t.equal(idOf(name), FIELD.other, name);
  for (const name of ['X-Forwarded-Ssl', 'x-forwarded-', 'X-Forwarded-Server'])
    t.equal(idOf(name), FIELD.xForwarded);
  t.equal(idOf('X-Forwarded'), FIELD.other);
});

t.test('H1, H2, H4, F8: what may be done with a field', async (t) => {
  const has = (id: number, bit: number): boolean => (FIELD_FLAGS[id]! & bit) !== 0;
  for (const id of [
    FIELD.connection,
    FIELD.keepAlive,
    FIELD.te,
    FIELD.transferEncoding,
    FIELD.upgrade,
    FIELD.proxyConnection,
  ]) {
    t.ok(has(id, HOP));
  }
  for (const id of [FIELD.host, FIELD.cookie, FIELD.contentType, FIELD.setCookie, FIELD.limpet])
    t.notOk(has(id, HOP));
  const relied = [FIELD.host, FIELD.contentLength, FIELD.transferEncoding, FIELD.cookie, FIELD.authorization];
  for (const id of [
    ...relied,
    FIELD.contentType,
    FIELD.xForwardedFor,
    FIELD.xForwarded,
    FIELD.forwarded,
    FIELD.limpet,
  ]) {
    t.ok(has(id, PROTECTED));
    t.ok(has(id, NO_TRAILER));
  }
  for (const id of [
    FIELD.xForwardedFor,
    FIELD.xRealIp,
    FIELD.xRequestId,
    FIELD.traceparent,
    FIELD.forwarded,
  ]) {
    t.ok(has(id, FORWARDING));
  }
  t.equal(FIELD_FLAGS[FIELD.other], 0);
});
