// Revocations in a real Redis: nothing is lost by a trimmed stream, an emptied Redis or garbage in it, and pages give each once.
import t from 'tap';
import { digestOf } from '../../../src/session/revocation/digest-words.ts';
import { namesOf } from '../../../src/session/revocation/record.ts';
import { RedisKeeper } from '../../../src/session/revocation/redis-keeper.ts';
import { until } from '../../kit/named-app.ts';
import { startRedis } from '../../kit/redis-server.ts';
import { session, specOf, startReplica } from './replica.ts';

const redis = await startRedis();
await redis.client.connect();

const replica = (prefix: string) => startReplica(redis.url, prefix, t);
const subject = (key: string) => ({ key, session: null, user: 'ada', tokenId: null, issuedAtS: null });

t.test('what one orders the other has, and one that comes later too', async (t) => {
  const [one, two] = [await replica('a'), await replica('a')];
  const { record, shared } = await one.revoke(session('s1'));
  t.ok(shared);
  await until('it arrives', () => two.ends('s1'));
  t.same((await two.registry.page(10, null)).records, [record]);
  const three = await replica('a');
  t.ok(three.ends('s1'), 'as soon as it has started');
  t.same(await two.registry.lift(record.id), record);
  await until('it is lifted', () => !one.ends('s1') && !three.ends('s1'));
  t.equal(await one.registry.lift(record.id), null);
  const other = await replica('b');
  await one.revoke(session('s2'));
  await until('it arrives', () => three.ends('s2'));
  t.notOk(other.ends('s2'), 'another prefix is another switch');
});

