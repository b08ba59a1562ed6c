// What becomes of each field under a route's edits, told by the names of the fields.
import t from 'tap';
import { latin1Bytes, latin1Text } from '../../src/base/byte-writer.ts';
import { ACTION, compileRequestEdits, compileResponseEdits } from '../../src/plan/field-edits.ts';
import { isDroppedName } from '../../src/wire/dropped-names.ts';
import { FIELD } from '../../src/wire/fields.ts';
import { HeadFields, MARK } from '../../src/wire/head-fields.ts';
import { REQUEST_REFUSAL } from '../../src/wire/refusals.ts';

const NONE = { set: [], add: [], remove: [] };
const STRANGER = { trusted: false, proxyAuth: false, dropUnderscores: true, keepHost: true, told: [] };
const CLAIMS = [
  'xForwardedFor',
  'xForwardedProto',
  'xForwardedHost',
  'forwarded',
  'xRealIp',
  'xRequestId',
  'traceparent',
] as const;

t.test("a stranger's claims about itself are dropped, a trusted proxy's are not", async (t) => {
  const stranger = compileRequestEdits(NONE, STRANGER).actions;
  const trusted = compileRequestEdits(NONE, { ...STRANGER, trusted: true }).actions;
  for (const name of CLAIMS) {
    t.equal(stranger[FIELD[name]], ACTION.drop, name);
    t.not(trusted[FIELD[name]], ACTION.drop, name);
  }
  for (const actions of [stranger, trusted]) {
    for (const name of [
      'limpet',
      'proxy',
      'connection',
      'keepAlive',
      'te',
      'upgrade',
      'proxyAuthorization',
    ] as const) {
      t.equal(actions[FIELD[name]], ACTION.drop, `${name}, whoever sends it`);
    }
    t.equal(actions[FIELD.authorization], ACTION.pass);
    t.equal(actions[FIELD.contentLength], ACTION.pass);
  }
});

t.test('switches pass what they name', async (t) => {
  const open = compileRequestEdits(NONE, {
    ...STRANGER,
    proxyAuth: true,
    dropUnderscores: false,
    keepHost: false,
  });
  t.equal(open.actions[FIELD.proxyAuthorization], ACTION.pass);
  t.equal(open.actions[FIELD.host], ACTION.drop, 'a host that is not kept is written by us');
  t.equal(open.dropMarks & MARK.underscore, 0);
  t.not(compileRequestEdits(NONE, STRANGER).dropMarks & MARK.underscore, 0);
  t.equal(compileResponseEdits(NONE, false).actions[FIELD.proxyAuthenticate], ACTION.drop);
  t.equal(compileResponseEdits(NONE, true).actions[FIELD.proxyAuthenticate], ACTION.pass);
});

t.test('what is set replaces, what is added stands beside, what is removed is gone', async (t) => {
  const edits = compileResponseEdits(
    {
      set: [
        ['Server', 'limpet'],
        ['X-Own', 'a'],
      ],
      add: [['Vary', 'Cookie']],
      remove: ['ETag', 'X-Gone'],
    },
    false,
  );
  t.equal(edits.actions[FIELD.server], ACTION.drop);
  t.equal(edits.actions[FIELD.etag], ACTION.drop);
  t.equal(edits.actions[FIELD.vary], ACTION.pass);
  t.equal(
    edits.lines && latin1Text(edits.lines, 0, edits.lines.length),
    'Server: limpet\r\nX-Own: a\r\nVary: Cookie\r\n',
  );
  const fields = new HeadFields(10, REQUEST_REFUSAL);
  const bytes = latin1Bytes('x-OWN: 1\r\nX-Gone: 2\r\nX-Gone2: 3\r\nX-Go: 4\r\n\r\n');
  fields.read(bytes, 0, bytes.length, bytes.length);
  t.same(
    [0, 1, 2, 3].map((i) => isDroppedName(edits.dropNames ?? [], fields, i)),
    [true, true, false, false],
  );
});

t.test('edits that are not asked for cost nothing', async (t) => {
  const edits = compileRequestEdits(NONE, STRANGER);
  t.equal(edits.lines, null);
  t.equal(edits.dropNames, null);
});

t.test('what the app is told of a session comes from nobody else, however it is spelled', async (t) => {
  const told = ['Limpet-User', 'X-Role'];
  const drops = (dropUnderscores: boolean): string[] =>
    (compileRequestEdits(NONE, { ...STRANGER, dropUnderscores, told }).dropNames ?? []).map((name) =>
      Buffer.from(name).toString(),
    );
  t.same(drops(true), ['x-role'], 'the others are dropped by their family, and underscores all');
  t.same(drops(false), ['limpet-session', 'limpet-user', 'limpet-affinity', 'limpet-user', 'x-role']);
});
