// Pools, affinity and health that contradict themselves never start.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { problemTable } from './problem-table.ts';

problemTable({
  'two upstreams of one name': [
    'listen: 1\nupstreams: [{ url: http://a:1, name: x }, { url: http://b:1, name: x }]\n',
    [
      '2:68 error upstreams[1].name: the name "x" is that of upstreams[0] too >> a name of its own: users are kept by it',
    ],
  ],
  'two upstreams of one address': [
    'listen: 1\nupstreams: [http://a:1, { url: http://a:1, name: x }]\n',
    [
      '2:25 warning upstreams[1]: this is the address of upstreams[0] too >> one upstream with a greater `weight`',
    ],
  ],
  'the same upstream twice': [
    'listen: 1\nupstreams: [http://a:1, http://A:1/]\n',
    [
      '2:25 error upstreams[1]: the name "a:1" is that of upstreams[0] too >> a name of its own: users are kept by it',
    ],
  ],
  'backups of nothing': [
    'listen: 1\nupstreams: [{ url: http://a:1, backup: true }]\n',
    ['2:1 error upstreams: all upstreams are backups, of nothing >> one without `backup: true`'],
  ],
  'weights of nothing': [
    'listen: 1\nupstreams: [{ url: http://a:1, weight: 0 }]\n',
    ['2:1 warning upstreams: with every weight 0 nobody new is let in >> a `weight` of 1 or more'],
  ],
  'a queue that nobody joins': [
    'listen: 1\npools: { a: { upstreams: [http://a:1], queue: { max: 5 } } }\n',
    [
      '2:54 warning pools.a.queue.max: nobody ever waits, since nothing here has `maxConnections` >> maxConnections: 100',
    ],
  ],
  'tls for http': [
    'listen: 1\nupstreams: [{ url: http://a:1, tls: {} }]\n',
    ['2:32 error upstreams[0].tls: `tls` is for `https:` upstreams >> url: https://…'],
  ],
  'half a certificate': [
    'listen: 1\nupstreams: [{ url: https://a, tls: { cert: c.pem, serverName: "*.a" , verify: false } }]\n',
    [
      '2:36 error upstreams[0].tls: a certificate and its key belong together >> cert: client.pem, key: client.key',
      '2:44 error upstreams[0].tls.cert: "c.pem" does not exist >> the path of a file that Limpet may read, relative to the config',
      '2:63 error upstreams[0].tls.serverName: this is the name of one host >> a',
      '2:79 warning upstreams[0].tls.verify: anybody on the way can pose as this upstream >> ca: the authority that signed its certificate',
    ],
  ],
  'a check slower than its interval': [
    'listen: 1\nupstreams: [http://a:1]\nhealth: { active: { timeout: 3s } }\n',
    [
      '3:30 warning health.active.timeout: a check may take longer than the time to the next one >> a timeout below the interval',
    ],
  ],
  'tcp and a path': [
    'listen: 1\nupstreams: [http://a:1]\nhealth: { active: { tcp: true, path: /x, status: 200 } }\n',
    [
      '3:32 error health.active.path: `tcp: true` only connects, so `path` means nothing >> leave one of them out',
      '3:42 error health.active.status: `tcp: true` only connects, so `status` means nothing >> leave one of them out',
    ],
  ],
  'a body of HEAD': [
    'listen: 1\nupstreams: [http://a:1]\nhealth: { active: { method: HEAD, body: ok } }\n',
    ['3:35 error health.active.body: the answer to HEAD has no body >> method: GET'],
  ],
  'ejection longer than its longest': [
    'listen: 1\nupstreams: [http://a:1]\nhealth: { passive: { ejectFor: 10m, statuses: 200 } }\n',
    [
      '3:32 error health.passive.ejectFor: `ejectFor` is longer than `maxEjectFor` >> ejectFor: 10s, maxEjectFor: 5m',
      '3:47 error health.passive.statuses: only 400 to 599 can be failures >> 502, 503 or 5xx',
    ],
  ],
  'suspicion without ejection': [
    'listen: 1\nupstreams: [http://a:1]\nhealth: { passive: false, suspicion: {} }\n',
    [
      '3:27 error health.suspicion: `passive: false` also switches suspicion off >> leave it out, or passive: {}',
    ],
  ],
  'affinity of nothing': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: {}\n',
    [
      '3:11 error affinity: this does not say how a user is known >> cookie: {}, session: true or learned: { cookie: session_id }',
    ],
  ],
  'continuity of nothing': [
    'listen: 1\nupstreams: [http://a:1]\ncontinuity: {}\n',
    ['3:13 error continuity: this does not say which cookie is watched >> cookie: connect.sid'],
  ],
  'a login that is nowhere': [
    'listen: 1\nupstreams: [http://a:1]\ncontinuity: { cookie: sid, login: [/login, login] }\n',
    [
      '3:44 error continuity.login[1]: this is neither a path nor an address >> /login, or https://id.example.com/',
    ],
  ],
  'affinity by no session': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { session: false }\n',
    [
      '3:11 error affinity: this does not say how a user is known >> cookie: {}, session: true or learned: { cookie: session_id }',
    ],
  ],
  'affinity by a session that nothing reads': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { session: true }\n',
    [
      '3:13 error affinity.session: no route to this pool reads a session, so nobody would have a home >> a `session` block, or cookie: {}',
    ],
  ],
  'affinity by the session and by a cookie': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { session: user, cookie: { secrets: "${SECRET}" } }\n',
    ['3:13 error affinity.session: `cookie` and `session` are two ways to find a home >> one of them'],
  ],
  'affinity by the session of some routes': [
    'listen: 1\nsessions: { members: { verify: cookie-session, secrets: "${SECRET}", user: id } }\nroutes:\n  - { path: /, pool: a, session: members }\n  - { path: /pub, pool: a }\n  - { path: /static, pool: a, affinity: false }\npools: { a: { upstreams: [http://a:1], affinity: { session: user } } }\n',
    [
      '5:5 warning routes[1]: homes of pool "a" are found by the session, and this route reads none: its requests go anywhere >> session: NAME, or affinity: false',
    ],
  ],
  'affinity by a session of nobody': [
    'listen: 1\nupstreams: [http://a:1]\nsession: { verify: cookie-session, secrets: "${SECRET}", user: id }\naffinity: { session: nobody }\n',
    ['4:22 error affinity.session: "nobody" is not one of user, true, false >> user, true, false'],
  ],
  'affinity of two kinds': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}" }, learned: { cookie: a } }\n',
    ['3:47 error affinity.learned: `cookie` and `learned` are two ways to find a home >> one of them'],
  ],
  'a cookie without secrets': [
    'listen: 1\nupstreams: [http://a:1]\naffinity:\n  cookie: {}\n',
    [
      '4:3 warning affinity.cookie: without `secrets` one is made at start, and users move at every restart >> secrets: ["${LIMPET_SECRET}"]',
    ],
  ],
  'short and doubled secrets': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: [abc, abc] } }\n',
    [
      '3:33 warning affinity.cookie.secrets[0]: a secret of less than 16 bytes can be guessed >> openssl rand -hex 32',
      '3:38 warning affinity.cookie.secrets[1]: a secret of less than 16 bytes can be guessed >> openssl rand -hex 32',
      '3:38 warning affinity.cookie.secrets[1]: this secret is there twice >> each secret once',
    ],
  ],
  'a number for a secret': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: 1234567890123456 } }\n',
    ['3:32 error affinity.cookie.secrets: a secret is a text >> put it in quotation marks'],
  ],
  'an empty secret': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: ["${EMPTY}", ""] } }\n',
    [
      '3:33 error affinity.cookie.secrets[0]: the environment has only an empty text here >> at least 16 random bytes: openssl rand -hex 32',
      '3:45 error affinity.cookie.secrets[1]: this secret is empty >> at least 16 random bytes: openssl rand -hex 32',
    ],
  ],
  'a secret file that is missing': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: [{ file: nope }] } }\n',
    [
      '3:33 error affinity.cookie.secrets[0]: "nope" does not exist >> the path of a file that Limpet may read, relative to the config',
    ],
  ],
  'SameSite=None without Secure': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}", sameSite: none, secure: false } }\n',
    [
      '3:55 error affinity.cookie.sameSite: browsers refuse `sameSite: none` without `secure` >> secure: true',
    ],
  ],
  'SameSite=None with Secure by itself': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}", sameSite: none } }\n',
    [
      '3:55 warning affinity.cookie.sameSite: browsers refuse `sameSite: none` without `secure`, and `auto` leaves it out where the client came without TLS >> secure: true',
    ],
  ],
  'Partitioned without Secure': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}", partitioned: true, secure: false } }\n',
    [
      '3:58 error affinity.cookie.partitioned: browsers refuse `partitioned` without `secure` >> secure: true',
    ],
  ],
  '__Host- and its rules': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}", name: __Host-x, path: /a, domain: a.com, secure: false } }\n',
    [
      '3:51 error affinity.cookie.name: browsers refuse a name with `__Host-` without `secure` >> secure: true',
      '3:67 error affinity.cookie.path: a name with `__Host-` needs `path: /` >> /',
      '3:71 error affinity.cookie.domain: a name with `__Host-` allows no `domain` >> leave it out, or use __Secure-',
    ],
  ],
  '__Secure- without Secure': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}", name: __secure-x } }\n',
    [
      '3:51 warning affinity.cookie.name: browsers refuse a name with `__secure-` without `secure`, and `auto` leaves it out where the client came without TLS >> secure: true',
    ],
  ],
  'a cookie name that is none': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}", name: "a b", domain: com, path: x } }\n',
    [
      '3:51 error affinity.cookie.name: "a b" is not a cookie name >> limpet',
      '3:66 error affinity.cookie.domain: "com" is a top-level domain, for which browsers refuse cookies >> example.com',
      '3:77 error affinity.cookie.path: "x" does not begin with `/` >> /',
    ],
  ],
  'prefix without of': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}", mode: prefix, maxAge: 1h } }\n',
    [
      "3:21 error affinity.cookie: `mode: prefix` needs the name of the app's own cookie >> of: session_id",
      "3:59 error affinity.cookie.maxAge: `maxAge` means nothing for `mode: prefix`: the cookie is the app's >> leave it out",
    ],
  ],
  'of without prefix': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: "${SECRET}", of: sid } }\n',
    ['3:45 error affinity.cookie.of: `of` is for `mode: prefix` >> mode: prefix'],
  ],
  'learned without a cookie': [
    'listen: 1\nupstreams: [http://a:1]\naffinity: { learned: {} }\n',
    ['3:22 error affinity.learned: `cookie` is missing >> cookie: session_id'],
  ],
});
