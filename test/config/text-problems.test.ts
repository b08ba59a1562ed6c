// Text that is not YAML, or not a config at all, is told apart and placed.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { problemTable } from './problem-table.ts';

problemTable({
  'an empty file': [
    '',
    ['0:0 error the file is empty >> listen: 8080, and upstreams: [http://127.0.0.1:3000]'],
  ],
  'only a comment': [
    '# nothing\n',
    ['0:0 error the file is empty >> listen: 8080, and upstreams: [http://127.0.0.1:3000]'],
  ],
  'an empty line before nothing': [
    '\n{}',
    [
      '1:1 error there is nothing to serve >> upstreams: [http://127.0.0.1:3000]',
      '1:1 error there is nothing to listen on >> listen: 8080',
    ],
  ],
  'an empty line before a key that is empty': [
    '\n: 1',
    [
      '1:1 error there is nothing to serve >> upstreams: [http://127.0.0.1:3000]',
      '1:1 error there is nothing to listen on >> listen: 8080',
      '2:1 error unknown key "" >> one of listen, listeners, upstreams, balance, affinity, continuity, health, retries, timeouts, pools, routes, session, sessions, signing, workers, watch, trustedProxies, limits, rateLimits, allow, deny, via, strictTarget, dropUnderscores, abortOnClose, forwarded, proxyAuth, errors, admin, log, tracing, shutdown',
    ],
  ],
  'a quotation over empty lines that stands where none may': [
    '  : }"\n\n  "',
    ['1:5 error this does not belong here', '3:3 error this does not belong here'],
  ],
  'a control character beside the environment': [
    'listen: 1\nupstreams: [http://a:1]\nvia: "\\x18 \u0018${SECRET}"',
    ['3:6 error via: "\\x18 ?${SECRET}" (of the environment) is not a word >> a word'],
  ],
  'a word': [
    'x',
    [
      '1:1 error "x" cannot stand here >> a block of keys: listen, listeners, upstreams, balance, affinity, continuity, health, retries, …',
    ],
  ],
  'a list': [
    '- a\n',
    [
      '1:1 error a list cannot stand here >> a block of keys: listen, listeners, upstreams, balance, affinity, continuity, health, retries, …',
    ],
  ],
  'an empty map': [
    '{}',
    [
      '1:1 error there is nothing to serve >> upstreams: [http://127.0.0.1:3000]',
      '1:1 error there is nothing to listen on >> listen: 8080',
    ],
  ],
  'nothing to serve': [
    'listen: 1\n',
    ['1:1 error there is nothing to serve >> upstreams: [http://127.0.0.1:3000]'],
  ],
  'nothing to listen on': [
    'upstreams: [http://a:1]\n',
    ['1:1 error there is nothing to listen on >> listen: 8080'],
  ],
  'a key that is there twice': [
    'listen: 1\nupstreams: [http://a:1]\nlisten: 2\n',
    ['3:1 error the key "listen" is there twice >> each key once'],
  ],
  'a twice key in a block': [
    'listen: 1\nupstreams: [http://a:1]\nlog: { level: info, level: warn }\n',
    ['3:21 error log: the key "level" is there twice >> each key once'],
  ],
  'a key that is a list': [
    'listen: 1\nupstreams: [http://a:1]\n? [a]\n: 3\n',
    ['3:3 error a key must be a plain word'],
  ],
  'a merge key': [
    'listen: 1\nupstreams: [http://a:1]\n<<: { via: x }\n',
    [
      '3:1 error unknown key "<<" >> one of listen, listeners, upstreams, balance, affinity, continuity, health, retries, timeouts, pools, routes, session, sessions, signing, workers, watch, trustedProxies, limits, rateLimits, allow, deny, via, strictTarget, dropUnderscores, abortOnClose, forwarded, proxyAuth, errors, admin, log, tracing, shutdown',
    ],
  ],
  'an alias of nothing': [
    'listen: 1\nupstreams: [http://a:1]\nvia: *x\n',
    ['3:6 error no anchor `&x` stands before this alias'],
  ],
  'an alias within itself': [
    'listen: 1\nupstreams: &u [http://a:1, *u]\n',
    [
      '2:28 error upstreams[1]: a list cannot stand here >> `http://host:port`, `https://host:port` or `unix:/path`, or a block of keys',
    ],
  ],
  'an unclosed list': [
    'listen: [1\nb',
    ['1:9 error this `[` is not closed >> `]` behind the last of what it holds'],
  ],
  'an unclosed map, among brackets that mean nothing': [
    'listen: 1 # [\nvia: "{[]"\nroutes: [{ path: /a, pool: x ]\nhealth: off\n',
    ['3:10 error this `{` is not closed >> `}` behind the last of what it holds'],
  ],
  'a tab': ['\tlisten: 1\n', ['1:1 error tabs are not allowed as indentation >> indent with spaces']],
  'two documents': [
    'listen: 1\n---\na: 1\n',
    ['2:1 error the file holds more than one document >> one document, without a second `---`'],
  ],
  'a tag': ['listen: !!foo 1\nupstreams: [http://a:1]\n', ['1:9 error a tag means nothing here']],
  'an unclosed text': ['listen: "1\n', ['2:1 error a quotation mark before this is not closed']],
  'a crooked block': [
    'health:\n  active: {}\n panic: 1%\n',
    [
      '3:2 error this key does not begin where those before it do >> keys of one block begin in the same column',
    ],
  ],
  'no value': [
    'listen:\nupstreams: []\nhealth:\n',
    [
      '1:8 error listen: there is no value here >> `8080`, `host:port`, `[::1]:80` or `unix:/path`',
      '2:12 error upstreams: the list is empty >> [http://127.0.0.1:3000]',
      '3:8 error health: there is no value here >> a block of keys (active, passive, suspicion, panic), or `false`',
    ],
  ],
  'an empty variable': [
    'listen: 1\nupstreams: [http://a:1]\nvia: ${EMPTY}\n',
    ['3:6 error via: ${EMPTY} (of the environment) is not a word >> a word'],
  ],
  'a missing variable': [
    'listen: 1\nupstreams: [http://a:1]\nvia: x-${NOPE}\n',
    ['3:8 error the environment has no NOPE >> set NOPE, or write ${NOPE:-default}'],
  ],
  'a variable between brackets, without quotation marks': [
    'listen: 1\nupstreams: [http://${HOST}:1, http://b]\nadmin: { bind: ${BIND} }\n',
    [
      '2:20 error a variable between brackets must stand in quotation marks >> quotation marks around the whole of it: "${NAME}"',
      '3:16 error a variable between brackets must stand in quotation marks >> quotation marks around the whole of it: "${NAME}"',
    ],
  ],
  'a variable that is not closed': [
    'listen: ${NOPE\nupstreams: [http://a:1]\n',
    ['1:9 error this `${` is not closed >> ${NAME} or ${NAME:-default}; a literal `${` is written `$${`'],
  ],
  'a variable without a name': [
    'listen: 1\nupstreams: [http://a:1]\nvia: ${no-pe}\n',
    [
      '3:6 error this is not the name of an environment variable >> ${NAME} or ${NAME:-default}; a literal `${` is written `$${`',
    ],
  ],
  'a value of the environment': [
    'listen: ${BADPORT}\nupstreams: ["http://x:${SECRET}@a:1"]\n',
    [
      '1:9 error listen: ${BADPORT} (of the environment) is not `8080`, `host:port`, `[::1]:80` or `unix:/path` >> `8080`, `host:port`, `[::1]:80` or `unix:/path`',
      '2:13 error upstreams[0]: "http://***@a:1" (of the environment) is not `http://host:port`, `https://host:port` or `unix:/path` >> `http://host:port`, `https://host:port` or `unix:/path`',
    ],
  ],
});
