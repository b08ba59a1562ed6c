// MongoDB as a store of sessions, over a stand-in for its driver: Debian has no MongoDB to test with.
import { Long, ObjectId } from 'mongodb';
import t from 'tap';
import { type Query, STORED_BYTES_MAX } from '../../../src/session/store.ts';
import { type MongoDatabase, MongoStore } from '../../../src/session/stores/mongo.ts';
import { faultKind, faultText, garbageServer, openTestStore } from '../../kit/store-drill.ts';

const find = (key: string): Query => ({ kind: 'document', collection: 'sessions', key });

function standIn(documents: Record<string, Record<string, unknown>>, primary = documents) {
  const filters: unknown[] = [];
  const database: MongoDatabase = {
    collection: () => ({
      findOne: async (filter, options) => {
        filters.push(filter);
        return (options.readPreference === 'primary' ? primary : documents)[filter._id] ?? null;
      },
    }),
    command: async () => ({ ok: 1 }),
  };
  return { database, filters };
}

t.test('a document comes by its id, its members as text, numbers and times', async (t) => {
  const { database, filters } = standIn({
    a: {
      _id: 'a',
      session: '{"user":1}',
      expires: new Date(2_000_000_000_500),
      document: { user: { id: new ObjectId('0123456789abcdef01234567'), at: new Date(0) } },
      id: new ObjectId('0123456789abcdef01234567'),
      long: Long.fromString('5'),
      raw: new Uint8Array([1]),
      none: null,
    },
    long: { _id: 'long', session: 'x'.repeat(STORED_BYTES_MAX + 1) },
  });
  const store = new MongoStore(database, async () => {}, 250, false);
  const cells = Object.fromEntries((await store.get(find('a')))!.cells);
  t.match(cells, {
    session: '{"user":1}',
    expires: 2_000_000_000.5,
    document: '{"user":{"id":"0123456789abcdef01234567","at":"1970-01-01T00:00:00.000Z"}}',
    id: '0123456789abcdef01234567',
    none: null,
  });
  t.equal(await store.get(find('nobody')), null);
  t.equal(await store.get(find('{"$ne":null}')), null);
  t.same(filters.at(-1), { _id: '{"$ne":null}' }, 'a key is a value and never a question');
  t.equal(await faultKind(store, find('long')), 'malformed');
});

t.test('what a secondary does not have is asked of the primary', async (t) => {
  const { database } = standIn({}, { fresh: { _id: 'fresh', session: 'x' } });
  t.equal(await faultKind(new MongoStore(database, async () => {}, 250, true), find('fresh')), 'found');
});

t.test('an error is a fault by its name alone', async (t) => {
  const fail = (error: Error): MongoStore =>
    new MongoStore(
      { collection: () => ({ findOne: () => Promise.reject(error) }), command: async () => 1 },
      async () => {},
      250,
      false,
    );
  const server = Object.assign(new Error('key abc'), { codeName: 'Unauthorized' });
  t.equal(await faultText(fail(server), find('abc')), 'mongo: Unauthorized');
  t.equal(await faultText(fail(new TypeError('abc')), find('abc')), 'mongo: TypeError');
});

t.test('a server that is not there, or talks nonsense, is a fault and no crash', async (t) => {
  const port = await garbageServer(t, 'HTTP/1.1 400 Bad Request\r\n\r\n');
  for (const url of [`mongodb://u:hunter2@127.0.0.1:1/shop`, `mongodb://127.0.0.1:${port}/shop`]) {
    const store = await openTestStore(t, url, { deadlineMs: 60 });
    t.match(await faultKind(store, find('a')), /^(down|late)$/);
  }
});

t.test('a URL that the driver refuses is a problem that does not tell it', async (t) => {
  await t.rejects(openTestStore(t, 'mongodb://u:hunter2@h/shop?tls=perhaps'), {
    name: 'StoreProblem',
    message: 'the driver of MongoDB refuses the URL',
  });
});
