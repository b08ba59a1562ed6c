// The programs that the tests drive, and which of them are not there.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Need {
  /** Any one of these on the PATH will do. */
  readonly programs: readonly string[];
  /** A part of the first of them that the tests use: arguments with which it ends well where the part is there. */
  readonly part?: readonly string[];
  /** Debian's package that has it. */
  readonly debianPackage: string;
  readonly why: string;
  /** True: where it cannot be had, its tests are skipped, and say so. */
  readonly optional?: boolean;
}

/** Debian's own, which finds the packages of Debian. */
const PYTHON = '/usr/bin/python3';

const hasPhp = (extension: string): string[] => ['-r', `exit(extension_loaded('${extension}') ? 0 : 1);`];

const hasPhpFile = (file: string): string[] => [
  '-r',
  `exit(stream_resolve_include_path('${file}') === false ? 1 : 0);`,
];

const needs: readonly Need[] = [
  { programs: ['php'], debianPackage: 'php-cli', why: 'the PHP app behind the proxy' },
  { programs: ['python3'], debianPackage: 'python3', why: 'the Python app behind the proxy' },
  { programs: ['curl'], debianPackage: 'curl', why: 'curl as a client' },
  {
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    debianPackage: 'chromium',
    why: 'pages in a browser',
  },
  { programs: ['redis-server'], debianPackage: 'redis-server', why: 'Redis as a store of sessions' },
  { programs: ['memcached'], debianPackage: 'memcached', why: 'Memcached as a store of sessions' },
  { programs: ['initdb'], debianPackage: 'postgresql', why: 'PostgreSQL as a store of sessions' },
  { programs: ['mariadbd'], debianPackage: 'mariadb-server', why: 'MariaDB as a store of sessions' },
  { programs: ['php'], part: hasPhp('redis'), debianPackage: 'php-redis', why: 'PHP sessions in Redis' },
  {
    programs: ['php'],
    part: hasPhp('memcached'),
    debianPackage: 'php-memcached',
    why: 'PHP sessions in Memcached',
  },
  {
    programs: [PYTHON],
    part: ['-c', 'import flask_session, redis'],
    debianPackage: 'python3-flask-session',
    why: 'Flask sessions, its own and in Redis',
  },
  {
    programs: [PYTHON],
    part: ['-c', 'import redis'],
    debianPackage: 'python3-redis',
    why: 'Flask sessions in Redis',
  },
  {
    programs: [PYTHON],
    part: ['-c', 'import django'],
    debianPackage: 'python3-django',
    why: 'Django sessions',
  },
  {
    programs: [PYTHON],
    part: ['-c', 'import MySQLdb'],
    debianPackage: 'python3-mysqldb',
    why: 'Django sessions in MariaDB',
  },
  {
    programs: [PYTHON],
    part: ['-c', 'import pymemcache'],
    debianPackage: 'python3-pymemcache',
    why: 'Django sessions in Memcached',
  },
  {
    programs: ['/usr/bin/ruby'],
    part: ['-e', "require 'rack'; require 'webrick'"],
    debianPackage: 'ruby-rack',
    why: 'Rack sessions',
  },
  {
    programs: ['/usr/bin/ruby'],
    part: ['-e', "require 'logger'; require 'action_controller/railtie'; require 'webrick'"],
    debianPackage: 'ruby-railties',
    why: 'Rails sessions',
    optional: true,
  },
  {
    programs: ['/usr/bin/ruby'],
    part: ['-e', "require 'redis'"],
    debianPackage: 'ruby-redis',
    why: 'Rails sessions in Redis',
    optional: true,
  },
  {
    programs: ['php'],
    part: hasPhpFile('Symfony/Component/HttpFoundation/autoload.php'),
    debianPackage: 'php-symfony-http-foundation',
    why: 'Symfony sessions',
    optional: true,
  },
  {
    programs: ['php'],
    part: hasPhpFile('Symfony/Component/Security/Http/autoload.php'),
    debianPackage: 'php-symfony-security-http',
    why: 'Symfony users',
    optional: true,
  },
  { programs: ['saslpasswd2'], debianPackage: 'sasl2-bin', why: 'users of Memcached' },
  {
    programs: ['sh'],
    part: ['-c', 'ls /usr/lib/*/sasl2/libplain.so /usr/lib/sasl2/libplain.so 2>/dev/null | grep -q .'],
    debianPackage: 'libsasl2-modules',
    why: 'passwords of Memcached’s users',
  },
  { programs: ['pebble'], debianPackage: 'pebble', why: 'an authority of certificates' },
  { programs: ['pebble-challtestsrv'], debianPackage: 'pebble', why: 'names that the authority looks up' },
  { programs: ['openssl'], debianPackage: 'openssl', why: 'certificates of the stores' },
];

/** Debian's servers are off the PATH of users who are not root; PostgreSQL's programs are by version. */
function folders(): string[] {
  const postgres = '/usr/lib/postgresql';
  const versions = existsSync(postgres) ? readdirSync(postgres) : [];
  return [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    ...versions.map((version) => join(postgres, version, 'bin')),
  ];
}

export function isOnPath(program: string): boolean {
  return folders().some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function missing(): Need[] {
  return needs.filter((need) => !isHere(need));
}

/** Whether what these packages are needed for is there, from wherever it came: for tests that are skipped without it. */
export function areHere(...packages: readonly string[]): boolean {
  return packages.every((name) => {
    const need = needs.find(({ debianPackage }) => debianPackage === name);
    if (need === undefined) throw new Error(`nothing is said of ${name}`);
    return isHere(need);
  });
}

function isHere({ programs, part }: Need): boolean {
  if (!programs.some((program) => (program.startsWith('/') ? existsSync(program) : isOnPath(program))))
    return false;
  return part === undefined || spawnSync(programs[0]!, part, { stdio: 'ignore' }).status === 0;
}
