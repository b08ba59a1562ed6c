// From a scenario file and the options of the command to a Scenario, or to everything that is wrong with either, in one go.
import { readConfigText } from '../config/load.ts';
import type { ConfigProblem } from '../config/problem.ts';
import type { Scenario } from './plan.ts';
import { resolveScenario } from './resolve-scenario.ts';
import { COMMAND, Layer, ScenarioDraft, type ScenarioKey } from './scenario-draft.ts';

/** What came of reading. `scenario` is null when there is any problem. */
export interface ScenarioResult {
  readonly scenario: Scenario | null;
  readonly problems: readonly ConfigProblem[];
}

/** Options as they were typed, by key; `target` is the URL. */
export type TypedOptions = { readonly [K in ScenarioKey]?: string | readonly string[] };

/**
 * Reads the options, and `file` if there is one, over which the options stand. `path` is where it is read from, `name` how it was
 * called. Never throws for what they hold.
 */
export function readScenario(
  options: TypedOptions,
  file: { readonly name: string; readonly path: string } | null,
  env: NodeJS.ProcessEnv,
): ScenarioResult {
  // JSON is YAML, so that options are read and blamed as a file is; a `$` that the shell left alone means itself.
  const typed = new Layer(
    JSON.stringify(options).replaceAll('${', () => '$${'),
    COMMAND,
    env,
  );
  const layers = [typed];
  if (file !== null) {
    const text = readConfigText(file.path, 'the path of a scenario');
    if (typeof text !== 'string') return { scenario: null, problems: [{ ...text, file: file.name }] };
    layers.push(new Layer(text, file.name, env));
  }
  const draft = new ScenarioDraft(layers);
  const sound = layers.every((layer) => !layer.findings.failed);
  // What is built on a mistake would be blamed for it once more.
  const scenario = sound ? resolveScenario(draft) : null;
  const problems = layers.flatMap((layer) => layer.problems());
  return { scenario: problems.length === 0 ? scenario : null, problems };
}
