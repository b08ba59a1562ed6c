// The classes of octets are those of the RFCs, counted and compared.
import t from 'tap';
import {
  CLASS,
  HEX,
  HEX_VALUE,
  isSameName,
  isWord,
  LOWER,
  TARGET,
  TCHAR,
  VALUE,
} from '../../src/wire/octets.ts';
import { bytesOf } from './every-cut.ts';

const members = (bit: number): string => {
  let text = '';
  for (let b = 0; b < 256; b++) if ((CLASS[b]! & bit) !== 0) text += String.fromCharCode(b);
  return text;
};

t.test('classes hold what the RFCs say', async (t) => {
  t.equal(members(TCHAR).length, 77, 'RFC 9110 5.6.2: 62 letters and digits and 15 others');
  t.notMatch(members(TCHAR), /[\s"(),/:;<=>?@[\\\]{}]/);
  t.equal(members(VALUE).length, 1 + 95 + 128, 'TAB, visible ASCII with SP, obs-text');
  t.equal(members(TARGET).length, 94 - 1, 'visible ASCII but #');
  t.equal(members(HEX), '0123456789ABCDEFabcdef');
  for (const digit of members(HEX)) t.equal(HEX_VALUE[digit.charCodeAt(0)], Number.parseInt(digit, 16));
  t.equal(HEX_VALUE.filter((value) => value === 255).length, 256 - 22);
});

t.test('letters alone are folded', async (t) => {
  for (let b = 0; b < 256; b++) {
    const letter = b >= 0x41 && b <= 0x5a;
    t.equal(LOWER[b], letter ? b + 32 : b);
  }
  t.ok(isWord(bytesOf('xCloSe'), 1, 6, bytesOf('close')));
  t.notOk(isWord(bytesOf('closed'), 0, 6, bytesOf('close')));
  t.ok(isSameName(bytesOf('X-a'), 0, 3, bytesOf(' x-A'), 1, 4));
  t.notOk(isSameName(bytesOf('X-a'), 0, 3, bytesOf('X_a'), 0, 3));
});
