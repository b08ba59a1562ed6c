// Checks what is said of one bad config after another: all of it, each with its place, in the order of the file.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';

/** What the configs of the tables find in the environment. */
const env = { SECRET: 'hunter2hunter2hunter2', BADPORT: 'topsecretport', EMPTY: '' };

/** By what is wrong: the YAML, and `LINE:COLUMN SEVERITY KEY: MESSAGE >> HINT` for each problem. */
export type ProblemRows = Readonly<Record<string, readonly [yaml: string, problems: readonly string[]]>>;

export function problemTable(rows: ProblemRows): void {
  for (const [what, [yaml, expected]] of Object.entries(rows)) {
    t.test(`${what} is said, with its place`, async (t) => {
      const { config, problems } = loadConfigText(yaml, 'limpet.yaml', env, () => {
        throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      });
      const said = problems.map(({ line, column, severity, path, message, hint }) => {
        const right = hint === '' ? '' : ` >> ${hint}`;
        return `${line}:${column} ${severity} ${path === '' ? '' : `${path}: `}${message}${right}`;
      });
      t.same(said, expected);
      t.equal(
        config === null,
        problems.some((problem) => problem.severity === 'error'),
        'an error, and only an error, keeps it from starting',
      );
    });
  }
}
