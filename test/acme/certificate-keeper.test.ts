// One certificate over months, with time moved by hand and an authority that does as the test says.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { AcmeFault, type OrderInput } from '../../src/acme/authority.ts';
import { CertificateKeeper } from '../../src/acme/certificate-keeper.ts';
import { HandClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { AcmeOptions } from '../../src/certificates/options.ts';
import { makePair } from '../kit/certificates.ts';
import { until } from '../kit/named-app.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const scratch = mkdtempSync(join(tmpdir(), 'limpet-keeper-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
const authority = makePair({ subject: '/CN=authority', authority: true });
let made = 0;

const optionsOf = (more: Partial<AcmeOptions> = {}): AcmeOptions => ({
  names: ['shop.test'],
  email: null,
  directory: 'https://acme.test/dir',
  folder: join(scratch, String(made++)),
  ca: null,
  eab: null,
  key: 'ecdsa',
  renewBeforeMs: null,
  ...more,
});

/** A chain for the key of an order, good for so many days from now. */
function sign(names: readonly string[], keyPem: string, days = 90): string {
  const folder = mkdtempSync(join(scratch, 'sign-'));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('key'), keyPem);
  writeFileSync(at('ca'), authority.cert);
  writeFileSync(at('ca.key'), authority.key);
  writeFileSync(at('ext'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  openssl('req', '-new', '-key', 'key', '-subj', '/', '-out', 'csr');
  const signer = [
    '-CA',
    'ca',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-extfile',
    'ext',
    '-days',
    String(days),
  ];
  openssl('x509', '-req', '-in', 'csr', ...signer, '-out', 'cert');
  return readFileSync(at('cert'), 'utf8') + authority.cert;
}

interface Told {
  readonly what: string;
  readonly why: string;
  readonly retryMs: number;
}

/** A keeper, and what it told. `order` stands for the authority. */
function keep(
  clock: HandClock,
  options: AcmeOptions,
  order: (input: OrderInput) => Promise<string>,
  processId = 'this',
) {
  const told: Told[] = [];
  const orders: OrderInput[] = [];
  const spread: boolean[] = [];
  const tell = (what: string, why = '', retryMs = 0): void => {
    told.push({ what, why, retryMs });
  };
  const keeper = new CertificateKeeper({
    options,
    clock,
    random: new SeededRandom(11),
    userAgent: 'test',
    processId,
    order: (input) => {
      orders.push(input);
      return order(input);
    },
    news: {
      changed() {},
      issued: (_keeper, renewal) => tell(renewal ? 'renewed' : 'issued'),
      found: () => tell('found'),
      failed: (_keeper, why, retryMs) => tell('failed', why, retryMs),
    },
    mayOrder: () => true,
    spread: async (others) => {
      spread.push(others);
    },
  });
  keeper.open();
  return { keeper, told, orders, spread };
}

const obey = async (input: OrderInput): Promise<string> => {
  await input.show([{ token: 'token', answer: 'token.print' }]);
  return sign(input.options.names, input.certificateKey);
};
const idle = async (keeper: CertificateKeeper): Promise<void> => {
  await until('the end of an order', () => !keeper.ordering);
};
const filesOf = ({ folder }: AcmeOptions): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.split('/').at(-1)!);

t.test('what is missing is ordered, kept, and ordered again with a third of its life left', async (t) => {
  const clock = new HandClock(0, Date.now());
  const options = optionsOf();
  const { keeper, told, orders, spread } = keep(clock, options, obey);
  keeper.look(false);
  t.equal(keeper.ordering, false, 'nobody would answer yet');
  t.same(keeper.certificates, []);
  keeper.look(true);
  t.equal(keeper.ordering, true);
  keeper.look(true);
  await until('answers', () => keeper.challenges.length === 1 || !keeper.ordering);
  await idle(keeper);
  t.same(
    told.map(({ what }) => what),
    ['issued'],
  );
  t.same(spread, [false], 'nobody else shares the folder');
  t.same(keeper.challenges, []);
  const [first] = keeper.certificates;
  t.same(first?.names, ['shop.test']);
  const kept = filesOf(options).filter((name) => /\.(pem|key|lock|challenges\.json)$/.test(name));
  t.match(kept.sort(), ['account.key', /^shop\.test-[0-9a-f]{10}\.pem$/]);
  t.equal(kept.length, 2);

  for (let day = 0; day < 57; day++) {
    clock.advance(DAY);
    keeper.look(true);
  }
  t.equal(orders.length, 1, 'nothing is ordered before its time');
  clock.advance(4 * DAY);
  keeper.look(true);
  await idle(keeper);
  t.equal(told.at(-1)?.what, 'renewed');
  t.not(keeper.certificates[0]?.fingerprint, first?.fingerprint);
  t.equal(orders[0]!.accountKey, orders[1]!.accountKey, 'by the same account');
  t.not(orders[0]!.certificateKey, orders[1]!.certificateKey, 'with a new key');
});

t.test('the pair before a renewal is kept, one generation of it, and can be put back', async (t) => {
  const clock = new HandClock(0, Date.now());
  const options = optionsOf();
  const { keeper, told } = keep(clock, options, obey);
  const [place] = readdirSync(options.folder);
  const at = (end: string): string => {
    const [name] = filesOf(options).filter((each) => each.endsWith(end));
    return join(options.folder, place!, name ?? `none${end}`);
  };
  const fingerprint = (): string | undefined => keeper.certificates[0]?.fingerprint;
  const renewed = async (): Promise<string> => {
    keeper.look(true);
    await idle(keeper);
    t.match(told.at(-1)?.what, /^(issued|renewed)$/);
    return readFileSync(at('.pem'), 'utf8');
  };
  const first = await renewed();
  t.notOk(existsSync(at('.pem.previous')), 'there was none before');
  clock.advance(61 * DAY);
  const firstPrint = fingerprint();
  const second = await renewed();
  t.not(second, first);
  t.equal(readFileSync(at('.pem.previous'), 'utf8'), first);
  t.equal(statSync(at('.pem.previous')).mode & 0o777, 0o600);

  // As docs/acme.md has it: it would be renewed again at once.
  keeper.use({ ...options, renewBeforeMs: DAY });
  copyFileSync(at('.pem.previous'), at('.pem'));
  keeper.look(true);
  t.equal(keeper.ordering, false);
  t.equal(told.at(-1)?.what, 'found');
  t.equal(fingerprint(), firstPrint, 'it is shown again');

  writeFileSync(at('.pem'), second);
  keeper.use(options);
  keeper.look(true);
  t.not(fingerprint(), firstPrint);
  // Of the certificates that the test signs each begins its life now, not when the clock says.
  keeper.use({ ...options, renewBeforeMs: 45 * DAY });
  const third = await renewed();
  t.not(third, second);
  t.equal(readFileSync(at('.pem.previous'), 'utf8'), second, 'one generation');

  writeFileSync(at('.pem'), 'no pair');
  keeper.use({ ...options, renewBeforeMs: 44 * DAY });
  const fourth = await renewed();
  t.match(fourth, 'BEGIN CERTIFICATE');
  t.equal(readFileSync(at('.pem.previous'), 'utf8'), second, 'what is no pair is not kept');

  rmSync(at('.pem.previous'));
  mkdirSync(`${at('.pem')}.previous`);
  keeper.use({ ...options, renewBeforeMs: 43 * DAY });
  t.not(await renewed(), fourth, 'what stands in the way of the old one does not keep the new one out');
});

t.test('a renewal that fails leaves the old one, is told, and is tried again, never too often', async (t) => {
  const clock = new HandClock(0, Date.now());
  const options = optionsOf();
  let order = obey;
  const { keeper, told, orders } = keep(clock, options, (input) => order(input));
  keeper.look(true);
  await idle(keeper);
  const [first] = keeper.certificates;
  order = async () => {
    throw new AcmeFault('no way\nin');
  };
  clock.advance(61 * DAY);
  const sinceMs = clock.wallMs();
  const atMs: number[] = [];
  for (let minute = 0; minute < 48 * 60; minute++) {
    const before = orders.length;
    keeper.look(true);
    await idle(keeper);
    if (orders.length > before) atMs.push(clock.wallMs());
    clock.advance(60_000);
  }
  t.equal(keeper.certificates[0]?.fingerprint, first?.fingerprint);
  t.match(keeper.orders, { failingSinceMs: sinceMs, why: 'no way in', failures: atMs.length });
  t.match(told.at(-1), { what: 'failed', why: 'no way in' });
  t.ok(atMs.length >= 9 && atMs.length <= 16, `${atMs.length} in two days`);
  for (const ms of atMs) t.ok(atMs.filter((other) => other > ms - HOUR && other <= ms).length <= 4);
  order = obey;
  clock.advance(8 * HOUR);
  keeper.look(true);
  await idle(keeper);
  t.equal(told.at(-1)?.what, 'renewed');
  t.match(keeper.orders, { failingSinceMs: null, failures: 0, why: '' });
});

t.test(
  'an authority that asks for patience gets it; who reloads tries at once, within the bound',
  async (t) => {
    const clock = new HandClock(0, Date.now());
    const options = optionsOf();
    const busy = async (): Promise<string> => {
      throw new AcmeFault('too many (rateLimited)', 10 * HOUR);
    };
    const { keeper, told, orders } = keep(clock, options, busy);
    const tried = async (): Promise<number> => {
      keeper.look(true);
      await idle(keeper);
      return orders.length;
    };
    t.equal(await tried(), 1);
    t.equal(told[0]?.retryMs, clock.wallMs() + 10 * HOUR);
    clock.advance(9 * HOUR);
    t.equal(await tried(), 1);
    clock.advance(HOUR);
    t.equal(await tried(), 2);
    for (const wanted of [3, 4, 5, 5, 5]) {
      keeper.use(options);
      t.equal(await tried(), wanted);
      clock.advance(1000);
    }
    const { keeper: restarted, orders: more } = keep(clock, options, busy);
    restarted.look(true);
    t.equal(more.length, 0, 'also over a restart');
  },
);

t.test('of two who share a folder one orders, and the other answers, and shows it', async (t) => {
  const clock = new HandClock(0, Date.now());
  const options = optionsOf();
  let finish = (): void => {};
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const one = keep(clock, options, async (input) => {
    const chain = await obey(input);
    await held;
    return chain;
  });
  const two = keep(clock, options, obey, 'that');
  two.keeper.look(false);
  one.keeper.look(true);
  await until('answers', () => one.keeper.challenges.length === 1);
  t.same(one.spread, [true], 'the other is given time');
  two.keeper.look(true);
  t.same(two.keeper.challenges, [{ token: 'token', answer: 'token.print' }]);
  t.same(two.orders, []);
  finish();
  await idle(one.keeper);
  two.keeper.look(true);
  t.same(two.told, [{ what: 'found', why: '', retryMs: 0 }]);
  t.same(two.keeper.challenges, []);
  t.equal(two.keeper.certificates[0]?.fingerprint, one.keeper.certificates[0]?.fingerprint);
  t.same(two.orders, []);
});

t.test('a stop in the middle of an order leaves the way free, and is no failure', async (t) => {
  const clock = new HandClock(0, Date.now());
  const options = optionsOf();
  const { keeper, told } = keep(
    clock,
    options,
    (input) =>
      new Promise((_resolve, reject) => {
        void input.show([{ token: 'token', answer: 'token.print' }]);
        input.signal.addEventListener('abort', () => reject(new AcmeFault('given up')));
      }),
  );
  keeper.look(true);
  await until('answers', () => keeper.challenges.length === 1);
  keeper.stop();
  t.same(keeper.challenges, []);
  t.same(
    filesOf(options).filter((name) => /lock|challenges|here/.test(name)),
    [],
  );
  const next = keep(clock, options, obey);
  next.keeper.look(true);
  await idle(next.keeper);
  t.equal(next.told[0]?.what, 'issued');
  t.same(told, []);
  t.match(next.keeper.orders.failures, 0);
});

t.test('a certificate for other names stands in until there is one for these', async (t) => {
  const clock = new HandClock(0, Date.now());
  const options = optionsOf({ names: ['a.test', 'b.test'] });
  const old = keep(clock, options, obey);
  old.keeper.look(true);
  await idle(old.keeper);
  const { folder } = options;
  const more = keep(clock, { ...options, folder, names: ['a.test', 'b.test', 'c.test'] }, obey);
  t.same(more.keeper.certificates, old.keeper.certificates);
  const other = keep(clock, { ...options, folder, names: ['d.test'] }, obey);
  t.same(other.keeper.certificates, [], 'what serves none of the names is not shown');
  more.keeper.look(true);
  await idle(more.keeper);
  t.same(
    more.keeper.certificates.map(({ names }) => names),
    [['a.test', 'b.test', 'c.test']],
  );
});

t.test('what has long ended goes with the next order, and what is of use stays', async (t) => {
  const clock = new HandClock(0, Date.now());
  const options = optionsOf({ names: ['left.test'] });
  const lasting = (days: number) => async (input: OrderInput) =>
    sign(input.options.names, input.certificateKey, days);
  const orderFor = async (name: string, days: number): Promise<void> => {
    const { keeper } = keep(clock, { ...options, names: [name] }, lasting(days));
    keeper.look(true);
    await idle(keeper);
    keeper.stop();
  };
  await orderFor('left.test', 1);
  await orderFor('asked.test', 1);
  await orderFor('late.test', 20);
  await orderFor('good.test', 90);
  const [place] = readdirSync(options.folder);
  const at = (name: string): string => join(options.folder, place!, name);
  const named = (end: string): string[] =>
    filesOf(options)
      .filter((name) => name.endsWith(end))
      .sort();
  const before = named('.pem');
  t.equal(before.length, 4);
  const old = new Date(Date.now() - 31 * DAY);
  const [asked] = named('.orders.json');
  for (const name of named('.orders.json')) if (name !== asked) utimesSync(at(name), old, old);
  for (const name of ['.0123456789abcdef01.new', '.0123456789abcdef02.new'])
    writeFileSync(at(name), 'a draft');
  utimesSync(at('.0123456789abcdef01.new'), old, old);
  for (const name of before) copyFileSync(at(name), at(`${name}.previous`));

  clock.advance(40 * DAY);
  await orderFor('next.test', 90);
  const stems = (end: string): string[] => named(end).map((name) => name.replace(/-[0-9a-f]{10}\..*/, ''));
  t.same(stems('.pem'), ['good.test', 'late.test', 'next.test'], 'ended for 20 days, or not at all');
  t.same(
    stems('.orders.json'),
    ['asked.test', 'good.test', 'late.test', 'next.test'],
    'how often one may be ordered that is asked for now is not forgotten',
  );
  t.same(stems('.pem.previous'), ['good.test', 'late.test'], 'and so do pairs that were replaced');
  t.same(named('.new'), ['.0123456789abcdef02.new']);
  t.same(named('account.key'), ['account.key']);
});

t.test('what comes from the authority is looked at before it is shown', async (t) => {
  const clock = new HandClock(0, Date.now());
  const other = makePair({ names: ['shop.test'] });
  for (const [chain, why] of [
    [async () => other.cert, /does not belong to the certificate/],
    [async () => 'nonsense', /holds no certificate/],
    [async (input: OrderInput) => sign(['else.test'], input.certificateKey), /does not cover shop\.test/],
  ] as const) {
    const { keeper, told } = keep(clock, optionsOf(), chain);
    keeper.look(true);
    await idle(keeper);
    t.match(told, [{ what: 'failed', why }]);
    t.same(keeper.certificates, []);
  }
});

t.test('a folder that cannot be used is told of, and tried again', async (t) => {
  const clock = new HandClock(0, Date.now());
  const options = optionsOf();
  writeFileSync(options.folder, 'a file');
  const { keeper, told, orders } = keep(clock, options, obey);
  t.match(told, [{ what: 'failed', why: /^the folder .* cannot be used: ENOTDIR/ }]);
  keeper.look(true);
  t.equal(told.length, 1, 'not every second');
  clock.advance(61_000);
  keeper.look(true);
  t.equal(told.length, 1, 'nor every minute');
  rmSync(options.folder);
  clock.advance(61_000);
  keeper.look(true);
  await idle(keeper);
  t.equal(orders.length, 1);
  t.equal(told.at(-1)?.what, 'issued');
  t.equal(keeper.orders.failingSinceMs, null);
});
