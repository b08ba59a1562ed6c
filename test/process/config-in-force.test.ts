// What a reload opens for a config that then cannot be taken up is closed again, all of it; what is in force stays.
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { type ConfigFollowers, ConfigInForce, type FirstInForce } from '../../src/process/config-in-force.ts';
import type { MainGeneration } from '../../src/process/main-generation.ts';

const { config } = loadConfigText(
  'listen: 8080\nupstreams: [http://127.0.0.1:1]\n',
  '/nowhere/l.yaml',
  {},
  () => '',
);
if (config === null) throw new Error('the config is sound');

/** A main thread of which only that is there which a reload attaches to and detaches from. */
function house(lineInUse: string | null) {
  const calls: string[] = [];
  const part = (name: string) => (of: unknown) => calls.push(`${name} ${JSON.stringify(of)}`);
  const followers = {
    logs: { prepare: () => calls.push('logs prepared'), abandon: () => calls.push('logs abandoned') },
    tracing: {
      line: lineInUse,
      open: async (options: unknown) => {
        if (options === 'no package') throw new Error('tracing needs packages that are not installed');
        return 'a new line';
      },
      letGo: part('let go of'),
    },
    crew: { tell: part('told') },
    lists: { use: () => calls.push('lists as before') },
    upstreams: { forget: () => calls.push('names forgotten') },
  };
  const generation = { config } as unknown as MainGeneration; // nothing else of it is looked at here
  const first: FirstInForce = { generation, signing: null, switch: null };
  // Because: what is asked of it here is there.
  const inForce = new ConfigInForce(followers as unknown as ConfigFollowers, first);
  return { calls, inForce };
}

const like = (other: object): Config => ({ ...config, ...other });

t.test('where keys cannot be opened, log and collector that were opened before are given up', async (t) => {
  const { calls, inForce } = house(null);
  const signing = { algorithm: 'ES256', keys: [{ algorithm: 'ES256', pem: 'no key at all', private: true }] };
  await t.rejects(inForce.attach(like({ tracing: 'any', signing })));
  t.same(calls, ['logs prepared', 'logs abandoned', 'let go of "a new line"']);
  t.equal(inForce.signing, null);
});

t.test('where a package is missing, the log is given up, and the line in use is not', async (t) => {
  const { calls, inForce } = house('the line in use');
  await t.rejects(inForce.attach(like({ tracing: 'no package' })), /packages that are not installed/);
  t.same(
    calls,
    ['logs prepared', 'logs abandoned', 'let go of "the line in use"'],
    'which lets go of no such',
  );
});

t.test('what was attached whole is detached whole', async (t) => {
  const { calls, inForce } = house(null);
  const signing = { algorithm: 'EdDSA', keys: [], rotateMs: 60_000, maxAgeMs: 1000 };
  const attachments = await inForce.attach(like({ tracing: 'any', signing }));
  t.equal(attachments.traceLine, 'a new line');
  t.not(attachments.signing, null);
  t.same(calls, ['logs prepared']);
  await inForce.detach(attachments);
  t.same(calls, ['logs prepared', 'logs abandoned', 'let go of "a new line"']);
  inForce.forget();
  t.same(calls.slice(3), ['lists as before', 'names forgotten']);
});
