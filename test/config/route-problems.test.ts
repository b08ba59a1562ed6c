// Routes that contradict each other, or would break a message, never start.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { problemTable } from './problem-table.ts';

problemTable({
  'a pool that is not there': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ pool: defalt }, { path: /x, pool: y }]\n',
    [
      '3:18 error routes[0].pool: there is no pool "defalt" >> default',
      '3:46 error routes[1].pool: there is no pool "y" >> default',
    ],
  ],
  'a route to nowhere': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ path: /x }]\n',
    [
      '2:1 warning upstreams: no route leads to pool "default" >> pool: default',
      '3:10 error routes[0]: this route does not say what becomes of its requests >> pool, redirect or respond',
    ],
  ],
  'a route to two places': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ pool: default, respond: {} }]\n',
    [
      '3:27 error routes[0].respond: a route has one of `pool`, `pools`, `redirect`, `respond` and `jwks`, not 2 of them >> one of them',
    ],
  ],
  'sides of a split that are no sides': [
    `listen: 1
pools:
  a: { upstreams: [http://a:1] }
  b: { upstreams: [http://b:1] }
routes:
  - { path: /x, pools: [{ pool: a, weight: 0 }, { pool: b, weight: 0 }] }
  - { path: /y, pools: [{ pool: a, weight: 1 }, { pool: c, weight: 1 }] }
  - { path: /z, pools: [{ pool: a, weight: 1 }, { pool: a, weight: 1 }] }
  - { path: /w, pool: a, pools: [{ pool: a, weight: 1 }, { pool: b, weight: 1 }] }
  - { path: /v, pools: [{ pool: a, weight: 1 }] }
`,
    [
      '6:24 error routes[0].pools: no side has any weight >> a weight above 0 for one of them',
      '7:57 error routes[1].pools[1].pool: there is no pool "c" >> a',
      '8:57 error routes[2].pools[1].pool: the pool "a" is there twice >> each once',
      '9:26 error routes[3].pools: a route has one of `pool`, `pools`, `redirect`, `respond` and `jwks`, not 2 of them >> one of them',
      '10:24 error routes[4].pools: the list has fewer than 2 items >> [{ … }]',
    ],
  ],
  'sides of a split that know their users by different cookies': [
    `listen: 1
pools:
  a: { upstreams: [http://a:1], affinity: { cookie: { secrets: [0123456789abcdef0123456789abcdef] } } }
  b: { upstreams: [http://b:1], affinity: { cookie: { name: other, secrets: [0123456789abcdef0123456789abcdef] } } }
  c: { upstreams: [http://c:1] }
routes:
  - { path: /x, pools: [{ pool: a, weight: 1 }, { pool: b, weight: 1 }] }
  - { path: /y, pools: [{ pool: a, weight: 1 }, { pool: c, weight: 1 }] }
  - { path: /z, affinity: false, pools: [{ pool: a, weight: 1 }, { pool: c, weight: 1 }] }
`,
    [
      '7:24 error routes[0].pools: the pools of a split know their users by one cookie >> affinity.cookie of the same name, path and domain in each pool',
      '8:24 error routes[1].pools: the pools of a split know their users by one cookie >> affinity.cookie of the same name, path and domain in each pool',
    ],
  ],
  'a split with a pool that is not there, which has no cookie either': [
    `listen: 1
pools:
  a: { upstreams: [http://a:1], affinity: { cookie: { secrets: [0123456789abcdef0123456789abcdef] } } }
routes:
  - pools: [{ pool: a, weight: 1 }, { pool: aa, weight: 1 }]
`,
    ['5:45 error routes[0].pools[1].pool: there is no pool "aa" >> a'],
  ],
  'a site in short, of which only the login is left': [
    'listen: 1\nupstreams: [http://a:1]\nroutes:\n  - { path: /login, pool: default, rateLimit: { rate: 5/m } }\n',
    [
      '3:1 warning routes: no route is for `/`: what none of them names is answered 404 >> - { path: /, pool: default } beside them',
    ],
  ],
  'two routes for the same': [
    'listen: 1\nupstreams: [http://a:1]\nroutes:\n  - { path: /a, pool: default }\n  - { path: /a/, pool: default }\n  - { path: "= /a", pool: default }\n',
    [
      '5:5 error routes[1]: this route is for the same requests as routes[0] >> another host, path or methods',
    ],
  ],
  'two routes with one method in common': [
    'listen: 1\nupstreams: [http://a:1]\nroutes:\n  - { methods: [GET, POST], pool: default }\n  - { methods: [POST], pool: default }\n',
    [
      '5:5 error routes[1]: this route is for the same requests as routes[0] >> another host, path or methods',
    ],
  ],
  'paths that are none': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ path: a, pool: default }, { path: /b*, pool: default }, { path: /c/../d, pool: default }]\n',
    [
      '3:18 error routes[0].path: "a" does not begin with `/` >> /a',
      '3:46 error routes[1].path: "/b*" holds a `*`, but a path is a prefix by itself >> /b',
      '3:76 error routes[2].path: "/c/../d" is not in its simplest form >> /c/d',
    ],
  ],
  'hosts that are none': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ host: "*", pool: default }, { host: "a.b:80", pool: default }]\n',
    [
      '3:18 error routes[0].host: `*` is every host, which is what a route without `host` is for >> shop.example.com or *.example.com',
      '3:48 error routes[1].host: "a.b:80" has a port, but the port is the listener\'s >> a.b',
    ],
  ],
  'methods that are none': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ methods: [get, TRACE], pool: default }]\n',
    [
      '3:22 error routes[0].methods[0]: "get" is not a method, since methods are upper case >> GET',
      '3:27 error routes[0].methods[1]: TRACE is refused before any route is looked up >> GET, POST or another method',
    ],
  ],
  'redirects that lead astray': [
    'listen: 1\nupstreams: [http://a:1]\nroutes:\n  - { path: /a, redirect: { to: "//{path}" } }\n  - { path: /b, redirect: { to: "/{pth}", status: 305 } }\n  - { pool: default }\n',
    [
      '4:33 error routes[0].redirect.to: "//{path}" could lead to another site >> /new{path} or https://{host}{path}{query}',
      '5:33 error routes[1].redirect.to: "{pth}" is not a place to fill in >> {path}',
      '5:51 error routes[1].redirect.status: 305 does not lead anywhere >> 301, 302, 303, 307, 308',
    ],
  ],
  'keys that need a pool': [
    'listen: 1\nupstreams: [http://a:1]\nroutes:\n  - { path: /a, redirect: { to: / }, retries: false, affinity: false, rewrite: {} }\n  - { pool: default }\n',
    [
      '4:38 error routes[0].retries: `retries` means nothing for `redirect`, which asks no upstream >> leave it out',
      '4:54 error routes[0].affinity: `affinity` means nothing for `redirect`, which asks no upstream >> leave it out',
      '4:71 error routes[0].rewrite: `rewrite` means nothing for `redirect`, which asks no upstream >> leave it out',
    ],
  ],
  'a body where none may be': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ path: /a, respond: { status: 204, body: x } }, { pool: default }]\n',
    ['3:46 error routes[0].respond.body: an answer with 204 has no body >> status: 200'],
  ],
  'rewrites that contradict': [
    'listen: 1\nupstreams: [http://a:1]\nroutes: [{ path: /a, pool: default, rewrite: { stripPrefix: /b, path: /c } }]\n',
    [
      '3:61 error routes[0].rewrite.stripPrefix: the route\'s path "/a" does not begin with "/b" >> /a',
      '3:65 error routes[0].rewrite.path: `path` replaces the whole path, so `stripPrefix` and `addPrefix` would mean nothing >> path alone, or the others',
    ],
  ],
  'fields that may not be touched': [
    'listen: 1\nupstreams: [http://a:1]\nroutes:\n  - pool: default\n    headers:\n      request: { set: { Host: a, content-length: 1, Limpet-User: x, Cookie: a=b }, remove: [TE] }\n      response: { add: { Transfer-Encoding: chunked } }\n',
    [
      "6:25 error routes[0].headers.request.set.Host: `Host` is the pool's to say >> the pool's `host: keep`, `upstream` or a value",
      '6:34 error routes[0].headers.request.set.content-length: "content-length" frames messages or belongs to one connection, and is Limpet\'s own to write >> another field',
      '6:53 error routes[0].headers.request.set.Limpet-User: fields that begin with `Limpet-` are what Limpet tells the app >> another name',
      '6:69 error routes[0].headers.request.set.Cookie: `Cookie` is one field of many cookies, and affinity reads it >> another field',
      '6:93 error routes[0].headers.request.remove[0]: "TE" frames messages or belongs to one connection, and is Limpet\'s own to write >> another field',
      '7:26 error routes[0].headers.response.add.Transfer-Encoding: "Transfer-Encoding" frames messages or belongs to one connection, and is Limpet\'s own to write >> another field',
    ],
  ],
  'fields that are none': [
    'listen: 1\nupstreams: [http://a:1]\nroutes:\n  - pool: default\n    headers: { request: { set: { "a b": c, X-A: "1\\r\\n2", X-B: 1, x-b: 2 }, remove: [X-B] } }\n',
    [
      '5:34 error routes[0].headers.request.set: "a b" is not a field name >> X-Name',
      '5:49 error routes[0].headers.request.set.X-A: a field value has no control characters >> one line of printable characters',
      '5:59 error routes[0].headers.request.set.X-B: "X-B" is both set and removed >> `set` alone: it replaces',
      '5:67 error routes[0].headers.request.set.x-b: the field "x-b" is there twice >> each field once, in any case',
      '5:67 error routes[0].headers.request.set.x-b: "x-b" is both set and removed >> `set` alone: it replaces',
    ],
  ],
});
