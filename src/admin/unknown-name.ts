// What is said of a name that nobody has: the nearest one that somebody has, and the others.
import { nearest } from '../config/nearest.ts';

/** Names listed in an error; there may be more than anyone wants to read. */
const NAMES_MAX = 20;

/** `there is no pool "shpo"; did you mean "shop"? There are: admin, shop`. */
export function unknownName(what: string, asked: string, names: readonly string[]): string {
  const near = nearest(asked, names);
  const guess = near === null ? '' : `; did you mean "${near}"?`;
  const listed = names.slice(0, NAMES_MAX).join(', ');
  const rest = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  return `${what} "${asked}"${guess}${near === null ? '; there' : ' There'} are: ${listed || 'none'}${rest}`;
}
