// Keeps web pages away from the admin API: a page of another site runs on the operator's machine and can reach loopback.
import { isIP } from 'node:net';

/**
 * Whether a `Host` field can be meant for us when no token stands guard. A page of evil.example whose name is re-pointed to
 * 127.0.0.1 (DNS rebinding) sends `Host: evil.example`, so only what needs no DNS is taken: an IP literal, `localhost`, or
 * the name that we were told to bind.
 */
export function isOwnHost(host: string | undefined, boundName: string | null): boolean {
  const name = hostName(host);
  if (name === null) return false;
  const bare = name.startsWith('[') ? name.slice(1, -1) : name;
  return isIP(bare) !== 0 || name === 'localhost' || name === boundName?.toLowerCase();
}

/** Whether `Origin` says that a page of another site sent this (RFC 6454 section 7): no origin, or our own, is fine. */
export function isForeignOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  return new URL(origin).host === '' || new URL(origin).host !== host?.toLowerCase();
}

/**
 * Whether a browser says that a page of another site asks for this (Fetch Metadata, `Sec-Fetch-Site`): also where no `Origin` is sent, as with
 * pictures, scripts and links. Other programs don't send it.
 */
export function isForeignFetch(site: string | string[] | undefined): boolean {
  return site === 'cross-site' || site === 'same-site';
}

/** Whether a person goes to the dashboard by a link of another page: a whole window for it, which that page cannot read. */
export function isVisit(method: string, url: string, fields: Readonly<Record<string, unknown>>): boolean {
  const toPage = method === 'GET' && (url === '/' || url.startsWith('/?'));
  return toPage && fields['sec-fetch-mode'] === 'navigate' && fields['sec-fetch-dest'] === 'document';
}

function hostName(host: string | undefined): string | null {
  if (host === undefined || /[/?#@\\]/.test(host) || !URL.canParse(`http://${host}/`)) return null;
  return new URL(`http://${host}/`).hostname;
}
