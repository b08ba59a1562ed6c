// Addresses that collide and an admin API that is open to all never start.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { problemTable } from './problem-table.ts';

problemTable({
  'a listener that nobody is trusted at': [
    'listeners: [{ bind: 1, proxyProtocol: true }]\nupstreams: [http://a:1]\n',
    [
      '1:39 warning listeners[0].proxyProtocol: nobody can connect here: PROXY headers are believed from `trustedProxies` only, and there are none >> trustedProxies: [10.0.0.0/8]',
    ],
  ],
  'a listener on a unix socket, whose peers have no addresses,': [
    'listeners: [{ bind: "unix:/run/l.sock", proxyProtocol: true }]\nupstreams: [http://a:1]\n',
    [],
  ],
  'an unknown version of the PROXY protocol': [
    'listen: 1\npools: { default: { upstreams: [http://a:1], proxyProtocol: v3 } }\n',
    ['2:61 error pools.default.proxyProtocol: "v3" is not one of v1, v2, false >> v1'],
  ],
  'one address twice': [
    'listeners: [{ bind: 80 }, { bind: "127.0.0.1:80" }]\nupstreams: [http://a:1]\n',
    [
      '1:35 error listeners[1].bind: 127.0.0.1:80 is taken by `listeners[0].bind` (0.0.0.0:80) >> another port',
    ],
  ],
  'the address of the admin API': [
    'listen: 9090\nupstreams: [http://a:1]\n',
    ['1:9 error listen: 0.0.0.0:9090 is taken by `admin.bind` (127.0.0.1:9090) >> another port'],
  ],
  'probes on the admin address': [
    'listen: 1\nupstreams: [http://a:1]\nadmin: { probes: "127.0.0.1:9090" }\n',
    ['3:18 error admin.probes: 127.0.0.1:9090 is taken by `admin.bind` (127.0.0.1:9090) >> another port'],
  ],
  'one name twice': [
    'listeners: [{ bind: 80, name: a }, { bind: 81, name: a }]\nupstreams: [http://a:1]\n',
    ['1:54 error listeners[1].name: the name "a" is that of another listener >> a name of its own'],
  ],
  'an open admin API': [
    'listen: 1\nupstreams: [http://a:1]\nadmin: { bind: 9090 }\n',
    [
      '3:16 error admin.bind: the admin API listens beyond this machine, where it needs `tokens` >> tokens: ["${LIMPET_ADMIN_TOKEN}"], or bind: 127.0.0.1:9090',
    ],
  ],
  'an open admin API with no token': [
    'listen: 1\nupstreams: [http://a:1]\nadmin: { bind: 9090, tokens: [] }\n',
    [
      '3:30 error admin.tokens: the admin API listens beyond this machine, where it needs a token >> ["${LIMPET_ADMIN_TOKEN}"]',
    ],
  ],
  'tokens that are weak or doubled': [
    'listen: 1\nupstreams: [http://a:1]\nadmin:\n  tokens:\n    - abc\n    - { token: "${SECRET}", name: x }\n    - { token: "${SECRET}", name: x }\n    - "with a space in the middle"\n',
    [
      '5:7 warning admin.tokens[0]: a token of less than 16 characters can be guessed >> openssl rand -hex 32',
      '7:16 error admin.tokens[2].token: this token is there twice >> a token each',
      '7:35 error admin.tokens[2].name: the name "x" is that of another token >> a name of its own',
      '8:7 error admin.tokens[3]: this token holds characters that `Authorization` cannot carry >> openssl rand -hex 32',
    ],
  ],
});
