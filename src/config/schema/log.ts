// Schema of `log`: the main log, and the line that each request gets.
import { ACCESS_FORMS } from '../../observe/access-options.ts';
import { block, choice, either, leaf, list } from './keys.ts';

const HOUR = 3_600_000;

const to = either(
  'Where lines go. A file is appended to, made with mode 0640 where it is not there, and opened anew at SIGUSR2, so that it can be rotated.',
  [
    choice('', ['stdout'], {}),
    block(
      '',
      { file: leaf('text', 'Path, relative to the config. Its folder must be there.', { required: true }) },
      {},
    ),
  ],
  { default: 'stdout' },
);

const access = block(
  '',
  {
    form: choice(
      "How a line is written: an object of JSON; `key=value` pairs; or the common or the combined log format of Apache and nginx, with the query, in which values of parameters with a secret's name are hidden.",
      ACCESS_FORMS,
      { default: 'json' },
    ),
    fields: list(
      'What is told, in this order, with `json` and `logfmt`: names of [the list](access-log.md#fields), or `request.NAME` and `response.NAME` for fields of the messages.',
      leaf('text', '', {}),
      { min: 1, max: 100 },
    ),
    user: leaf(
      'flag',
      'Tell the user with `common` and `combined`, which have a place for him; with the others, choose the field `user`. Personal data.',
      { default: false },
    ),
    to: either(
      'Where these lines go; without it, where the main log goes.',
      [
        choice('', ['stdout'], {}),
        block(
          '',
          {
            file: leaf('text', 'Path, relative to the config. Its folder must be there.', { required: true }),
          },
          {},
        ),
      ],
      {},
    ),
    sample: leaf(
      'percent',
      'Share of requests that get a line, instead of `log.sample`; failures and slow ones always get one. Below 100 % each line says in `weight` how many requests it stands for.',
      { min: 0, max: 1 },
    ),
    slow: leaf(
      'duration',
      'Requests that took longer are told in the main log too, with how long they were in which stage, and always get their line here. WebSockets and event streams are no slow requests.',
      { default: 'off', min: 1, max: HOUR, words: { off: 0 } },
    ),
    valueChars: leaf(
      'count',
      'Longest value of a field of a message, `userAgent` and `referer` among them; the rest of a longer one is cut off.',
      { default: 256, min: 16, max: 8192 },
    ),
    hide: list(
      'Further parameters of queries whose values are hidden wherever a query is told.',
      leaf('text', '', {}),
      { default: [], max: 100 },
    ),
  },
  {},
);

export const log = block(
  '',
  {
    level: choice(
      'Least important line that is written.',
      ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
      {
        default: 'info',
      },
    ),
    access: either(
      'One line a request: `true`, `false`, or what it tells and how.',
      [leaf('flag', '', {}), access],
      { default: true },
    ),
    format: choice('`auto`: `pretty` on a terminal, else `json`.', ['auto', 'json', 'pretty'], {
      default: 'auto',
    }),
    to,
    sample: leaf('percent', 'Share of requests that get an access line; failures always get one.', {
      default: '100%',
      min: 0,
      max: 1,
    }),
  },
  {},
);
