// What can be wrong with `log`, each with its place and what would be right.
import { problemTable } from './problem-table.ts';

const head = 'listen: 1\nupstreams: ["http://a:1"]\n';

problemTable({
  'a field that is none': [
    `${head}log: { access: { fields: [pathh, durationms] } }\n`,
    [
      '3:27 error log.access.fields[0]: there is no field "pathh" >> path',
      '3:34 error log.access.fields[1]: there is no field "durationms" >> durationMs',
    ],
  ],
  'a field that holds a secret': [
    `${head}log: { access: { fields: [request.Cookie, response.Set-Cookie, request.X-Api-Key] } }\n`,
    [
      '3:27 error log.access.fields[0]: "cookie" holds secrets, which are never logged >> another field',
      '3:43 error log.access.fields[1]: "set-cookie" holds secrets, which are never logged >> another field',
      '3:64 error log.access.fields[2]: "x-api-key" holds secrets, which are never logged >> another field',
    ],
  ],
  'a field twice': [
    `${head}log: { access: { fields: [path, path] } }\n`,
    ['3:33 error log.access.fields[1]: "path" is there twice >> each field once'],
  ],
  'fields of a form that has its own': [
    `${head}log: { access: { form: combined, fields: [path] } }\n`,
    ['3:42 error log.access.fields: the combined form has its own fields >> form: json, or form: logfmt'],
  ],
  'a user in a form where he is a field': [
    `${head}log: { access: { user: true } }\n`,
    [
      '3:24 error log.access.user: this is for the forms that have a place for the user; with json he is a field >> user among the fields',
    ],
  ],
  'a sample that is said twice': [
    `${head}log: { sample: 10%, access: { sample: 5% } }\n`,
    ['3:39 error log.access.sample: `log.sample` says this already >> one of them'],
  ],
});
