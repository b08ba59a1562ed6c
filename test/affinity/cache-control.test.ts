// An answer that sets the cookie is never publicly cacheable.
import t from 'tap';
import { PRIVATE_LINE, writePrivateCacheControl } from '../../src/affinity/cache-control.ts';
import { ByteWriter } from '../../src/base/byte-writer.ts';

/** All that an answer with these Cache-Control fields says after the rewrite. */
function rewrite(...fields: string[]): string {
  const out = new ByteWriter();
  let keepsAway = false;
  for (const field of fields) {
    const bytes = Buffer.from(`x${field}y`, 'latin1');
    if (writePrivateCacheControl(out, bytes, 1, bytes.length - 1)) keepsAway = true;
  }
  if (!keepsAway) out.block(PRIVATE_LINE);
  return Buffer.from(out.view()).toString('latin1');
}

const P = 'Cache-Control: private\r\n';

const CASES: readonly (readonly [string[], string])[] = [
  [[], P],
  [[''], P],
  [['public, max-age=60'], `Cache-Control: max-age=60\r\n${P}`],
  [['max-age=60,public , S-MaxAge = 9'], `Cache-Control: max-age=60\r\n${P}`],
  [['PUBLIC'], P],
  [['private, max-age=60'], 'Cache-Control: private, max-age=60\r\n'],
  [['Private'], 'Cache-Control: Private\r\n'],
  [['no-store'], 'Cache-Control: no-store\r\n'],
  [['no-cache'], `Cache-Control: no-cache\r\n${P}`],
  [['public, private'], P],
  [['private="set-cookie, x-a", public'], `Cache-Control: private="set-cookie, x-a"\r\n${P}`],
  [['x="a, public, \\", s-maxage=1", s-maxage=2'], `Cache-Control: x="a, public, \\", s-maxage=1"\r\n${P}`],
  [['publicity, s-maxages=1'], `Cache-Control: publicity, s-maxages=1\r\n${P}`],
  [['max-age=1', 'no-store'], 'Cache-Control: max-age=1\r\nCache-Control: no-store\r\n'],
  [['public', 's-maxage=5'], P],
  [[' ,, ,'], P],
  [['x="open, public'], `Cache-Control: x="open, public\r\n${P}`],
];

for (const [fields, expected] of CASES) {
  t.test(`${JSON.stringify(fields)} keeps shared caches away`, async (t) => {
    t.equal(rewrite(...fields), expected);
  });
}
