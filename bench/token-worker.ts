// What a remembered session's token adds to a request by itself, and what a signature takes; as a process of its own, without load and sockets.
import { createHmac } from 'node:crypto';
import { ByteWriter } from '../src/base/byte-writer.ts';
import { systemTimers } from '../src/base/timers.ts';
import { loadConfigText } from '../src/config/load.ts';
import { openSessions } from '../src/session/open-session.ts';
import { SigningKeys } from '../src/session/phantom/signing-keys.ts';
import { TokenSigner } from '../src/session/phantom/token-signer.ts';
import type { Standing } from '../src/session/standing.ts';
import { SessionVerifier } from '../src/session/verifier.ts';

const SECRET = 'the secret of all sessions in the bench';
const TURNS = 40;
const REQUESTS_A_TURN = 100_000;
const SIGNATURES = 2000;

async function standingWith(token: object | null): Promise<Standing> {
  const pass = token === null ? {} : { pass: { token } };
  const session = { verify: 'cookie-session', cookie: 'app', secrets: [SECRET], user: 'id', ...pass };
  const text = JSON.stringify({ listen: 8080, upstreams: ['http://127.0.0.1:1'], session });
  const { config } = loadConfigText(text, 'bench.yaml', {}, () => '');
  if (config === null) throw new Error('the config of the bench is wrong');
  const [open] = await openSessions(config);
  const { options, format, store } = open!;
  const signer = config.signing === null ? null : await signerOf(config.signing);
  const verifier = new SessionVerifier({
    options,
    format,
    store,
    ...(signer === null ? {} : { signer }),
    timers: systemTimers,
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    onChecked: () => {},
    onBug: (_name, error) => {
      throw error;
    },
  });
  const value = Buffer.from('{"id":"4711"}').toString('base64');
  const signature = createHmac('sha1', SECRET).update(`app=${value}`).digest('base64url');
  const source = {
    cookies: `app=${value}; app.sig=${signature}`,
    authorization: null,
    userAgent: null,
    clientAddress: '',
  };
  return new Promise((resolve) => {
    const now = verifier.check(source, { waitsFor: null, onVerdict: resolve });
    if (now !== null) resolve(now);
  });
}

type Signing = Parameters<typeof SigningKeys.open>[0]['options'];

async function signerOf(options: Signing): Promise<TokenSigner> {
  const keys = await SigningKeys.open({
    options,
    timers: systemTimers,
    onChange: () => {},
    onFailure: () => {},
  });
  keys.close();
  return new TokenSigner(keys.state);
}

const out = new ByteWriter(64 * 1024);

/** What is done with a remembered verdict for each request, CPU ns each. */
function nanosOf(standing: Standing): number {
  const before = process.cpuUsage();
  for (let i = 0; i < REQUESTS_A_TURN; i++) {
    const nowMs = performance.now();
    if (!standing.stands(nowMs)) throw new Error('it ended under way');
    standing.verifier.countAgain(standing);
    out.reset();
    out.latin1(standing.lines);
    const { token } = standing;
    if (token !== null && token.untilMs > nowMs) out.block(token.line);
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / REQUESTS_A_TURN;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const plain = await standingWith(null);
const given = await standingWith({ jwt: { audience: 'bench', ttl: '1h' } });
nanosOf(plain);
nanosOf(given);
const added = Array.from({ length: TURNS }, () => -nanosOf(plain) + nanosOf(given));

const { config } = loadConfigText(
  'listen: 8080\nupstreams: [http://127.0.0.1:1]\nsession: { verify: cookie-session, cookie: app, secrets: [the secret of the bench], user: id, pass: { token: { jwt: { audience: a } } } }',
  'bench.yaml',
  {},
  () => '',
);
const signer = await signerOf(config!.signing!);
const claims = '{"iss":"limpet","aud":"bench","sub":"4711","sid":"AAAAAAAAAAAAAAAAAAAAAA","iat":1,"exp":2}';
for (let i = 0; i < 100; i++) await signer.sign(claims);
const before = process.cpuUsage();
for (let i = 0; i < SIGNATURES; i++) await signer.sign(claims);
const { user, system } = process.cpuUsage(before);

const told = {
  tokenNanos: median(added),
  signatureMicros: (user + system) / SIGNATURES,
  tokenBytes: given.token!.line.length,
};
process.stdout.write(`${JSON.stringify(told)}\n`);
process.exit(0);
