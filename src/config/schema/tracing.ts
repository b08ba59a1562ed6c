// Schema of tracing: which requests are followed, and where their spans go.
import { block, leaf, map, offable, secret } from './keys.ts';

export const tracing = offable(
  'Spans of some requests, sent to an OpenTelemetry collector. Needs packages of OpenTelemetry beside Limpet. See [tracing](tracing.md).',
  block(
    '',
    {
      endpoint: leaf(
        'text',
        'Where OTLP over HTTP is taken, such as `http://127.0.0.1:4318`; without a path, `/v1/traces`.',
        { required: true },
      ),
      sample: leaf('percent', 'Share of requests that are traced.', { default: '1%', min: 0, max: 1 }),
      service: leaf('text', 'What the spans call this service (`service.name`).', {
        default: 'limpet',
        json: { minLength: 1, maxLength: 255 },
      }),
      headers: map('Fields sent with the spans, such as `Authorization`.', secret('', {}), {
        keys: 'fieldName',
        max: 20,
        default: {},
      }),
      parentBased: leaf(
        'flag',
        'A trusted client that sends `traceparent` decides by it whether the request is traced, instead of `sample`.',
        { default: true },
      ),
    },
    {},
  ),
  { default: false },
);
