// What a store may hold that is not read here, such as what a client library has packed: that says nothing of the session, for or against.
import { readdirSync, readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import t from 'tap';
import type { FormatName } from '../../src/session/kinds.ts';
import { FORMAT_KINDS } from '../../src/session/kinds.ts';
import type { StoredCell, StoredValue } from '../../src/session/store.ts';
import { judgeCase, type OwnFile, storesOf } from '../vectors/own-form.ts';

/** Where the framework itself takes such a value for no session, and nobody is logged in: so it is judged here too. */
const NO_SESSION: Readonly<Record<string, string>> = {
  'aspnetcore-session.json': 'of another version, and begins a new one (DistributedSession.cs, Deserialize)',
  'django-db.json': 'not signed (backends/base.py, decode)',
  'django-db-pickle.json': 'not signed',
  'django-cacheddb.json': 'not signed',
  'django-file.json': 'not signed',
  'flask-session-redis.json': 'no pickle (flask_session/sessions.py of 0.3)',
  'flask-session-redis-signed.json': 'no pickle',
};

/** Cells that hold a session are longer than ids and times. */
const SHORT = 24;

const scrambled = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, i) => byte ^ (0xa5 + i * 7)));

const starting =
  (hex: string) =>
  (bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from(hex, 'hex'), scrambled(bytes)]);

/** By what it is; the content behind a head is never right, so that nothing could read it by chance. */
const FOREIGN: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'an LZ4 frame': starting('04224d186440a7'),
  xz: starting('fd377a585a000004'),
  'LZMA alone': starting('5d00008000'),
  bzip2: starting('425a6839314159265359'),
  Snappy: starting('ff060000734e61507059'),
  'Zstandard that is none': starting('28b52ffd2400'),
  'zlib that is none': starting('789c'),
  'gzip that is none': starting('1f8b08000000000000ff'),
  Brotli: (bytes) => brotliCompressSync(scrambled(bytes)),
  'ActiveSupport’s MessagePack': starting('cc8001'),
  'Java’s streams cut off': () => Buffer.from('aced000573', 'hex'),
  CBOR: starting('d9d9f7a1'),
  'encrypted by somebody': scrambled,
};

const folder = new URL('../vectors/frameworks/', import.meta.url);
for (const name of readdirSync(folder).sort()) {
  const file = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as OwnFile;
  if (FORMAT_KINDS[file.verify as FormatName].stores.length === 0) continue;
  const genuine = file.cases.filter(({ verdict, answers }) => verdict === 'valid' && answers.length > 0);
  if (genuine.length === 0) continue;

  t.test(name, async (t) => {
    for (const [what, pack] of Object.entries(FOREIGN)) {
      const packed = (value: StoredValue): StoredValue => ({
        ...value,
        bytes: pack(Buffer.from(value.bytes)),
        cells: new Map(
          Array.from(value.cells, ([column, cell]): [string, StoredCell] => [
            column,
            column === 'session_key' ? cell : packedCell(cell, pack),
          ]),
        ),
      });
      const finding = await judgeCase(genuine[0]!, genuine[0]!.request, storesOf(genuine[0]!, packed));
      const wanted = name in NO_SESSION ? ['unknown', 'invalid', 'anonymous'] : ['unknown'];
      t.ok(wanted.includes(finding.verdict), `${what}: ${finding.verdict}, ${finding.reason}`);
    }
  });
}

function packedCell(cell: StoredCell, pack: (bytes: Buffer) => Buffer): StoredCell {
  if (cell instanceof Uint8Array) return pack(Buffer.from(cell));
  if (typeof cell !== 'string' || cell.length < SHORT) return cell;
  return pack(Buffer.from(cell, 'latin1')).toString('latin1');
}
