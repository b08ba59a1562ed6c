// Serialisers of answers that are built when the first such answer is written: all at once at the start, most of them for refusals that never come, they would take as long as all else that a start does.
import selector, { type Serializer, type SerializerFactory } from '@fastify/fast-json-stringify-compiler';

const build = selector();

/**
 * Fastify's own builder, put off. A schema that cannot be built is an error of its first answer, and so of the test that makes every
 * call of the document.
 */
export const LAZY_SERIALIZERS: SerializerFactory = (shared, options) => {
  const compile = build(shared, options);
  return (answer) => {
    let write: Serializer | null = null;
    return (value) => {
      write ??= compile(answer);
      return write(value);
    };
  };
};
