// Limits that nobody could count, and lists that nobody could read, never start.
import { problemTable } from './problem-table.ts';

const HEAD = 'listen: 1\nupstreams: [http://a:1]\n';
const one = (limit: string): string => `${HEAD}routes: [{ pool: default, rateLimit: ${limit} }]\n`;

problemTable({
  'a rate that is none': [
    one('{ rate: 10 }'),
    [
      '3:46 error routes[0].rateLimit.rate: "10" does not say how many requests in how long >> 100/s, 600/m or 10/h',
    ],
  ],
  'a rate per week': [
    one('{ rate: 10/w }'),
    ['3:46 error routes[0].rateLimit.rate: "w" is not s, m, h or d >> 100/s, 600/m or 10/h'],
  ],
  'a limit without a rate': [
    one('{ burst: 5 }'),
    ['3:38 error routes[0].rateLimit: `rate` is missing >> rate: …'],
  ],
  'a limit that is not there': [
    `${HEAD}rateLimits: { logins: { rate: 5/m } }\nroutes: [{ pool: default, rateLimit: [login] }]\n`,
    [
      '3:15 warning rateLimits.logins: no route has the rate limit "logins" >> rateLimit: logins, at a route',
      '4:39 error routes[0].rateLimit[0]: there is no rate limit "login" >> logins',
    ],
  ],
  'a limit by user where nobody checks a session': [
    one('{ rate: 1/s, by: session-user }'),
    [
      '3:38 error routes[0].rateLimit: nobody checks a session here, so that nobody has a user to be counted by >> session: NAME at this route, or by: address',
    ],
  ],
  'a limit by two things, and by none': [
    `${HEAD}routes: [{ pool: default, rateLimit: [{ rate: 1/s, by: { header: A, cookie: b } }, { rate: 1/s, by: {} }] }]\n`,
    [
      '3:56 error routes[0].rateLimit[0].by: one is counted by a header or by a cookie >> { header: X-Api-Key }',
      '3:101 error routes[0].rateLimit[1].by: one is counted by a header or by a cookie >> { header: X-Api-Key }',
    ],
  ],
  'a shared limit in something that is no Redis': [
    one('{ rate: 1/s, shared: "memcached://m" }'),
    ['3:59 error routes[0].rateLimit.shared: rate limits are not kept in memcached >> redis://host:6379/0'],
  ],
  'a shared limit on a route that asks nobody': [
    `${HEAD}routes: [{ pool: default }, { path: /r, redirect: { to: /x }, rateLimit: { rate: 1/s, shared: "redis://127.0.0.1" } }]\n`,
    [
      '3:74 error routes[1].rateLimit: a shared limit waits for its Redis, which a route without a pool does not >> a limit without `shared`',
    ],
  ],
  'shared limits in two places': [
    `${HEAD}routes: [{ pool: default, rateLimit: [{ rate: 1/s, shared: "redis://127.0.0.1" }, { rate: 1/m, shared: "redis://127.0.0.2" }] }]\n`,
    [
      '3:27 error routes[0].rateLimit: the shared limits of one route are shared on one Redis >> the same `shared` in each',
    ],
  ],
  'several shared limits on a cluster': [
    `${HEAD}routes: [{ pool: default, rateLimit: [{ rate: 1/s, shared: "redis+cluster://127.0.0.1" }, { rate: 1/m, shared: "redis+cluster://127.0.0.1" }] }]\n`,
    [
      '3:27 error routes[0].rateLimit: the keys of several limits lie on several nodes of a cluster, which no one call can ask >> one shared limit on this route, or a single Redis',
    ],
  ],
  'lists that hold no addresses': [
    `${HEAD}deny: [10.0.0.0/33, { file: none.txt }]\n`,
    [
      '3:8 error deny[0]: "10.0.0.0/33" is not an address or a CIDR block >> 10.0.0.0/8, 192.168.1.7 or fd00::/8',
      '3:29 error deny[1].file: "none.txt" does not exist >> the path of a file that Limpet may read, relative to the config',
    ],
  ],
});
