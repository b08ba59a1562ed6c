// Whether a package that few need, and an operator installs beside Limpet, is there.
import { createRequire } from 'node:module';

export function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
