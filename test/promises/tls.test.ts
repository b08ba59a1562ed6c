// HTTPS as clients meet it: which certificate, which versions and ciphers, what apps are told, and what is refused and how.
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import t from 'tap';
import { makePair } from '../kit/certificates.ts';
import { metric, startLimpet } from '../kit/limpet.ts';
import { startNamedApp } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';
import { openssl, openTls } from '../kit/tls-client.ts';

const first = makePair({ names: ['first.test'] });
const shop = makePair({ names: ['shop.test', '*.shop.test'] });
const shopRsa = makePair({ names: ['shop.test'], keyType: 'rsa' });
const app = await startNamedApp('app', t);
app.answer = (request, response) => {
  response.end(JSON.stringify(request.headers));
};
const plainPort = await freePort();
const strictPort = await freePort();
const proxiedPort = await freePort();
const limpet = await startLimpet(
  `listeners:
  - bind: 127.0.0.1:{port}
    tls:
      certificates: [{ cert: first.pem, key: first.key }, { cert: shop.pem, key: shop.key }, { cert: shop-rsa.pem, key: shop-rsa.key }]
      hsts: { maxAge: 1h, includeSubDomains: true }
      handshakeTimeout: 300ms
      handshakes: 3
  - { bind: 127.0.0.1:${plainPort}, redirectToHttps: {port} }
  - { bind: 127.0.0.1:${strictPort}, tls: { certificates: [{ cert: first.pem, key: first.key }], minVersion: 1.3 } }
  - { bind: 127.0.0.1:${proxiedPort}, proxyProtocol: true, tls: { certificates: [{ cert: first.pem, key: first.key }] } }
trustedProxies: [127.0.0.1]
upstreams: [${app.url}]
affinity: { cookie: { secrets: [a-secret-of-some-length] } }
health: { passive: false }
routes: [{ path: /, pool: default }, { path: /fixed, respond: { status: 200, body: ours } }]
admin: { bind: 127.0.0.1:{adminPort} }
workers: 1
log: { format: json, access: { fields: [listener, host, status, tlsVersion, tlsCipher] } }
`,
  {
    files: {
      'first.pem': first.cert,
      'first.key': first.key,
      'shop.pem': shop.cert,
      'shop.key': shop.key,
      'shop-rsa.pem': shopRsa.cert,
      'shop-rsa.key': shopRsa.key,
    },
  },
);

const GET = 'GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n';
const handshakes = (result: string, port = limpet.port): Promise<number> =>
  metric(limpet, 'limpet_tls_handshakes_total', `listener="127.0.0.1:${port}"`, `result="${result}"`);

/** Waits until it was counted: metrics are a second old at most. */
async function counted(result: string, least: number, port = limpet.port): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    if ((await handshakes(result, port)) >= least) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

t.test('the certificate follows the name: itself, a wildcard, else the first', async (t) => {
  const names: Record<string, string> = {
    'first.test': 'first.test',
    'shop.test': 'shop.test',
    'SHOP.test': 'shop.test',
    'a.shop.test': 'shop.test',
    'a.b.shop.test': 'first.test',
    'unknown.test': 'first.test',
  };
  for (const [servername, subject] of Object.entries(names)) {
    const client = await openTls(limpet.port, { servername });
    t.equal(client.socket.getPeerCertificate().subject.CN, subject, servername);
    client.destroy();
  }
  const nameless = await openTls(limpet.port);
  t.equal(nameless.socket.getPeerCertificate().subject.CN, 'first.test', 'nobody named');
});

t.test('a name has a certificate for each kind of key', async (t) => {
  const kinds = { 'ECDHE-ECDSA-AES128-GCM-SHA256': 'EC', 'ECDHE-RSA-AES128-GCM-SHA256': 'RSA' };
  for (const [ciphers, kind] of Object.entries(kinds)) {
    const client = await openTls(limpet.port, { servername: 'shop.test', ciphers, maxVersion: 'TLSv1.2' });
    t.equal(
      'bits' in client.socket.getPeerCertificate() && client.socket.getPeerCertificate().asn1Curve
        ? 'EC'
        : 'RSA',
      kind,
    );
  }
});

