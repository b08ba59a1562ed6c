// What an app is told of a client's certificate: field lines that nobody but Limpet can write.
import { X509Certificate } from 'node:crypto';
import type { ClientCertificate } from '../socket/tls-terms.ts';

/** A longer subject is not told: no directory has one, and heads have bounds. */
const SUBJECT_CHARACTERS_MAX = 2048;

/**
 * Lines for `certificate`; null: none was shown. `Limpet-Client-Verified` says whether it is good; of one that is not, the rest is only
 * what somebody claims. The subject is in the form of RFC 4514, bytes beyond ASCII as `\xx`; the fingerprint is SHA-256, hex.
 */
export function certificateLines(certificate: ClientCertificate | null): string {
  if (certificate === null) return 'Limpet-Client-Verified: no\r\n';
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(certificate.der);
  } catch {
    return 'Limpet-Client-Verified: no\r\n';
  }
  const subject = subjectOf(x509.subject);
  const fingerprint = x509.fingerprint256.replaceAll(':', '').toLowerCase();
  return [
    `Limpet-Client-Verified: ${certificate.verified ? 'yes' : 'no'}`,
    ...(subject === '' || subject.length > SUBJECT_CHARACTERS_MAX
      ? []
      : [`Limpet-Client-Subject: ${subject}`]),
    `Limpet-Client-Fingerprint: ${fingerprint}`,
    '',
  ].join('\r\n');
}

/** Node gives one attribute a line, in the certificate's order, each value escaped as RFC 2253 has it; the text form has the last first. */
function subjectOf(lines: string | undefined): string {
  const text = (lines ?? '').split('\n').reverse().join(',');
  let safe = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    safe +=
      byte >= 0x20 && byte < 0x7f
        ? String.fromCharCode(byte)
        : `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return safe.trim();
}
