// What the access log wants to know of messages whose bytes are gone when their request is over: noted as they come, where it was asked for.
import { latin1Text } from '../base/byte-writer.ts';
import type { AccessLogOptions, CarriedField } from '../observe/access-options.ts';
import { withoutSecrets } from '../observe/sensitive-names.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { isWord } from '../wire/octets.ts';
import type { RequestHead } from '../wire/request-head.ts';

/** What stands in place of what was cut off. */
const CUT = '...';

interface Wanted {
  readonly at: number;
  readonly name: Uint8Array;
}

/** The notes of one request; an exchange has one and uses it again. */
export class RequestNotes {
  /** What they were taken for: a reload may have put other options in their place since. */
  taker: NoteTaker | null = null;
  /** Path and query as the client sent them, where the instance was sent others; null: it was not. */
  target: string | null = null;
  /** In the order of `AccessLogOptions.carried`; null: the message did not have it. */
  readonly carried: (string | null)[] = [];
}

/** Takes notes for one set of options. */
export class NoteTaker {
  /** Some fields of messages are told. */
  readonly carries: boolean;
  readonly #count: number;
  readonly #ofRequest: readonly Wanted[];
  readonly #ofAnswer: readonly Wanted[];
  readonly #charsMax: number;
  readonly #hide: ReadonlySet<string>;

  constructor(options: AccessLogOptions) {
    const { carried } = options;
    this.carries = carried.length > 0;
    this.#count = carried.length;
    this.#ofRequest = wantedOf(carried, 'request');
    this.#ofAnswer = wantedOf(carried, 'response');
    this.#charsMax = options.valueChars;
    this.#hide = new Set(options.hide);
  }

  /** A request begins. `rewritten`: the instance is sent another path. */
  begin(notes: RequestNotes, head: RequestHead, rewritten: boolean): void {
    notes.taker = this;
    notes.target = rewritten ? latin1Text(head.fields.bytes, head.pathStart, head.targetEnd) : null;
    notes.carried.length = 0;
    for (let i = 0; i < this.#count; i++) notes.carried.push(null);
    this.#note(notes.carried, head.fields, this.#ofRequest);
  }

  /** The head of its answer is there. */
  answered(notes: RequestNotes, fields: HeadFields): void {
    if (notes.taker === this) this.#note(notes.carried, fields, this.#ofAnswer);
  }

  /** Fit to be told: without the values of secret parameters. */
  safe(target: string): string {
    return withoutSecrets(target, this.#hide);
  }

  #note(carried: (string | null)[], fields: HeadFields, wanted: readonly Wanted[]): void {
    for (let w = 0; w < wanted.length; w++) {
      const { at, name } = wanted[w]!;
      carried[at] = this.#valueOf(fields, name);
    }
  }

  /** The value of a field, its lines joined; null: it is not there. */
  #valueOf(fields: HeadFields, name: Uint8Array): string | null {
    const { bytes, count, nameStart, nameEnd, valueStart, valueEnd } = fields;
    let value: string | null = null;
    for (let i = 0; i < count; i++) {
      const start = nameStart[i]!;
      if (nameEnd[i]! - start !== name.length || !isWord(bytes, start, nameEnd[i]!, name)) continue;
      const line = latin1Text(bytes, valueStart[i]!, valueEnd[i]!);
      value = value === null ? line : `${value}, ${line}`;
      if (value.length > this.#charsMax) break;
    }
    if (value === null) return null;
    // Before it is cut: half a value could pass for another.
    const looked = value.includes('=') || value.includes('@') || value.includes('eyJ');
    const shown = looked ? withoutSecrets(value, this.#hide) : value;
    return shown.length > this.#charsMax ? shown.slice(0, this.#charsMax) + CUT : shown;
  }
}

function wantedOf(carried: readonly CarriedField[], of: CarriedField['of']): Wanted[] {
  return carried.flatMap((field, at) =>
    field.of === of ? [{ at, name: new Uint8Array(Buffer.from(field.name, 'latin1')) }] : [],
  );
}
