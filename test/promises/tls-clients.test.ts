// Client certificates: who must show one, what the app is told of it, and that nobody can tell it of himself.
import t from 'tap';
import { makePair } from '../kit/certificates.ts';
import { startLimpet } from '../kit/limpet.ts';
import { startNamedApp } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { openTls } from '../kit/tls-client.ts';

const site = makePair({ names: ['site.test'] });
const ca = makePair({ subject: '/CN=Staff CA', authority: true });
const stranger = makePair({ subject: '/CN=Stranger CA', authority: true });
const alice = makePair({ subject: '/O=Ex\\, ample/CN=Älice', issuer: ca });
const mallory = makePair({ subject: '/CN=alice', issuer: stranger });
const expired = makePair({ subject: '/CN=old', issuer: ca, days: -1 });
const app = await startNamedApp('app', t);
app.answer = (request, response) => {
  response.end(JSON.stringify(request.headers));
};
const optionalPort = await freePort();
const nonePort = await freePort();
const tls = { certificates: [{ cert: 'site.pem', key: 'site.key' }] };
const limpet = await startLimpet(
  {
    listeners: [
      { bind: '127.0.0.1:{port}', tls: { ...tls, clientAuth: 'required', ca: 'ca.pem' } },
      { bind: `127.0.0.1:${optionalPort}`, tls: { ...tls, clientAuth: 'optional', ca: 'ca.pem' } },
      { bind: `127.0.0.1:${nonePort}`, tls },
    ],
    upstreams: [app.url],
    health: { passive: false },
  },
  { files: { 'site.pem': site.cert, 'site.key': site.key, 'ca.pem': ca.cert } },
);

const GET =
  'GET / HTTP/1.1\r\nHost: site.test\r\nLimpet-Client-Verified: yes\r\nLimpet-Client-Subject: CN=root\r\n\r\n';

async function told(port: number, options: object = {}): Promise<Record<string, string>> {
  const client = await openTls(port, options);
  const answer = await client.ask(GET);
  client.destroy();
  const headers = JSON.parse(answer.body.toString()) as Record<string, string>;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('limpet-client')));
}

t.test('a good certificate is passed on, by subject and fingerprint', async (t) => {
  for (const port of [limpet.port, optionalPort]) {
    const said = await told(port, alice);
    t.match(said, {
      'limpet-client-verified': 'yes',
      'limpet-client-subject': 'CN=\\C3\\84lice,O=Ex\\, ample',
      'limpet-client-fingerprint': /^[0-9a-f]{64}$/,
    });
  }
});

t.test('optional lets everybody in, and vouches for nobody else', async (t) => {
  t.same(await told(optionalPort), { 'limpet-client-verified': 'no' }, 'who shows nothing');
  for (const bad of [mallory, expired])
    t.match(await told(optionalPort, bad), { 'limpet-client-verified': 'no' });
});

t.test('without clientAuth the app hears nothing, whatever a client says', async (t) => {
  t.same(await told(nonePort, alice), {});
});

t.test('required refuses who shows nothing in the handshake, and who shows a bad one by a 403', async (t) => {
  const seen = app.seen.length;
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const refused = openTls(limpet.port, { maxVersion }).then((client) => client.ask(GET));
    await t.rejects(refused, `nothing by ${maxVersion}`);
  }
  for (const bad of [mallory, expired]) {
    const client = await openTls(limpet.port, bad);
    const answer = await client.answer();
    t.match(answer.raw.toString('latin1'), /^HTTP\/1\.1 403 [\s\S]*client certificate/);
    await client.untilEnd();
  }
  t.equal(app.seen.length, seen, 'the app was never asked');
});

t.test('a ticket keeps what was verified, and opens no listener that asks for more', async (t) => {
  const ticket = async (port: number, options: object): Promise<Buffer> => {
    const client = await openTls(port, options);
    const session = new Promise<Buffer>((resolve) => client.socket.once('session', resolve));
    await client.ask(GET);
    return session;
  };
  const session = await ticket(limpet.port, alice);
  const client = await openTls(limpet.port, { session });
  t.ok(client.socket.isSessionReused());
  t.match((await client.ask(GET)).body.toString(), /"limpet-client-verified":"yes"/);
  for (const port of [optionalPort, nonePort]) {
    const weak = await ticket(port, {});
    await t.rejects(
      openTls(limpet.port, { session: weak }).then((client) => client.ask(GET)),
      'a ticket from where nothing is asked for',
    );
  }
});
