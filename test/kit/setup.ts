// Run by `npm test` before the tests: sees that the programs they drive are there, and installs Debian's packages where it may.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

interface Need {
  /** Any one of these on the PATH will do. */
  readonly programs: readonly string[];
  /** Debian's package that has the first of them. */
  readonly debianPackage: string;
  readonly why: string;
}

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

function isOnPath(program: string): boolean {
  return folders().some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function missing(): Need[] {
  return needs.filter((need) => !need.programs.some(isOnPath));
}

function aptGet(...args: string[]): boolean {
  const done = spawnSync('apt-get', args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return done.status === 0;
}

function install(packages: readonly string[]): void {
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  // A fresh machine has no package lists yet; one that has them is spared the download.
  if (!aptGet(...install) && aptGet('update')) aptGet(...install);
}

const absent = missing();
if (absent.length > 0 && process.getuid?.() === 0 && isOnPath('apt-get')) {
  install(absent.map((need) => need.debianPackage));
}
const still = missing();
if (still.length > 0) {
  for (const need of still) console.error(`missing: ${need.programs[0]} (${need.why})`);
  console.error(`install with: apt-get install -y ${still.map((need) => need.debianPackage).join(' ')}`);
  process.exit(1);
}
