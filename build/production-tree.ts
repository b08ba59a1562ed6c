// What of package.json and its lock runs in production: no compilers and tests, and of the drivers of stores those that are asked for.
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

export interface ProductionTree {
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
export function productionTree(drivers: readonly string[] = [], folder = ROOT): ProductionTree {
  // npm writes and checks both files; what is read of them is as in the interfaces.
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as Lock;
  const optional = Object.keys(manifest.peerDependenciesMeta ?? {});
  const dependencies: Record<string, string> = { ...manifest.dependencies };
  for (const driver of drivers) {
    const range = manifest.peerDependencies?.[driver];
    if (range === undefined)
      throw new TreeProblem(`${JSON.stringify(driver)} is none of the drivers: ${optional.join(', ')}`);
    dependencies[driver] = range;
  }
  const { devDependencies: _, peerDependencies: __, peerDependenciesMeta: ___, ...rest } = manifest;
  const packages: Record<string, LockedPackage> = {};
  const root = lock.packages[''] ?? {};
  packages[''] = {
    ...without(root, ['devDependencies', 'peerDependencies', 'peerDependenciesMeta']),
    dependencies,
  };
  for (const path of reached(lock, Object.keys(dependencies))) {
    packages[path] = without(lock.packages[path] ?? {}, ['dev', 'devOptional', 'peer']);
  }
  return { manifest: { ...rest, dependencies }, lock: { ...lock, packages } };
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

function without(entry: LockedPackage, keys: readonly (keyof LockedPackage)[]): LockedPackage {
  return Object.fromEntries(
    Object.entries(entry).filter(([key]) => !(keys as readonly string[]).includes(key)), // any key may be asked for
  );
}

/** Writes both files into `folder`, for npm to read there. */
export function writeTree({ manifest, lock }: ProductionTree, folder: string): void {
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
    if (folder === '') throw new TreeProblem('usage: node build/production-tree.ts FOLDER [DRIVER…]');
    writeTree(productionTree(drivers), resolve(folder));
  });
}
