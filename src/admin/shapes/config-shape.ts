// The config in force, reloads and checks, as the admin API tells them.
import type { ConfigChange } from '../../config/diff.ts';
import type { ConfigProblem } from '../../config/problem.ts';
import { CONFIG_BYTES_MAX } from '../../config/source.ts';
import type { AppliedReload, CheckedConfig, RefusedConfig, ShownConfig } from '../config-desk.ts';
import { body, choice, count, list, orNull, part, ref, shape, text, time } from '../schema.ts';

export const PROBLEM = shape<ConfigProblem>(
  'ConfigProblem',
  'One thing that is wrong, or doubtful, in a config.',
  {
    severity: choice('An error keeps the config from being used.', ['error', 'warning']),
    file: text('The file.'),
    line: count('From 1; 0: the whole file is meant.'),
    column: count('From 1, in characters; 0 with line 0.'),
    path: text('The key, such as `pools.shop.upstreams[1].url`; empty for the whole file.'),
    message: text('What is wrong. Holds no secret.'),
    hint: text('What would be right; empty where the message says it all.'),
    excerpt: orNull(
      part<NonNullable<ConfigProblem['excerpt']>>(
        'The line itself, its secrets masked; null: there is none.',
        {
          text: text('The line.'),
          caret: count('Where in it, from 0.'),
          width: count('How many characters are meant.'),
        },
      ),
    ),
  },
);

export const CONFIG_CHANGE = shape<ConfigChange>(
  'ConfigChange',
  'One part of the config that came, went or is otherwise.',
  {
    what: choice('What it is a part of.', ['listener', 'route', 'pool', 'upstream', 'session', 'setting']),
    pool: orNull(text('Pool of an upstream; null for anything else.')),
    name: text('Its name; of a setting, its key.'),
    change: choice('What became of it.', ['added', 'removed', 'changed']),
    keys: list(text('A key.'), 'Which of its keys, as Limpet names them; empty for what came or went.'),
    text: text('The whole in words. Holds no secret.'),
  },
);

const CHANGES = list(ref(CONFIG_CHANGE), 'What is otherwise than before.');
const NEEDS_RESTART = list(
  text('A key.'),
  'Keys that say otherwise than what runs, and that only a restart puts in force. All else is followed.',
);
const WARNINGS = list(ref(PROBLEM), 'What is doubtful.');

export const RELOADED = shape<AppliedReload>('Reloaded', 'A reload that was done.', {
  result: choice('`unchanged`: the file says what is in force already.', ['applied', 'unchanged']),
  generation: count('Number of the config in force.'),
  changes: CHANGES,
  needsRestart: NEEDS_RESTART,
  warnings: WARNINGS,
});

export const CONFIG_REFUSED = shape<RefusedConfig>(
  'ConfigRefused',
  'A config that cannot be. Nothing has changed.',
  {
    error: part<RefusedConfig['error']>('', {
      code: text(
        '`config.wrong`: see `problems`; `reload.refused`: the file is sound, but something else stands in the way.',
      ),
      message: text('Why, in one sentence.'),
    }),
    problems: list(ref(PROBLEM), 'What is wrong with the text; empty where something else is.'),
  },
);

export const CHECKED = shape<CheckedConfig>('CheckedConfig', 'A config that is sound.', {
  changes: list(ref(CONFIG_CHANGE), 'What a reload with it would change.'),
  needsRestart: NEEDS_RESTART,
  warnings: WARNINGS,
});

export const SHOWN_CONFIG = shape<ShownConfig>('ShownConfig', 'The config in force.', {
  generation: count('Its number; 1 at start.'),
  since: time('When it came into force.'),
  file: text('The file it was read from.'),
  older: count('Configs before it that still have requests or tunnels.'),
  config: {
    type: 'object',
    additionalProperties: true,
    description: 'All of it, defaults filled in and units turned to numbers; secrets are `***`.',
  },
});

export const CHECK = body<{ text: string }>(
  'A config. May be sent as it is too, with `Content-Type: application/yaml`.',
  {
    text: text('The YAML. Files that it names are read as if it stood in the file of the config.', {
      maxLength: CONFIG_BYTES_MAX,
    }),
  },
  { required: ['text'] },
);
