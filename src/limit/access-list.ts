// Who may come, by address: a list of those who may, one of those who may not, either of which may be read anew while it is asked.
import { AddressSet, type AddressSetMemory } from './address-set.ts';
import type { AddressWords } from './address-words.ts';
import type { AccessOptions, AddressListOptions } from './options.ts';

/** A list in a file, as the main thread read it last. */
export type FileLists = ReadonlyMap<string, AddressSetMemory>;

const NOTHING: AddressSetMemory = { v4: new Int32Array(0), v6: new Int32Array(0) };

/** One list that is asked: a set for what is written, and one for each file. */
class AddressList {
  readonly #written: AddressSet;
  readonly #files: readonly string[];
  #sets: readonly AddressSet[] = [];

  constructor(options: AddressListOptions, lists: FileLists) {
    const memory = AddressSet.build(options.blocks);
    // The config's loader has read each of them.
    this.#written = new AddressSet(memory ?? NOTHING);
    this.#files = options.files;
    this.show(lists);
  }

  /** True when one of its files is among them. */
  show(lists: FileLists): boolean {
    const mine = this.#files.some((file) => lists.has(file));
    if (!mine && this.#sets.length > 0) return false;
    const old = this.#sets;
    // Each in its own place, so that a file which cannot be read yet is not taken for the one behind it.
    this.#sets = [
      this.#written,
      ...this.#files.map((file, i) => {
        const memory = lists.get(file);
        return memory === undefined ? (old[i + 1] ?? new AddressSet(NOTHING)) : new AddressSet(memory);
      }),
    ];
    return mine;
  }

  has(address: AddressWords): boolean {
    const sets = this.#sets;
    for (let i = 0; i < sets.length; i++) if (sets[i]!.has(address)) return true;
    return false;
  }
}

/** `allow` and `deny` of a route, or of all listeners. */
export class AccessList {
  /** Rises with every change of a list, so that what was found before is not taken for true. */
  version = 1;
  readonly #allow: AddressList | null;
  readonly #deny: AddressList | null;

  constructor(options: AccessOptions, lists: FileLists) {
    this.#allow = options.allow === null ? null : new AddressList(options.allow, lists);
    this.#deny = options.deny === null ? null : new AddressList(options.deny, lists);
  }

  /** Some files were read anew. */
  show(lists: FileLists): void {
    const allow = this.#allow?.show(lists) ?? false;
    const deny = this.#deny?.show(lists) ?? false;
    if (allow || deny) this.version++;
  }

  /** Who is on both lists may not; who has no address (null) is on none. Hot. */
  mayCome(address: AddressWords | null): boolean {
    if (address === null) return this.#allow === null;
    if (this.#deny?.has(address)) return false;
    return this.#allow === null || this.#allow.has(address);
  }
}
