// What every decoder throws, and nothing else: the bytes are not what the language's own serializer writes, or go over a bound.

/** The message says what was wrong in general words; it never holds a byte of what was decoded. */
export class DecodeError extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'DecodeError';
  }
}

/** What may be sound, but is more than is read here: over a bound, or of a kind that only its own language can make. */
export class UnreadError extends DecodeError {}
