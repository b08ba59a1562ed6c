// Keys that are unknown, doubled or for nothing are named, with the right one.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { problemTable } from './problem-table.ts';

problemTable({
  'a misspelt key': [
    'lisen: 1\nupstreams: [http://a:1]\nlisten: 2\n',
    ['1:1 error unknown key "lisen" >> listen'],
  ],
  'a misspelt key in a list': [
    'listen: 1\nupstreams: [{ url: http://a:1, wieght: 2 }]\n',
    ['2:32 error upstreams[0]: unknown key "wieght" >> weight'],
  ],
  'a key of another block': [
    'listen: 1\nupstreams: [http://a:1]\nqueue: { max: 3 }\n',
    ['3:1 error unknown key "queue" >> `queue` is known as pools.NAME.queue'],
  ],
  'a key of nowhere': [
    'listen: 1\nupstreams: [http://a:1]\nlog: { colour: red }\n',
    ['3:8 error log: unknown key "colour" >> one of level, access, format, to, sample'],
  ],
  'a key of a route that is not one': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ pool: default, timeouts: { head: 1s } }]\n',
    [
      '3:39 error routes[0].timeouts: unknown key "head" >> `head` is known as limits.head or timeouts.head; here it is one of connect, bodyIdle, response, stream, tunnel, tunnelTotal, total, expect',
    ],
  ],
  'a key of the top that is another here': [
    'listen: 1\nupstreams: [http://a:1]\nadmin: { listen: 9090 }\n',
    [
      '3:10 error admin: unknown key "listen" >> `listen` stands at the top of the config; here it is one of bind, tokens, probes, tls, userWindow',
    ],
  ],
  'a snake_case key': [
    'listen: 1\nupstreams: [http://a:1]\ntrusted_proxies: []\n',
    ['3:1 error unknown key "trusted_proxies" >> trustedProxies'],
  ],
  'a later key': [
    'listeners: [{ bind: 1, quic: true }]\nupstreams: [http://a:1]\n',
    ['1:24 error listeners[0]: unknown key "quic" >> one of bind, name, proxyProtocol, tls, redirectToHttps'],
  ],
  'both listen and listeners': [
    'listen: 1\nupstreams: [http://a:1]\nlisteners: [{ bind: 2 }]\n',
    ['1:1 error listen: `listen` is short for one listener, and `listeners` has them all >> one of them'],
  ],
  'both upstreams and pools.default': [
    'listen: 1\nupstreams: [http://a:1]\npools: { default: { upstreams: [http://a:1] } }\n',
    ['2:1 error upstreams: `upstreams` is short for pool `default`, which `pools` has too >> one of them'],
  ],
  'a short key for nothing': [
    'listen: 1\nbalance: random\ntimeouts: { connect: 1s, head: 1s }\npools: { a: { upstreams: [http://a:1] } }\n',
    [
      '2:1 error balance: `balance` stands for pool `default`, which is not there >> pools.a.balance',
      '3:13 error timeouts.connect: `timeouts.connect` stands for pool `default`, which is not there >> pools.a.timeouts.connect',
    ],
  ],
  'a short key beside its long one': [
    'listen: 1\nhealth: {}\npools: { default: { upstreams: [http://a:1], health: {} } }\n',
    ['2:1 error health: `health` stands for pool `default`, which has its own >> one of them'],
  ],
  'a pool without upstreams': [
    'listen: 1\npools: { a: { balance: random } }\n',
    ['2:13 error pools.a: `upstreams` is missing >> upstreams: [http://127.0.0.1:3000]'],
  ],
  'several pools and no route': [
    'listen: 1\npools:\n  a: { upstreams: [http://a:1] }\n  b: { upstreams: [http://b:1] }\n',
    ['2:1 error pools: nothing says which pool gets which request >> routes: [{ path: /, pool: NAME }]'],
  ],
  'a pool that no route uses': [
    'listen: 1\nupstreams: [http://a:1]\npools: { b: { upstreams: [http://b:1] } }\nroutes: [{ pool: default }]\n',
    ['3:10 warning pools.b: no route leads to pool "b" >> pool: b'],
  ],
  'a client timeout in one of several pools': [
    'listen: 1\npools: { a: { upstreams: [http://a:1], timeouts: { head: 1s, idle: 2s } }, b: { upstreams: [http://b:1] } }\nroutes: [{ pool: a }, { path: /b, pool: b }]\n',
    [
      '2:52 warning pools.a.timeouts.head: `head` holds before a pool is known, so it does nothing here >> timeouts: { head: … } at the top',
      '2:62 warning pools.a.timeouts.idle: `idle` holds before a pool is known, so it does nothing here >> timeouts: { idle: … } at the top',
    ],
  ],
});
