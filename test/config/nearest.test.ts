// A slip of the finger finds its word, and a word from nowhere finds none.
import t from 'tap';
import { nearest } from '../../src/config/nearest.ts';

const known = ['listen', 'listeners', 'upstreams', 'maxConnections', 'trustedProxies', 'log'];

t.test('the nearest word is found', async (t) => {
  const slips = {
    lisen: 'listen',
    listne: 'listen',
    Listen: 'listen',
    upstream: 'upstreams',
    max_connections: 'maxConnections',
    'trusted-proxies': 'trustedProxies',
    lgo: 'log',
  };
  for (const [slip, word] of Object.entries(slips)) t.equal(nearest(slip, known), word, slip);
});

t.test('a far-fetched guess is not made', async (t) => {
  for (const word of ['session', 'x', '', 'q'.repeat(1000)])
    t.equal(nearest(word, known), null, word.slice(0, 9));
});