t.test('versions: 1.2 and 1.3, or 1.3 alone; never less', async (t) => {
  const speaks = async (port: number, version: string): Promise<boolean> => {
    const { text } = await openssl([
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      `-${version}`,
      '-cipher',
      'ALL:@SECLEVEL=0',
    ]);
    return /^ +Cipher +: [A-Z]+.*-/m.test(text) || /Cipher is [A-Z]+_AES|Cipher is ECDHE/.test(text);
  };
  for (const [port, versions] of [
    [limpet.port, { tls1: false, tls1_1: false, tls1_2: true, tls1_3: true }],
    [strictPort, { tls1_1: false, tls1_2: false, tls1_3: true }],
  ] as const) {
    for (const [version, expected] of Object.entries(versions))
      t.equal(await speaks(port, version), expected, `${version} at ${port}`);
  }
  t.ok(await counted('version', 1), 'and it is counted why');
});

t.test('ciphers: forward secrecy with AEAD, and ours is the choice', async (t) => {
  for (const cipher of [
    'AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'DHE-RSA-AES128-GCM-SHA256',
  ]) {
    const { text } = await openssl([
      's_client',
      '-connect',
      `127.0.0.1:${limpet.port}`,
      '-servername',
      'shop.test',
      '-tls1_2',
      '-cipher',
      `${cipher}:@SECLEVEL=0`,
    ]);
    t.match(text, /Cipher is \(NONE\)/, cipher);
  }
  const chooses = await openTls(limpet.port, {
    servername: 'shop.test',
    maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256',
  });
  t.equal(chooses.socket.getCipher().name, 'ECDHE-ECDSA-AES128-GCM-SHA256');
  t.ok(await counted('cipher', 1));
});

t.test('no renegotiation, no compression; HTTP/1.1 is agreed on', async (t) => {
  const { text } = await openssl(
    ['s_client', '-connect', `127.0.0.1:${limpet.port}`, '-tls1_2', '-alpn', 'h2,http/1.1', '-no_ign_eof'],
    'R\nR\n',
  );
  t.match(text, /ALPN protocol: http\/1\.1/);
  t.match(text, /Compression: NONE/);
  t.match(text, /no renegotiation|renegotiation.*(fail|error)|RENEGOTIATING[\s\S]*error/i);
  await t.rejects(openTls(limpet.port, { ALPNProtocols: ['h2'] }), 'who speaks HTTP/2 alone is told so');
  t.ok(await counted('protocol', 1));
});

t.test('the app is told of https, in every form; what a client says itself does not count', async (t) => {
  const client = await openTls(limpet.port);
  const answer = await client.ask(GET);
  const told = JSON.parse(answer.body.toString()) as Record<string, string>;
  t.match(told, { 'x-forwarded-proto': 'https', 'x-forwarded-port': String(limpet.port) });
  t.match(answer.raw.toString('latin1'), /Set-Cookie: limpet=[^\r]*; Secure/i);
  t.match(answer.raw.toString('latin1'), /Strict-Transport-Security: max-age=3600; includeSubDomains\r\n/);
});

