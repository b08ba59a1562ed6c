// Lists what runs in production with its licences, and fails on one that nobody has allowed: `npm run licences -- [DRIVER…]`.
import { fileURLToPath } from 'node:url';
import { type LockedPackage, orTell, productionTree, TreeProblem } from './package-trees.ts';

/**
 * Licences (SPDX) that let Limpet be used and passed on under its own, Apache-2.0, with no more asked than to keep their notices,
 * which stand in each package's own folder.
 */
export const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT-0',
]);

export interface Licensed {
  readonly name: string;
  readonly version: string;
  /** As its package.json says it; '' where it says none. */
  readonly licence: string;
}

/** Each package of production once a version, by name; `drivers` are added. */
export function licences(drivers: readonly string[] = []): Licensed[] {
  return listed(productionTree(drivers).lock.packages);
}

/** The same of the packages of a lock. */
export function listed(packages: Readonly<Record<string, LockedPackage>>): Licensed[] {
  const found = new Map<string, Licensed>();
  for (const [path, { version = '', license = '' }] of Object.entries(packages)) {
    if (path === '') continue;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    found.set(`${name}@${version}`, { name, version, licence: license });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** True for an allowed licence, and for a choice (`A OR B`) among which one is; `A AND B` needs both. Brackets are not read. */
export function isAllowed(licence: string): boolean {
  const plain = licence.replace(/^\((.*)\)$/, '$1');
  return plain.split(' OR ').some((choice) => choice.split(' AND ').every((one) => ALLOWED.has(one)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  orTell(() => {
    const all = licences(process.argv.slice(2));
    const wide = Math.max(...all.map(({ name, version }) => name.length + version.length + 1));
    for (const { name, version, licence } of all)
      process.stdout.write(`${`${name}@${version}`.padEnd(wide)}  ${licence}\n`);
    const refused = all.filter(({ licence }) => !isAllowed(licence));
    const names = refused.map(({ name, licence }) => `${name} (${licence === '' ? 'none' : licence})`);
    if (refused.length > 0)
      throw new TreeProblem(`licences that build/licences.ts does not allow: ${names.join(', ')}`);
  });
}
