// What keeps a drill from being held: something it needs is missing, or may not be done. Told without a stack.
import { AskError } from '../admin/ask.ts';

/** `message` says what is missing or wrong; `hint`, if there is one, what would be right. */
export class DrillError extends AskError {
  override name = 'DrillError';
}
