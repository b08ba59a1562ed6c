// Values that cannot be read are told with what would be right.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { problemTable } from './problem-table.ts';

problemTable({
  'a number without a unit': [
    'listen: 1\nupstreams: [http://a:1]\ntimeouts: { connect: 1, idle: 3000 }\nshutdown: { delay: 5 }\n',
    [
      '3:22 error timeouts.connect: "1" has no unit >> 1s',
      '3:31 error timeouts.idle: "3000" has no unit >> 3000ms',
      '4:20 error shutdown.delay: "5" has no unit >> 5s',
    ],
  ],
  'a value beyond its bounds': [
    'listen: 1\nupstreams: [http://a:1]\nworkers: 0\ntimeouts: { connect: 0, response: 40d }\n',
    [
      '3:10 error workers: "0" is less than 1 >> 1 to 256, or auto',
      '4:22 error timeouts.connect: "0" is less than 1ms >> 1ms to 1h',
      '4:35 error timeouts.response: "40d" is more than 1d >> 1ms to 1d',
    ],
  ],
  'off where there is none': [
    'listen: 1\nupstreams: [http://a:1]\ntimeouts: { response: off }\n',
    ['3:23 error timeouts.response: "off" is not a duration >> 500ms, 2s, 5m, 1h or 1d'],
  ],
  'the wrong kind of value': [
    'listen: 1\nupstreams: [http://a:1]\nshutdown: 5s\naffinity: true\nvia: [x]\nerrors: 3\nabortOnClose: maybe\nstrictTarget: no\n',
    [
      '3:11 error shutdown: "5s" cannot stand here >> a block of keys: delay, deadline',
      '4:11 error affinity: "true" cannot stand here >> a block of keys (cookie, learned, session, onLost, maxOverload), or `false`',
      '5:6 error via: a list cannot stand here >> a word, or `false`',
      '6:9 error errors: "3" cannot stand here >> a block of keys',
      '7:15 error abortOnClose: "maybe" is neither true nor false >> true',
      '8:15 error strictTarget: "no" is neither true nor false >> false',
    ],
  ],
  'a word that is none of those': [
    'listen: 1\nupstreams: [http://a:1]\nbalance: least-conections\nlog: { level: loud }\n',
    [
      '3:10 error balance: "least-conections" is not one of round-robin, least-connections, peak-ewma, random >> least-connections',
      '4:15 error log.level: "loud" is not one of trace, debug, info, warn, error, silent >> trace, debug, info, warn, error, silent',
    ],
  ],
  'hash without on': [
    'listen: 1\nupstreams: [http://a:1]\nbalance: hash\n',
    ['3:10 error balance: `hash` needs to know what to hash >> { hash: { on: address } }'],
  ],
  'a hash without itself': [
    'listen: 1\nupstreams: [http://a:1]\nbalance: {}\n',
    ['3:10 error balance: `hash` is missing >> hash: { … }'],
  ],
  'hash without what': [
    'listen: 1\nupstreams: [http://a:1]\nbalance: { hash: {} }\n',
    ['3:18 error balance.hash: `on` is missing >> on: address'],
  ],
  'hash on a map': [
    'listen: 1\nupstreams: [http://a:1]\nbalance: { hash: { on: { header: X } } }\n',
    [
      '3:24 error balance.hash.on: a block of keys cannot stand here >> `address`, `path`, `header NAME`, `cookie NAME` or `query NAME`',
    ],
  ],
  'upstreams that are none': [
    'listen: 1\nupstreams: [ftp://x, "http://a:99999", "unix:a.sock", {name: x}, 3, "http://a:1/api", "http://b?x"]\n',
    [
      '2:13 error upstreams[0]: an upstream cannot be reached by "ftp:" >> http://127.0.0.1:3000, https://app.internal:8443 or unix:/run/app.sock',
      '2:22 error upstreams[1]: "99999" is not a port >> a number from 1 to 65535',
      '2:40 error upstreams[2]: "a.sock" is not an absolute path >> unix:/run/app.sock',
      '2:55 error upstreams[3]: `url` is missing >> url: http://127.0.0.1:3000',
      '2:66 error upstreams[4]: "3" is not the address of an upstream >> http://127.0.0.1:3000, https://app.internal:8443 or unix:/run/app.sock',
      '2:69 error upstreams[5]: the address of an upstream has no path; `rewrite: { addPrefix }` of a route puts a path in front >> http://a:1',
      '2:87 error upstreams[6]: the address of an upstream has no query >> http://b',
    ],
  ],
  'an upstream with a password': [
    'listen: 1\nupstreams: ["http://me:hunter2@a:1"]\n',
    ['2:13 error upstreams[0]: the address of an upstream has no user or password >> http://a:1'],
  ],
  'binds that are none': [
    'listeners: [{ bind: "a" }, { bind: 99999 }, { bind: "http://a:1" }]\nupstreams: [http://a:1]\n',
    [
      '1:21 error listeners[0].bind: "a" has no port >> 8080, 127.0.0.1:8080, [::1]:8080 or unix:/run/limpet.sock',
      '1:36 error listeners[1].bind: "99999" is not a port >> a number from 1 to 65535',
      '1:53 error listeners[2].bind: "http://a:1" is a URL, not an address >> 8080, 127.0.0.1:8080, [::1]:8080 or unix:/run/limpet.sock',
    ],
  ],
  'networks that are none': [
    'listen: 1\nupstreams: [http://a:1]\ntrustedProxies: [10.0.0.1/8, 1.2.3]\n',
    [
      '3:18 error trustedProxies[0]: "10.0.0.1/8" is an address inside a block, not the block >> 10.0.0.0/8',
      '3:30 error trustedProxies[1]: "1.2.3" is not an address or a CIDR block >> 10.0.0.0/8, 192.168.1.7 or fd00::/8',
    ],
  ],
  'statuses that are none': [
    'listen: 1\nupstreams: [http://a:1]\nhealth: { active: { status: 600 } }\nretries: { statuses: [200-599] }\n',
    [
      '3:29 error health.active.status: "600" is outside 100-599 >> 200-399',
      '4:23 error retries.statuses[0]: only 400 to 599 can be failures >> 502, 503 or 5xx',
    ],
  ],
  'pages that are none': [
    'listen: 1\nupstreams: [http://a:1]\nerrors: { 503: nope.html, 200: { html: x }, 5xx: { xml: y }, 404: page.php }\n',
    [
      '3:16 error errors.503: "nope.html" does not exist >> the path of a file that Limpet may read, relative to the config',
      '3:27 error errors: "200" is not a status of an error >> 503, 4xx or 5xx',
      '3:50 error errors.5xx: this is not a page >> file.html, { html: text }, { text: text } or { json: value }',
      '3:67 error errors.404: "page.php" is not a .html, .json or .txt file >> file.html, { html: text }, { text: text } or { json: value }',
    ],
  ],
  limits: [
    'listen: 1\nupstreams: [http://a:1]\nlimits: { head: 10, minRate: 240, fields: 5, body: 1 }\n',
    [
      '3:17 error limits.head: "10" has no unit >> 10KiB',
      '3:30 error limits.minRate: "240" has no unit >> 240 B/s, or off',
      '3:43 error limits.fields: "5" is less than 10 >> 10 to 1000',
      '3:52 error limits.body: "1" has no unit >> 1KiB, or unlimited',
    ],
  ],
  'a share as a fraction': [
    'listen: 1\nupstreams: [http://a:1]\nretries: { budget: 0.2 }\n',
    ['3:20 error retries.budget: "0.2" has no unit >> 20%'],
  ],
  'a pool with a name that is none': [
    'listen: 1\npools: { "a b": { upstreams: [http://a:1] } }\n',
    ['2:10 error pools: "a b" is not a name >> a-b'],
  ],
});
