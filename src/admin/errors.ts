// How the admin API says that something is wrong: one shape, a stable code, a message that names the field and what would be right.
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';
import { nearest } from '../config/nearest.ts';

/** A key of the client's is told back this far. */
const KEY_CHARS_MAX = 60;

export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string };
}

/** The body of every error answer. `code` is for programs and stable, `message` for people. */
export function errorBody(code: string, message: string): ErrorBody {
  return { error: { code, message } };
}

/** One failed rule of a JSON Schema, as a sentence that names the field; `whole`: what it is a field of. */
export function fieldMessage(failure: FastifySchemaValidationError, whole = 'the body'): string {
  const field =
    failure.instancePath === '' ? whole : `"${failure.instancePath.slice(1).replaceAll('/', '.')}"`;
  const { params } = failure;
  switch (failure.keyword) {
    case 'additionalProperties':
      return unknownKey(String(params.additionalProperty), keysOf(failure));
    case 'enum':
      return `${field} must be one of ${listOf(params.allowedValues)}`;
    case 'type':
      return `${field} must be ${withArticle(String(params.type))}`;
    case 'minProperties':
      return `${field} must say what to change`;
    default:
      return `${field} ${failure.message ?? 'is not right'}`;
  }
}

/** `unknown key "weigth"; did you mean "weight"?`, or the keys that there are. */
function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  const hint = near === null ? `; known are ${known.join(', ')}` : `; did you mean "${near}"?`;
  return `unknown key ${JSON.stringify(key.slice(0, KEY_CHARS_MAX))}${hint}`;
}

/** The schema that was broken comes with the failure, since `makeApp` asks the validator to be verbose. */
function keysOf(failure: object): string[] {
  const schema = 'parentSchema' in failure ? failure.parentSchema : null;
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return [];
  return Object.keys(schema.properties ?? {});
}

function listOf(values: unknown): string {
  return Array.isArray(values) ? values.join(', ') : String(values);
}

function withArticle(type: string): string {
  return type
    .split(',')
    .map((one) => (/^[aeiou]/.test(one) ? `an ${one}` : `a ${one}`))
    .join(' or ');
}
