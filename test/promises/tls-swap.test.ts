// Certificates are replaced under load and nobody notices: no handshake fails, no connection is dropped, tickets stay good, in every worker.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { makePair, type Pair } from '../kit/certificates.ts';
import { startLimpet } from '../kit/limpet.ts';
import { startNamedApp } from '../kit/named-app.ts';
import { openTls } from '../kit/tls-client.ts';

/** The long form: `LIMPET_TLS_SWAPS=50`. Each takes about two seconds. */
const SWAPS = Number(process.env.LIMPET_TLS_SWAPS ?? 2);
const GET = 'GET / HTTP/1.1\r\nHost: swap.test\r\n\r\n';
/** Connections in a row after which both workers have been met, but for one time in eight thousand. */
const BOTH_WORKERS = 14;

const app = await startNamedApp('app', t);
const first = makePair({ names: ['swap.test'] });
const limpet = await startLimpet(
  {
    listeners: [{ bind: '127.0.0.1:{port}', tls: { certificates: [{ cert: 'site.pem', key: 'site.key' }] } }],
    upstreams: [app.url],
    health: { passive: false },
    workers: 2,
  },
  { files: { 'site.pem': first.cert, 'site.key': first.key } },
);
const folder = dirname(limpet.configFile);
const place = ({ cert, key }: Pair): void => {
  writeFileSync(join(folder, 'site.pem'), cert);
  writeFileSync(join(folder, 'site.key'), key);
};

/** The subjects that so many connections in a row are shown. */
async function shown(count: number): Promise<Set<string>> {
  const subjects = new Set<string>();
  for (let i = 0; i < count; i++) {
    const client = await openTls(limpet.port, { servername: 'swap.test' });
    subjects.add(String(client.socket.getPeerCertificate().subject.CN));
    client.destroy();
  }
  return subjects;
}

async function untilShown(subject: string): Promise<void> {
  for (;;) {
    const subjects = await shown(BOTH_WORKERS);
    if (subjects.size === 1 && subjects.has(subject)) return;
  }
}

async function untilLogged(text: string): Promise<void> {
  while (!limpet.logs().includes(text)) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** A ticket, as TLS 1.3 gives it out behind the handshake. */
async function ticketOf(port: number): Promise<Buffer> {
  const client = await openTls(port, { servername: 'swap.test' });
  const session = new Promise<Buffer>((resolve) => client.socket.once('session', resolve));
  await client.ask(GET);
  const ticket = await session;
  client.destroy();
  return ticket;
}

async function resumes(session: Buffer): Promise<boolean> {
  const client = await openTls(limpet.port, { servername: 'swap.test', session });
  const reused = client.socket.isSessionReused();
  client.destroy();
  return reused;
}

t.test('a ticket of one worker is good in the others, and over a change of certificates', async (t) => {
  const ticket = await ticketOf(limpet.port);
  let reused = 0;
  for (let i = 0; i < BOTH_WORKERS; i++) if (await resumes(ticket)) reused++;
  t.equal(reused, BOTH_WORKERS);
  place(makePair({ names: ['swap.test'], subject: '/CN=other' }));
  await untilShown('other');
  reused = 0;
  for (let i = 0; i < BOTH_WORKERS; i++) if (await resumes(ticket)) reused++;
  t.equal(reused, BOTH_WORKERS);
});

t.test(
  `${SWAPS} certificates one after the other: no handshake fails, and who is connected stays`,
  async (t) => {
    // Before anybody is connected: openssl is waited for, and a client that stands still has not ended its handshake.
    const pairs = Array.from({ length: SWAPS }, (_, i) =>
      makePair({ names: ['swap.test'], subject: `/CN=swap ${i}`, keyType: i % 5 === 4 ? 'rsa' : 'ec' }),
    );
    const kept = await Promise.all([1, 2, 3, 4].map(() => openTls(limpet.port, { servername: 'swap.test' })));
    let done = false;
    let shook = 0;
    const failures: string[] = [];
    const shakeHands = async (): Promise<void> => {
      while (!done) {
        try {
          const client = await openTls(limpet.port, { servername: 'swap.test' });
          const answer = await client.ask(GET);
          if (!answer.start.includes(' 200 ')) failures.push(answer.start);
          client.destroy();
          shook++;
        } catch (error) {
          failures.push(String(error));
        }
      }
    };
    const clients = [shakeHands(), shakeHands()];
    for (const [i, pair] of pairs.entries()) {
      place(pair);
      await untilShown(`swap ${i}`);
      for (const client of kept) {
        const { start } = await client.ask(GET);
        if (!start.includes(' 200 ')) failures.push(`kept: ${start}`);
      }
    }
    done = true;
    await Promise.all(clients);
    t.same(failures, []);
    t.ok(shook > SWAPS);
    t.ok(
      kept.every((client) => client.ending === 'open'),
      'the same connections, from before all of them',
    );
    t.comment(`${shook} handshakes over ${SWAPS} changes`);
  },
);

t.test('a pair that does not fit is left alone: the old one stands, and the log says why', async (t) => {
  const before = await shown(1);
  writeFileSync(join(folder, 'site.pem'), makePair({ names: ['swap.test'], subject: '/CN=alone' }).cert);
  await untilLogged('this key does not belong to the certificate');
  t.same(await shown(BOTH_WORKERS), before);
});

t.test('a reload takes new certificates up, and is refused by such as do not fit', async (t) => {
  const before = await shown(1);
  const logged = limpet.logs().length;
  process.kill(limpet.pid, 'SIGHUP');
  while (!limpet.logs().slice(logged).includes('does not belong'))
    await new Promise((resolve) => setTimeout(resolve, 50));
  t.same(await shown(BOTH_WORKERS), before);
  place(makePair({ names: ['swap.test'], subject: '/CN=reloaded' }));
  process.kill(limpet.pid, 'SIGHUP');
  await untilShown('reloaded');
});
