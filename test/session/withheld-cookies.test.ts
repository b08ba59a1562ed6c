// Cookies that are kept from an app are told apart in bytes just as in texts, however they are written.
import t from 'tap';
import { ByteWriter, latin1Bytes, latin1Text } from '../../src/base/byte-writer.ts';
import { CarriedCookies } from '../../src/session/carried-cookies.ts';
import { WithheldCookies } from '../../src/session/withheld-cookies.ts';
import { CookieCursor, copyWithout } from '../../src/wire/cookies.ts';
import { bytesPerCall, NOISE_BYTES } from '../alloc/bytes-per-call.ts';

const NAMES = ['connect.sid', 'connect.sid.sig', 'remember_*'];
const withheld = new WithheldCookies(NAMES);
const cursor = new CookieCursor();
const out = new ByteWriter();
const NO_NAMES: readonly Uint8Array[] = [];

function left(header: string): string {
  const bytes = latin1Bytes(header);
  out.reset();
  copyWithout(out, bytes, 0, bytes.length, NO_NAMES, cursor, false, withheld);
  return latin1Text(out.bytes, 0, out.length);
}

for (const [header, expected] of [
  ['a=1; connect.sid=x; b=2', 'a=1; b=2'],
  ['connect.sid=x; connect.sid.sig=y', ''],
  ['Connect_SID=x; a=1', 'a=1'],
  ['connect.side=x; connect.si=y; xconnect.sid=z', 'connect.side=x; connect.si=y; xconnect.sid=z'],
  ['remember_web_59ba=x; remember=y; REMEMBER_=z', 'remember=y'],
  ['connect%2Esid=x; a=1', 'a=1'],
  ['"connect.sid"=x; a=1', 'a=1'],
  ['a=1, connect.sid=x; b=2', 'b=2'],
  ['a=1,2; b=2', 'a=1,2; b=2'],
  ['connect.sid; =connect.sid; a=1', '=connect.sid; a=1'],
  ['a="%2C[]"; b[x]=1', 'a="%2C[]"; b[x]=1'],
] as const) {
  t.test(`${header} leaves ${expected === '' ? 'nothing' : expected}`, async (t) => {
    t.equal(left(header), expected);
    t.equal(new CarriedCookies(NAMES).without(header), expected, 'and the text says the same');
  });
}

t.test('what is written plainly costs no memory', async (t) => {
  const bytes = latin1Bytes('theme=dark; connect.sid=s%3Aabc.def; lang=de');
  const used = bytesPerCall(() => {
    out.reset();
    copyWithout(out, bytes, 0, bytes.length, NO_NAMES, cursor, false, withheld);
  });
  t.ok(used < NOISE_BYTES, `${used} bytes`);
});
