// `limpet schema` prints what editors read.
import t from 'tap';
import { run } from '../../src/cli/schema.ts';
import { jsonSchema } from '../../src/config/schema/json-schema.ts';

t.test('the JSON Schema is on stdout, whole', async (t) => {
  let stdout = '';
  const io = {
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: () => t.fail('nothing is wrong'),
    env: {},
    cwd: '/',
  };
  t.equal(await run([], io), 0);
  t.same(JSON.parse(stdout), JSON.parse(JSON.stringify(jsonSchema())));
  t.match(JSON.parse(stdout), { properties: { listen: { description: /Takes `8080`/ } } });
});
