// What only a restart changes stays as it is, and is told; what is unknown to a reload counts as such.
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { keepRestartBound } from '../../src/process/restart-bound.ts';

function load(text: object): Config {
  const { config, problems } = loadConfigText(JSON.stringify(text), 'limpet.yaml', {}, () => '');
  if (config === null) throw new Error(JSON.stringify(problems));
  return config;
}

const BASE = { listen: 8080, upstreams: ['http://127.0.0.1:1'] };

t.test('the same config needs no restart', async (t) => {
  const config = load(BASE);
  t.same(keepRestartBound(config, load(BASE)), { config, needsRestart: [] });
});

t.test('workers, the place of the admin API and the bound of connections are kept', async (t) => {
  const now = load({
    ...BASE,
    workers: 2,
    limits: { connections: 100 },
    admin: { bind: 9090, tokens: ['first-token-that-is-long'] },
  });
  const next = load({
    ...BASE,
    upstreams: ['http://127.0.0.1:2'],
    workers: 4,
    limits: { connections: 200, head: '16KiB' },
    admin: { bind: 9091, probes: 9092, tokens: ['second-token-that-is-long'] },
  });
  const { config, needsRestart } = keepRestartBound(now, next);
  t.same(needsRestart.toSorted(), ['admin.bind', 'admin.probes', 'limits.connections', 'workers']);
  t.equal(config.workers, 2);
  t.equal(config.limits.connections, 100);
  t.equal(config.routes[0]!.limits.connections, 100);
  t.same(config.admin?.bind, now.admin?.bind);
  // All else is followed.
  t.equal(config.limits.headBytes, 16 * 1024);
  t.same(config.pools, next.pools);
  t.same(config.admin?.tokens, next.admin?.tokens);
});

t.test(
  'the first session block brings the switch of revocations, which stays when the last one goes',
  async (t) => {
    const bare = load(BASE);
    const checked = load({
      ...BASE,
      session: {
        verify: 'express-session',
        secrets: ['a-session-secret-that-is-long'],
        user: 'user',
        store: 'redis://127.0.0.1:1',
      },
    });
    t.equal(bare.revocation, null);
    const first = keepRestartBound(bare, checked);
    t.same([first.config.revocation, first.needsRestart], [checked.revocation, []]);
    const last = keepRestartBound(checked, bare);
    t.same([last.config.revocation, last.needsRestart], [checked.revocation, []]);
  },
);

t.test('a key that no reload knows of is for the next start', async (t) => {
  const now = load(BASE);
  const next = { ...load(BASE), novelty: 1 } as Config;
  const { config, needsRestart } = keepRestartBound(now, next);
  t.same(needsRestart, ['novelty']);
  t.equal((config as unknown as { novelty?: number }).novelty, undefined);
});
