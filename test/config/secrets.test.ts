// No secret is ever printed, whatever is wrong around it.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import t from 'tap';
import { SeededRandom } from '../../src/base/random.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/print.ts';

const WRITTEN = 'wr1tt3n-s3cr3t';
const FROM_ENV = 'env1r0nm3nt-s3cr3t';
const FROM_FILE = 'f1l3-s3cr3t';
const PASSWORD = 'p4ssw0rd';

const whole = `listen: 8080
upstreams:
  - http://me:${PASSWORD}@127.0.0.1:3001
  - { url: "http://\${ENV_SECRET}@b:1", weight: x }
affinity:
  cookie:
    secrets:
      - ${WRITTEN}
      - "\${ENV_SECRET}"
      - { file: secret.txt }
    name: \${ENV_SECRET}
    secretz: "${WRITTEN}"
health:
  active: { headers: { Authorization: "Bearer ${WRITTEN}\\n", X-Api-Key: "${WRITTEN} " }, interval: 0 }
routes:
  - { pool: default, headers: { request: { set: { Authorization: " ${WRITTEN}", Host: x } } } }
  - pool: \${ENV_SECRET}
admin:
  bind: 0.0.0.0:9090
  tokens: ["${WRITTEN}", { token: "${WRITTEN} x", name: a }, { tokn: "${WRITTEN}", access: none }]
  apiKey: ${WRITTEN}
  probes: \${ENV_SECRET}
`;

/** Everything that the loader says of a text, as people and programs read it. */
function said(text: string): string {
  const { problems } = loadConfigText(text, 'limpet.yaml', { ENV_SECRET: FROM_ENV }, (path) => {
    if (path === 'secret.txt') return `${FROM_FILE}\n`;
    throw Object.assign(new Error(), { code: 'ENOENT' });
  });
  return formatProblems(problems, { color: false }) + JSON.stringify(problems);
}

function leaks(text: string): string[] {
  const output = said(text);
  return [WRITTEN, FROM_ENV, FROM_FILE, PASSWORD].filter((secret) => output.includes(secret));
}

t.test('the check would see a leak', async (t) => {
  t.match(said(`listen: ${WRITTEN}\n`), new RegExp(WRITTEN), 'what is no secret is printed');
});

t.test('a config with something wrong in every line shows no secret', async (t) => {
  t.same(leaks(whole), []);
  t.match(said(whole), /unknown key/, 'and much is said of it');
});

t.test('a config cut at any place shows no secret', async (t) => {
  const password = whole.indexOf(PASSWORD);
  for (let end = 0; end < whole.length; end++) {
    // Before its `@` nobody can know it for a password.
    if (end > password && end <= password + PASSWORD.length) continue;
    const cut = leaks(whole.slice(0, end));
    if (cut.length > 0) t.same(cut, [], `cut at ${end}: ${whole.slice(end - 30, end)}`);
  }
  t.pass('every cut was tried');
});

t.test('a config with a character or a line broken anywhere shows no secret', async (t) => {
  const random = new SeededRandom(7);
  const noise = ['\t', '"', "'", '{', '}', '[', ']', ':', '-', '\n', '#', '&', '*', '!', '|', '%', '\0', ' '];
  // A secret that is broken in two is another text, and one behind a key that is broken is anything: nobody can know either.
  const taboo = [
    ...whole.matchAll(
      new RegExp(`\\w*(secret|toke?n|authorization|api-?key)\\w*\\W*|${WRITTEN}|\\w+://.*${PASSWORD}@`, 'gi'),
    ),
  ];
  for (let round = 0; round < 1500; round++) {
    const at = random.below(whole.length);
    if (taboo.some((match) => at >= match.index && at <= match.index + match[0].length)) continue;
    const broken = whole.slice(0, at) + noise[random.below(noise.length)] + whole.slice(at + random.below(2));
    const found = leaks(broken);
    if (found.length > 0) t.same(found, [], `${JSON.stringify(broken.slice(Math.max(0, at - 60), at + 60))}`);
  }
  t.pass('every break was tried');
});

t.test('a secret of several lines is masked on each', async (t) => {
  const text = `listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: [\n  "${WRITTEN}\n  ${WRITTEN}", 3], name: "a b" } }\n`;
  t.same(leaks(text), []);
});
