// What is wrong with `tracing`, told at its place, with what would be right.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { problemTable } from './problem-table.ts';

const BASE = 'listen: 8080\nupstreams: [http://127.0.0.1:1]\n';
const load = (tracing: string) =>
  loadConfigText(`${BASE}tracing: ${tracing}`, 'limpet.yaml', {}, () => 'scope-of-shop');

t.test('an endpoint is enough', async (t) => {
  const { config, problems } = load('{ endpoint: "http://127.0.0.1:4318" }');
  t.same(problems, []);
  t.same(config?.tracing, {
    endpoint: 'http://127.0.0.1:4318/v1/traces',
    sample: 0.01,
    service: 'limpet',
    headers: [],
    parentBased: true,
  });
  t.equal(load('false').config?.tracing, null);
});

t.test('what is written is what is read', async (t) => {
  const { config, problems } = load(
    '{ endpoint: "https://otlp.example/custom/path", sample: 100%, service: shop, parentBased: false, headers: { Authorization: "Bearer hushhush", x-scope: { file: scope } } }',
  );
  t.same(problems, []);
  t.match(config?.tracing, { endpoint: 'https://otlp.example/custom/path', sample: 1, service: 'shop' });
  t.same(config?.tracing?.headers[0], ['Authorization', 'Bearer hushhush']);
});

t.test('no header is shown', async (t) => {
  const { problems } = load('{ endpoint: "ftp://a", headers: { Authorization: "Bearer hushhush" } }');
  t.equal(problems.length, 1);
  t.notMatch(JSON.stringify(problems), 'hushhush');
});

problemTable({
  'a tracing without an endpoint': [
    `${BASE}tracing: {}`,
    ['3:10 error tracing: `endpoint` is missing >> endpoint: …'],
  ],
  'an endpoint that is no URL': [
    `${BASE}tracing: { endpoint: collector }`,
    ['3:22 error tracing.endpoint: "collector" is no URL >> http://127.0.0.1:4318'],
  ],
  'an endpoint of another protocol': [
    `${BASE}tracing: { endpoint: "grpc://collector:4317" }`,
    [
      '3:22 error tracing.endpoint: "grpc:" is not spoken to collectors: OTLP goes over HTTP >> http://127.0.0.1:4318',
    ],
  ],
  'a user in the endpoint': [
    `${BASE}tracing: { endpoint: "http://me:word@127.0.0.1:4318" }`,
    [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the notation of the config itself
      '3:22 error tracing.endpoint: a user and password in the URL would be ignored >> headers: { Authorization: "Basic ${COLLECTOR_AUTH}" }',
    ],
  ],
  'a header that goes over the network in clear': [
    `${BASE}tracing: { endpoint: "http://collector:4318", headers: { X-Key: abc } }`,
    ['3:22 warning tracing.endpoint: the `headers` go over the network in clear >> https://collector:4318'],
  ],
  'more than every request': [
    `${BASE}tracing: { endpoint: "http://127.0.0.1:4318", sample: 200% }`,
    ['3:55 error tracing.sample: "200%" is more than 100% >> 0% to 100%'],
  ],
  'a misspelt key': [
    `${BASE}tracing: { endpoint: "http://127.0.0.1:4318", samples: 1% }`,
    ['3:47 error tracing: unknown key "samples" >> sample'],
  ],
});