t.test(
  'what was lifted a moment ago and is revoked again stays in force while that is on its way',
  async (t) => {
    const [one, two] = [await replica('again'), await replica('again')];
    for (let i = 0; i < 30; i++) {
      const { record } = await one.revoke(session('s'));
      await (i % 2 === 0 ? one : two).registry.lift(record.id);
      let shared = false;
      const again = one.revoke(session('s')).then(() => {
        shared = true;
      });
      while (!shared) {
        if (!one.ends('s')) t.fail(`it was not in force in round ${i}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await again;
    }
    await until('the other has it', () => two.ends('s'));
  },
);

t.test('a login that one saw is known to the other, and to one that comes later', async (t) => {
  const [one, two] = [await replica('logins'), await replica('logins')];
  await one.revoke({ kind: 'user', user: 'ada', block: false });
  const [fresh, old] = [digestOf('fresh'), digestOf('old')];
  await until('it arrives', () => two.seen.notesLogins);
  t.ok(two.seen.revokes(subject(fresh)));
  two.seen.noteLogin(fresh);
  t.notOk(two.seen.revokes(subject(fresh)));
  await until('the login arrives', () => !one.seen.revokes(subject(fresh)));
  t.ok(one.seen.revokes(subject(old)));
  const three = await replica('logins');
  t.notOk(three.seen.revokes(subject(fresh)));
  t.ok(three.seen.revokes(subject(old)));
  t.ok(Number(await redis.client.ttl('{logins}:logins')) > 500, 'it goes with the revocation');
  await two.revoke({ kind: 'user', user: 'ada', block: false });
  await until('the next ends that one too', () => three.seen.revokes(subject(fresh)));
});

t.test('who missed more than the stream holds reads everything again', async (t) => {
  const one = await replica('trimmed');
  for (const name of ['stays', 'goes']) await one.revoke(session(name));
  await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  // As another replica does, while this one is away: one comes, one goes, and the stream forgets.
  const records = '{trimmed}:revocations';
  const [gone, came] = [namesOf('s', [digestOf('goes')]).id, namesOf('s', [digestOf('comes')]).id];
  const text = await redis.client.hget(records, gone);
  await redis.client
    .multi()
    .hdel(records, gone)
    .zrem(`${records}:ends`, gone)
    .hset(records, came, text!)
    .incrby(`${records}:count`, 2)
    .del(`${records}:changes`)
    .exec();
  await until('what came is in force', () => one.ends('comes'));
  await until('what went is not', () => !one.ends('goes'));
  t.ok(one.ends('stays'));
  t.equal(one.lost(), 0);
});

t.test('a Redis that has lost everything is given back what a replica knows', async (t) => {
  const one = await replica('emptied');
  for (let i = 0; i < 50; i++) await one.revoke(session(`s${i}`));
  await one.revoke({ kind: 'user', user: 'ada', block: true });
  const keys = await redis.client.keys('{emptied}*');
  await redis.client.del(...keys);
  await one.revoke(session('after'));
  await until('it is noticed', () => one.lost() > 0);
  await until('all is back', async () => (await redis.client.hlen('{emptied}:revocations')) === 52);
  for (let i = 0; i < 50; i++) t.ok(one.ends(`s${i}`), 'and was in force all the while');
  const two = await replica('emptied');
  for (let i = 0; i < 50; i++) t.ok(two.ends(`s${i}`));
  t.ok(two.seen.revokes(subject(digestOf('any'))));
});

t.test(
  'what is lost is put back once the connection for it is there, though that comes up late',
  async (t) => {
    const one = await replica('late');
    const { record } = await one.revoke(session('s1'));
    const keeper = new RedisKeeper({ spec: specOf(redis.url), prefix: 'later', entries: 10 });
    t.teardown(() => keeper.close());
    // It was made this moment, so that nothing is connected yet.
    await keeper.restore([record]);
    t.same(await redis.client.hkeys('{later}:revocations'), [record.id]);
  },
);

t.test('garbage in Redis is dropped and counted, and hides nothing', async (t) => {
  const records = '{garbage}:revocations';
  const one = await replica('garbage');
  await one.revoke(session('s1'));
  await redis.client.hset(records, 'x', 'y', 'nonsense', 'a\nb', 'n', '', 'ü', '\0\n\n');
  await redis.client.xadd(`${records}:changes`, '*', 'what', 'is this');
  await redis.client.xadd(`${records}:changes`, '*', 'n', '77', 'id', 'x', 'text', 'y');
  await redis.client.xadd('{garbage}:logins:changes', '*', 'logins', 'x:y ::: short:1');
  await until('it is counted', () => one.dropped.includes('garbage'));
  await one.revoke(session('s2'));
  const two = await replica('garbage');
  for (const name of ['s1', 's2']) t.ok(one.ends(name) && two.ends(name), name);
  await one.revoke(session('s3'));
  await until('and it goes on', () => two.ends('s3'));
  t.ok(two.dropped.filter((why) => why === 'garbage').length >= 4);
  const { records: page } = await two.registry.page(100, null);
  t.equal(page.length, 3);
});

t.test('what has run out is dropped from Redis, pages give each once', async (t) => {
  const one = await replica('pages');
  for (let i = 0; i < 60; i++) await one.revoke(session(`s${i}`));
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const page = await one.registry.page(7, after);
    seen.push(...page.records.map((record) => record.id));
    after = page.next;
  } while (after !== null);
  t.equal(seen.length, 60);
  t.equal(new Set(seen).size, 60);
  const keeper = new RedisKeeper({ prefix: 'pages', entries: 10, spec: specOf(redis.url) });
  t.teardown(() => keeper.close());
  await until('it is connected', async () => {
    await keeper.purge(Math.floor(Date.now() / 1000) + 10_000);
    return (await redis.client.hlen('{pages}:revocations')) === 0;
  });
  t.equal(await redis.client.zcard('{pages}:revocations:ends'), 0);
});

t.test('what two revocations end stays ended everywhere while one of them is there', async (t) => {
  const [one, two] = [await replica('shared'), await replica('shared')];
  const hex = 'ab'.repeat(32);
  const byDigest = Buffer.from(hex, 'hex').toString('latin1');
  const token = await one.revoke({ kind: 'token', token: hex });
  const named = await two.revoke(session(hex));
  const both = [one, two];
  await until('both have both', () => both.every(({ registry }) => registry.count === 2));
  await two.registry.lift(token.record.id);
  await until('it is lifted', () => both.every(({ seen }) => !seen.revokesCredential(byDigest, null)));
  for (const each of both) t.ok(each.ends(hex), 'the other one still ends it');
  await one.registry.lift(named.record.id);
  await until('that too', () => both.every((each) => !each.ends(hex)));
  for (const { registry } of both) t.equal(registry.count, 0);
});
