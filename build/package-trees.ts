// Cuts package.json and its lock down to what runs in production, with the drivers of stores that are asked for, or to what the build needs.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

type Names = Readonly<Record<string, string>>;

/** package.json, as far as it is read here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly dependencies: Names;
  readonly devDependencies?: Names;
  readonly peerDependencies?: Names;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** A package of the lock, under the folder that it is installed in. */
export interface LockedPackage extends Partial<Omit<Manifest, 'name'>> {
  readonly optionalDependencies?: Names;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
}

/** package-lock.json, of lockfileVersion 3. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export interface PackageTree {
  readonly manifest: Manifest;
  readonly lock: Lock;
}

/** A driver that Limpet does not know, or a lock that lacks something: for whoever called, without a stack. */
export class TreeProblem extends Error {}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * The manifest and the lock of production: only what Limpet's own dependencies and `drivers` (optional peers of package.json, which
 * become dependencies) come to, in the versions of the lock in `folder`. Throws TreeProblem.
 *
 * Because: npm's own `--omit=dev` does not do. It can't be told to keep one optional peer, and `npm sbom --omit dev` (npm 11) leaves out
 * each package that a development one uses too.
 */
export function productionTree(drivers: readonly string[] = [], folder = ROOT): PackageTree {
  const whole = readTree(folder);
  const { peerDependencies = {} } = whole.manifest;
  const added: Record<string, string> = {};
  for (const driver of drivers) {
    const range = peerDependencies[driver];
    if (range === undefined) {
      const names = Object.keys(peerDependencies).join(', ');
      throw new TreeProblem(`${JSON.stringify(driver)} is none of the drivers: ${names}`);
    }
    added[driver] = range;
  }
  return cutDown(whole, added);
}

/** What `npm run build` needs: production with every driver, since their types are checked, the compiler and all other types. */
export function buildTree(folder = ROOT): PackageTree {
  const whole = readTree(folder);
  const { devDependencies = {}, peerDependencies = {} } = whole.manifest;
  const types = Object.entries(devDependencies).filter(
    ([name]) => name === 'typescript' || name.startsWith('@types/'),
  );
  return cutDown(whole, { ...peerDependencies, ...Object.fromEntries(types) });
}

function readTree(folder: string): PackageTree {
  // npm writes and checks both files; what is read of them is as in the interfaces.
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as Lock;
  return { manifest, lock };
}

/** The dependencies of production and `added`, nothing else. */
function cutDown({ manifest, lock }: PackageTree, added: Names): PackageTree {
  const dependencies = { ...manifest.dependencies, ...added };
  const packages: Record<string, LockedPackage> = {
    '': { ...without(lock.packages[''] ?? {}, OTHERS), dependencies },
  };
  for (const path of reached(lock, Object.keys(dependencies)))
    packages[path] = without(lock.packages[path] ?? {}, MARKS);
  return { manifest: { ...without(manifest, OTHERS), dependencies }, lock: { ...lock, packages } };
}

/** The folders of all packages that `names` come to, sorted. */
function reached({ packages }: Lock, names: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (from: string, name: string, isNeeded: boolean): void => {
    const path = folderOf(packages, from, name);
    if (path === null) {
      if (isNeeded)
        throw new TreeProblem(`package-lock.json has no ${name} for ${from || 'package.json'}: npm install`);
      return;
    }
    if (found.has(path)) return;
    found.add(path);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } =
      packages[path] ?? {};
    for (const next of Object.keys(dependencies ?? {})) visit(path, next, true);
    for (const next of Object.keys(optionalDependencies ?? {})) visit(path, next, false);
    for (const next of Object.keys(peerDependencies ?? {})) {
      if (peerDependenciesMeta?.[next]?.optional !== true) visit(path, next, true);
    }
  };
  for (const name of names) visit('', name, true);
  return [...found].sort();
}

/** Where Node would find package `name` from within folder `from`: its own node_modules, then those above. */
function folderOf(packages: Lock['packages'], from: string, name: string): string | null {
  for (let above = from; ; ) {
    const path = `${above}${above === '' ? '' : '/'}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (above === '') return null;
    const cut = above.lastIndexOf('/node_modules/');
    above = cut < 0 ? '' : above.slice(0, cut);
  }
}

/** What package.json needs besides `dependencies`. */
const OTHERS = ['devDependencies', 'peerDependencies', 'peerDependenciesMeta'] as const;
/** By which the lock tells why a package is there. */
const MARKS = ['dev', 'devOptional', 'peer'] as const;

function without<T extends object, K extends string>(entry: T, keys: readonly K[]): Omit<T, K> {
  const kept = { ...entry };
  for (const key of keys) Reflect.deleteProperty(kept, key);
  return kept;
}

/** Writes both files into `folder`, for npm to read there. */
export function writeTree({ manifest, lock }: PackageTree, folder: string): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
}

/** Ends a script of this folder: a TreeProblem is told in one line, with exit code 1. */
export function orTell(script: () => void): void {
  try {
    script();
  } catch (error) {
    if (!(error instanceof TreeProblem)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = '', ...drivers] = process.argv.slice(2);
  orTell(() => {
    if (folder === '')
      throw new TreeProblem('usage: node build/package-trees.ts FOLDER (--build | [DRIVER…])');
    writeTree(drivers[0] === '--build' ? buildTree() : productionTree(drivers), resolve(folder));
  });
}
