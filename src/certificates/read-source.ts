// Reads the certificates of a source: a pair of files, or a folder of pairs under any of the names that tools give them.
import { join } from 'node:path';
import { type Certificate, type CertificateProblem, readCertificate } from './certificate.ts';
import type { CertificateSource } from './options.ts';

/** The files of certificates, however they are reached. Both throw what `fs` throws. */
export interface CertificateFiles {
  read(path: string): string;
  /** Names in a folder; a folder's own ends with `/`. */
  list(path: string): readonly string[];
}

/** What is wrong, with the file that it is about. */
export interface SourceProblem extends CertificateProblem {
  readonly file: string;
}

export interface SourceReading {
  readonly certificates: readonly Certificate[];
  readonly problems: readonly SourceProblem[];
  /** Files that were read, and folders that were looked into: what a change would be seen at. */
  readonly looked: readonly string[];
}

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A folder with more is a mistake. */
const FOLDER_PAIRS_MAX = 1000;
const CERT_ENDS = ['.crt', '.cer', '.pem'];

/** Reads all there is. `explain` says why a file could not be read. */
export function readSource(
  source: CertificateSource,
  files: CertificateFiles,
  nowMs: number,
  explain: (error: unknown) => string,
): SourceReading {
  const problems: SourceProblem[] = [];
  const looked: string[] = [];
  const fail = (at: 'cert' | 'key', file: string, message: string, hint: string): void => {
    problems.push({ severity: 'error', at, file, message, hint });
  };
  const read = (at: 'cert' | 'key', path: string): string | null => {
    looked.push(path);
    try {
      return files.read(path);
    } catch (error) {
      fail(
        at,
        path,
        `${JSON.stringify(path)} ${explain(error)}`,
        'a PEM file that Limpet may read, relative to the config',
      );
      return null;
    }
  };
  const pairs = source.kind === 'files' ? [source] : pairsOf(source.folder, files, looked, explain, fail);
  const passphrase = source.kind === 'files' ? source.passphrase : null;
  const certificates: Certificate[] = [];
  for (const { cert, key } of pairs) {
    const certPem = read('cert', cert);
    const keyPem = cert === key ? certPem : read('key', key);
    if (certPem === null || keyPem === null) continue;
    const reading = readCertificate(certPem, keyPem, passphrase, nowMs);
    for (const problem of reading.problems)
      problems.push({ ...problem, file: problem.at === 'key' ? key : cert });
    if (reading.certificate !== null) certificates.push(reading.certificate);
  }
  return { certificates, problems, looked };
}

/** `NAME.crt` or `NAME.pem` with `NAME.key`, `NAME.pem` with both in it, `fullchain.pem` with `privkey.pem`; in the folder and in those right in it. */
function pairsOf(
  folder: string,
  files: CertificateFiles,
  looked: string[],
  explain: (error: unknown) => string,
  fail: (at: 'cert' | 'key', file: string, message: string, hint: string) => void,
): Pair[] {
  const pairs: Pair[] = [];
  const look = (path: string, deeper: boolean): void => {
    looked.push(path);
    let names: readonly string[];
    try {
      // Kubernetes keeps what it swaps under names with two dots.
      names = [...files.list(path)].filter((name) => !name.startsWith('.')).sort();
    } catch (error) {
      fail('cert', path, `${JSON.stringify(path)} ${explain(error)}`, 'a folder with NAME.crt and NAME.key');
      return;
    }
    const found = pairsIn(path, names);
    pairs.push(...found);
    if (!deeper) return;
    for (const name of names) if (name.endsWith('/')) look(join(path, name.slice(0, -1)), false);
  };
  look(folder, true);
  if (pairs.length > FOLDER_PAIRS_MAX)
    fail(
      'cert',
      folder,
      `this folder holds more than ${FOLDER_PAIRS_MAX} certificates`,
      'several listeners, or fewer names',
    );
  else if (pairs.length === 0)
    fail(
      'cert',
      folder,
      `${JSON.stringify(folder)} holds no certificate with its key`,
      'NAME.crt and NAME.key, or NAME.pem with both',
    );
  return pairs.slice(0, FOLDER_PAIRS_MAX);
}

function pairsIn(path: string, names: readonly string[]): Pair[] {
  const has = new Set(names);
  const pairs: Pair[] = [];
  if (has.has('fullchain.pem') && has.has('privkey.pem'))
    return [{ cert: join(path, 'fullchain.pem'), key: join(path, 'privkey.pem') }];
  for (const name of names) {
    const end = CERT_ENDS.find((one) => name.endsWith(one));
    if (end === undefined) continue;
    const key = `${name.slice(0, -end.length)}.key`;
    if (has.has(key)) pairs.push({ cert: join(path, name), key: join(path, key) });
    else if (end === '.pem') pairs.push({ cert: join(path, name), key: join(path, name) });
  }
  return pairs;
}
