// The log as read to the log as it is kept: fields known, secrets refused, files found.
import { dirname, resolve } from 'node:path';
import { ACCESS_FIELDS, CARRIED_NAMES, CARRIED_PATTERN, DEFAULT_FIELDS } from '../observe/access-fields.ts';
import type { AccessLogOptions, CarriedField } from '../observe/access-options.ts';
import { isSensitiveName } from '../observe/sensitive-names.ts';
import type { LogConfig } from './config.ts';
import { blame, type Draft, items } from './draft.ts';
import { nearest } from './nearest.ts';
import type { ReadConfig } from './schema/root.ts';
import { quote } from './units.ts';

type ReadLog = Exclude<ReadConfig['log'], false>;
type ReadAccess = Exclude<ReadLog['access'], boolean>;

/** Fields of the forms that have their own, beside what stands in every line. */
const COMBINED_FIELDS = ['referer', 'userAgent'] as const;
const OFF: LogConfig = { level: 'silent', access: null, format: 'auto', file: null };
/** What is told where nobody chose. */
const PLAIN: ReadAccess = {
  form: 'json',
  fields: undefined,
  user: false,
  to: undefined,
  sample: undefined,
  slow: 0,
  valueChars: 256,
  hide: [],
};

/** `file`: that of the config, which paths are relative to. */
export function resolveLog(draft: Draft, file: string): LogConfig {
  const { log } = draft.read;
  if (log === false) return OFF;
  const access =
    log.access === false ? null : resolveAccess(draft, log.access === true ? PLAIN : log.access, log, file);
  return { level: log.level, access, format: log.format, file: fileOf(log.to, file) };
}

function fileOf(to: ReadLog['to'] | undefined, config: string): string | null {
  return to === undefined || to === 'stdout' ? null : resolve(dirname(config), to.file ?? '');
}

function resolveAccess(
  draft: Draft,
  read: ReadAccess,
  { sample, to }: ReadLog,
  file: string,
): AccessLogOptions {
  const { places } = draft;
  if (places.has('log.sample') && places.has('log.access.sample')) {
    blame(draft, 'log.access.sample', '`log.sample` says this already', 'one of them');
  }
  const share = read.sample ?? sample;
  const fields = fieldsOf(draft, read);
  // A line of a sample says how many it stands for.
  const told = share < 1 && read.form !== 'common' && read.form !== 'combined';
  return {
    form: read.form,
    fields: told && !fields.includes('weight') ? [...fields, 'weight'] : fields,
    carried: carriedOf(fields),
    file: fileOf(read.to ?? to, file),
    sample: share,
    slowMs: read.slow,
    valueChars: read.valueChars,
    hide: items(read.hide, '').map(([name]) => name.toLowerCase()),
    user: read.user,
  };
}

function fieldsOf(draft: Draft, read: ReadAccess): readonly string[] {
  const { form, user } = read;
  if (form === 'common' || form === 'combined') {
    if (read.fields !== undefined)
      blame(draft, 'log.access.fields', `the ${form} form has its own fields`, 'form: json, or form: logfmt');
    return form === 'combined' ? COMBINED_FIELDS : [];
  }
  if (user)
    blame(
      draft,
      'log.access.user',
      `this is for the forms that have a place for the user; with ${form} he is a field`,
      'user among the fields',
    );
  if (read.fields === undefined) return DEFAULT_FIELDS;
  const fields: string[] = [];
  for (const [name, path] of items(read.fields, 'log.access.fields')) {
    const written = checkField(draft, name, path);
    if (written === null) continue;
    if (fields.includes(written)) blame(draft, path, `${quote(name)} is there twice`, 'each field once');
    fields.push(written);
  }
  return fields;
}

/** The field as lines name it; null: it is none, and blamed. */
function checkField(draft: Draft, name: string, path: string): string | null {
  if (Object.hasOwn(ACCESS_FIELDS, name)) return name;
  const message = CARRIED_PATTERN.exec(name);
  if (message === null) {
    const meant = nearest(name, Object.keys(ACCESS_FIELDS));
    blame(
      draft,
      path,
      `there is no field ${quote(name)}`,
      meant ?? `${DEFAULT_FIELDS.slice(0, 4).join(', ')}, …, request.NAME or response.NAME`,
    );
    return null;
  }
  const field = message[2]!.toLowerCase();
  if (isSensitiveName(field)) {
    blame(draft, path, `${quote(field)} holds secrets, which are never logged`, 'another field');
    return null;
  }
  return `${message[1]}.${field}`;
}

function carriedOf(fields: readonly string[]): CarriedField[] {
  return fields.flatMap((name): CarriedField[] => {
    const message = CARRIED_PATTERN.exec(name);
    if (message !== null)
      return [{ of: message[1] === 'request' ? 'request' : 'response', name: message[2]! }];
    const known = CARRIED_NAMES[name];
    return known === undefined ? [] : [{ of: 'request', name: known }];
  });
}
