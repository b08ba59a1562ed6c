// What keeps a drill from being held: something it needs is missing, or may not be done. Told without a stack.

/** `message` says what is missing or wrong; `hint`, if there is one, what would be right. */
export class DrillError extends Error {
  override name = 'DrillError';
  readonly hint: string;

  constructor(message: string, hint = '') {
    super(message);
    this.hint = hint;
  }
}
