// The demo's second scene as its app sees it: logins in a signed cookie, good at every app, whose check stands at the edge.
import { createHmac, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** Name of the cookie, as the demo's config has it. */
export const MEMBER_COOKIE = 'member';
/** How often a live page is told that it is still open, ms. */
const BEAT_MS = 250;

/** `Set-Cookie` of a login: the user and a nonce in base64url JSON, and their HMAC. Two logins of one user are two sessions. */
export function memberCookie(user: string, secret: string): string {
  const session = { user, nonce: randomBytes(8).toString('hex') };
  const value = Buffer.from(JSON.stringify(session)).toString('base64url');
  const mac = createHmac('sha256', secret).update(value).digest('base64url');
  return `${MEMBER_COOKIE}=${value}.${mac}; Path=/members; HttpOnly; SameSite=Lax`;
}

export const NO_MEMBER_COOKIE = `${MEMBER_COOKIE}=; Path=/members; HttpOnly; SameSite=Lax; Max-Age=0`;

/** Answers with an open page: server-sent events, until somebody closes it. The app itself never does. */
export function sendLive(response: ServerResponse, app: string, colour: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  let beats = 0;
  const beat = (): void => {
    response.write(`data: ${JSON.stringify({ app, colour, beats: ++beats })}\n\n`);
  };
  beat();
  const timer = setInterval(beat, BEAT_MS);
  response.on('close', () => clearInterval(timer));
}
