// Secrets that a start makes for affinity: one a pool, whatever it is called, and the same for a successor.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { madeSecrets, withSecrets } from '../../src/process/starting.ts';

t.test('pools that are called as what every object has are given secrets, and leave them', async (t) => {
  const names = ['constructor', '__proto__', 'toString', 'shop'];
  const pools = names.map((name) => `  ${name}: { upstreams: [http://a:1], affinity: { cookie: {} } }\n`);
  const text = `listen: 1\nroutes: [{ pool: shop }]\npools:\n${pools.join('')}`;
  const given = loadConfigText(text, 'limpet.yaml', {}, () => '').config!;
  t.same(
    given.pools.map(({ name }) => name),
    names,
  );
  const secretsOf = ({ pools }: typeof given): unknown[] =>
    pools.map(({ affinity }) => affinity?.cookie?.secrets[0]);
  const config = withSecrets(given, null);
  for (const secret of secretsOf(config)) t.match(secret, /^[\w-]{43}$/);
  const left = JSON.parse(JSON.stringify(madeSecrets({ given, config })));
  t.same(secretsOf(withSecrets(given, null, left)), secretsOf(config), 'a successor goes on with them');
  t.same(secretsOf(withSecrets(given, { given, config })), secretsOf(config), 'and so does a reload');
});
