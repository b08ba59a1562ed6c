// Checks the certificate of the admin side, so that a bad one is told by its line and not by a server that does not start.
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { AdminTls } from './config.ts';
import { blame, type Draft, warn } from './draft.ts';

/** Null: plain HTTP, or it is blamed. */
export function resolveAdminTls(draft: Draft): AdminTls | null {
  const { admin } = draft.read;
  if (admin === false || admin.tls === undefined) return null;
  const { cert, key, ca = null } = admin.tls;
  if (cert === undefined || key === undefined) {
    const unread = ['cert', 'key'].some((name) => draft.places.isUnread(`admin.tls.${name}`));
    if (!unread)
      blame(draft, 'admin.tls', 'a certificate goes with its key', 'cert: tls/admin.pem, key: tls/admin.key');
    return null;
  }
  const whyOf = (given: object): string | null => {
    try {
      createSecureContext(given);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message.replace(/^.*:/, '').trim() : 'unknown reason';
    }
  };
  const why = whyOf({ cert, key });
  if (why !== null) {
    blame(
      draft,
      'admin.tls',
      `OpenSSL does not take this certificate with this key: ${why}`,
      'the pair, in PEM',
    );
    return null;
  }
  if (ca !== null && whyOf({ ca }) !== null)
    blame(draft, 'admin.tls.ca', 'this file holds no authority that OpenSSL can read', 'certificates in PEM');
  if (new X509Certificate(cert).validToDate.getTime() < Date.now())
    warn(draft, 'admin.tls.cert', 'this certificate has run out', 'a new one');
  return { cert, key, ca };
}