t.test('HSTS stands in our own answers too, and never on plain HTTP', async (t) => {
  const client = await openTls(limpet.port);
  for (const [request, status] of [
    ['GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n', '200'],
    ['OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', '204'],
    ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', '400'],
  ] as const) {
    const answer = await client.ask(request);
    t.match(
      answer.raw.toString('latin1'),
      new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\r\nStrict-Transport-Security: `),
    );
  }
  const plain = await RawClient.open(plainPort);
  t.notMatch((await plain.ask(GET)).raw.toString('latin1'), /Strict-Transport/);
});

t.test('plain HTTP is redirected where that is asked for', async (t) => {
  const client = await RawClient.open(plainPort);
  const ask = async (request: string): Promise<string> => (await client.ask(request)).raw.toString('latin1');
  const to = `https://shop.test:${limpet.port}`;
  t.match(
    await ask('POST /a/b?c=d HTTP/1.1\r\nHost: shop.test:80\r\nContent-Length: 0\r\n\r\n'),
    new RegExp(`^HTTP/1.1 308 [\\s\\S]*\r\nLocation: ${to}/a/b\\?c=d\r\n`),
  );
  t.match(
    await ask(`GET http://shop.test HTTP/1.1\r\nHost: shop.test\r\n\r\n`),
    new RegExp(`\r\nLocation: ${to}/\r\n`),
  );
  t.match(
    await ask('GET //evil.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n'),
    new RegExp(`\r\nLocation: ${to}//evil.test/\r\n`),
    'the host is always ours',
  );
});

t.test(
  'plain HTTP at a port of HTTPS is told so; garbage and a client that leaves end quietly',
  async (t) => {
    const plain = await RawClient.open(limpet.port);
    const answer = await plain.ask(GET);
    t.match(answer.raw.toString('latin1'), /^HTTP\/1\.1 400 [\s\S]*This port speaks HTTPS/);
    await plain.untilEnd();
    const garbage = await RawClient.open(limpet.port);
    garbage.send('\x00\x01\x02');
    await garbage.untilEnd();
    t.equal(garbage.text, '');
    const leaves = await RawClient.open(limpet.port);
    leaves.socket.end();
    await leaves.untilEnd();
    for (const result of ['http', 'garbage', 'closed']) t.ok(await counted(result, 1), result);
  },
);

t.test('a handshake that does not come on is given up, and too many push out the oldest', async (t) => {
  const silent = await RawClient.open(limpet.port);
  const half = await RawClient.open(limpet.port);
  half.send('\x16\x03\x01\x02\x00\x01\x00');
  await silent.untilEnd();
  await half.untilEnd();
  t.ok(await counted('timeout', 2), 'both were counted');
  const crowd = await Promise.all([1, 2, 3, 4].map(() => RawClient.open(limpet.port)));
  t.equal((await (await openTls(limpet.port)).ask(GET)).start.split(' ')[1], '200', 'who means it gets in');
  t.ok(await counted('crowded', 1));
  for (const client of crowd) await client.untilEnd();
});

t.test('behind a PROXY header comes TLS, and the app is told of the client that it names', async (t) => {
  const raw = connect({ port: proxiedPort, host: '127.0.0.1' });
  raw.write(`PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n`);
  const client = await openTls(proxiedPort, { socket: raw });
  const told = JSON.parse((await client.ask(GET)).body.toString()) as Record<string, string>;
  t.match(told, { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' });
  t.ok(client.socket.encrypted);
});

t.test('curl gets in by the certificate that it trusts, and by no other', async (t) => {
  const resolve = [
    '--resolve',
    `a.shop.test:${limpet.port}:127.0.0.1`,
    `https://a.shop.test:${limpet.port}/fixed`,
  ];
  const curl = (ca: string): string =>
    execFileSync('curl', ['-s', '--cacert', ca, ...resolve], { encoding: 'utf8' });
  const folder = limpet.configFile.replace(/\/[^/]*$/, '');
  t.equal(curl(`${folder}/shop.pem`), 'ours');
  t.throws(() => curl(`${folder}/first.pem`));
  t.ok(await counted('refused', 1), 'and that is counted');
});

t.test('the admin side knows when certificates end', async (t) => {
  const ends = await metric(
    limpet,
    'limpet_certificate_expiry_timestamp_seconds',
    'name="first.test"',
    `listener="127.0.0.1:${strictPort}"`,
  );
  t.ok(ends > Date.now() / 1000 + 28 * 86_400 && ends < Date.now() / 1000 + 31 * 86_400);
});

t.test('the access log tells the version and the cipher that were agreed on', async (t) => {
  const lines = limpet
    .logs()
    .split('\n')
    .filter((line) => line.includes('"tlsVersion"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.ok(lines.length > 0);
  t.ok(lines.every(({ tlsVersion }) => tlsVersion === 'TLSv1.3' || tlsVersion === 'TLSv1.2'));
  t.ok(lines.every(({ tlsCipher }) => /^[A-Z0-9_-]+$/.test(String(tlsCipher))));
});
