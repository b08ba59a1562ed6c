// Certificates for tests, made with openssl when they are wanted, good for days: nothing of the kind is kept in the repository.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface PairOptions {
  /** DNS names; none: no subjectAltName. */
  readonly names?: readonly string[];
  /** As openssl takes it: `/O=Example/CN=alice`. Default: the first name. */
  readonly subject?: string;
  readonly keyType?: 'ec' | 'rsa';
  /** Who signs; default: itself. */
  readonly issuer?: Pair;
  /** From now on; negative: it has ended already. */
  readonly days?: number;
  /** It may sign others. */
  readonly authority?: boolean;
}

/** Makes one; `issuer` or itself signs. An EC pair takes some 20 ms. */
export function makePair(options: PairOptions = {}): Pair {
  const { names = [], keyType = 'ec', issuer, days = 30, authority = false } = options;
  const subject = options.subject ?? `/CN=${names[0] ?? 'test'}`;
  const folder = mkdtempSync(join(tmpdir(), 'limpet-pair-'));
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  try {
    const kind = keyType === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'] : ['rsa:2048'];
    openssl(
      'req',
      '-new',
      '-newkey',
      ...kind,
      '-nodes',
      '-subj',
      subject,
      '-utf8',
      '-keyout',
      'key',
      '-out',
      'csr',
    );
    const extensions = [
      ...(names.length === 0 ? [] : [`subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`]),
      ...(authority ? ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'] : []),
    ];
    writeFileSync(join(folder, 'extensions'), `${extensions.join('\n')}\n`);
    const signer = ['-CA', 'ca', '-CAkey', 'caKey', '-CAcreateserial'];
    if (issuer !== undefined) {
      writeFileSync(join(folder, 'ca'), issuer.cert);
      writeFileSync(join(folder, 'caKey'), issuer.key);
    }
    const sign = [
      'x509',
      '-req',
      '-in',
      'csr',
      '-extfile',
      'extensions',
      '-days',
      String(days),
      '-out',
      'cert',
    ];
    openssl(...sign, ...(issuer === undefined ? ['-signkey', 'key'] : signer));
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    return { cert: read('cert'), key: read('key') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
