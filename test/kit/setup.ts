// Run by `npm test` before the tests: sees that the programs they drive are there, and installs Debian's packages where it may.
import { spawnSync } from 'node:child_process';
import { isOnPath, missing, type Need } from './setup-needs.ts';

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

const packagesOf = (needs: readonly Need[]): string[] => needs.map((need) => need.debianPackage);
const isOptional = ({ optional }: Need): boolean => optional === true;

const absent = missing();
if (absent.length > 0 && process.getuid?.() === 0 && isOnPath('apt-get')) {
  const wanted = absent.filter((need) => !isOptional(need));
  if (wanted.length > 0) install(packagesOf(wanted));
  // Apart from the others, which should not want for a package that this Debian does not have.
  if (absent.some(isOptional)) install(packagesOf(absent.filter(isOptional)));
}
const lacking = missing();
for (const { debianPackage, why } of lacking.filter(isOptional))
  console.error(`not here: ${debianPackage} (${why}); its tests are skipped`);
const still = lacking.filter((need) => !isOptional(need));
if (still.length > 0) {
  for (const { programs, part, debianPackage, why } of still)
    console.error(`missing: ${part === undefined ? programs[0] : debianPackage} (${why})`);
  console.error(`install with: apt-get install -y ${packagesOf(still).join(' ')}`);
  process.exit(1);
}
