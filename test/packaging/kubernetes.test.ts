// config/kubernetes/deployment.yaml agrees with the config that it mounts and with the image that it runs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { parseDockerfile } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CONFIG = join(ROOT, 'config/kubernetes.yaml');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const documents = parseAllDocuments(read('config/kubernetes/deployment.yaml'));
const [deployment, service] = documents.map((document) => document.toJS());
const pod = deployment.spec.template.spec;
const [container] = pod.containers;
/** The environment of the container; what Kubernetes fills in has a value that would do. */
const env: Record<string, string> = Object.fromEntries(
  container.env.map(({ name, value }: { name: string; value?: string }) => [
    name,
    value ?? (name === 'WORKERS' ? '2' : `a-token-that-is-long-enough-for-${name}`),
  ]),
);
const { config, problems } = loadConfig(CONFIG, env);

t.test('both parts can be read, and the one finds the other', async (t) => {
  for (const { errors, warnings } of documents) t.same([...errors, ...warnings], []);
  t.same([deployment.kind, service.kind], ['Deployment', 'Service']);
  t.same(deployment.spec.selector.matchLabels, deployment.spec.template.metadata.labels);
  t.same(service.spec.selector, deployment.spec.template.metadata.labels);
  const ports = container.ports.map(({ name }: { name: string }) => name);
  for (const { targetPort } of service.spec.ports) t.ok(ports.includes(targetPort), targetPort);
});

t.test('the config is sound with its environment, and nothing in that is idle', async (t) => {
  t.same(problems, []);
  const read = readFileSync(CONFIG, 'utf8');
  for (const name of Object.keys(env)) t.match(read, `\${${name}`, name);
  t.equal(config?.workers, 2);
  t.match(config?.pools[0]?.upstreams, [{ url: 'http://app:3000' }]);
  t.equal(pod.enableServiceLinks, false, 'a Service named `app` would set APP_PORT to an URL');
});

t.test('ports, probes and times are those of the config', async (t) => {
  const ports = Object.fromEntries(
    container.ports.map(({ name, containerPort }: { name: string; containerPort: number }) => [
      name,
      containerPort,
    ]),
  );
  t.match(config?.listeners[0]?.bind, { port: ports.http });
  t.match(config?.admin?.probes, { host: '0.0.0.0', port: ports.probes });
  t.same(container.livenessProbe.httpGet, { path: '/livez', port: 'probes' });
  t.same(container.readinessProbe.httpGet, { path: '/readyz', port: 'probes' });
  const { delayMs = 0, deadlineMs = 0 } = config?.shutdown ?? {};
  t.ok(pod.terminationGracePeriodSeconds * 1000 > delayMs + deadlineMs, 'it may end in its own time');
  const { periodSeconds, failureThreshold } = container.readinessProbe;
  t.ok(periodSeconds * failureThreshold * 1000 < delayMs, 'and is known to leave before it refuses anybody');
});

t.test('it is shut in, and runs what the image has', async (t) => {
  const steps = parseDockerfile(read('Dockerfile'));
  const step = (name: string): string => steps.findLast((one) => one.name === name)?.rest ?? '';
  t.equal(pod.securityContext.runAsNonRoot, true);
  t.match(step('USER'), /^[1-9]\d*:\d+$/, 'which needs a number in the image');
  t.match(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  const [mount] = container.volumeMounts;
  t.same(container.args, ['run', '-c', `${mount.mountPath}/limpet.yaml`]);
  t.equal(pod.volumes[0].name, mount.name);
  t.match(read('config/kubernetes/deployment.yaml'), /--from-file=limpet\.yaml=config\/kubernetes\.yaml$/m);
  t.match(container.image, `:${JSON.parse(read('package.json')).version}`);
});
