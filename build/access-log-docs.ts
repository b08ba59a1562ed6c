// Writes docs/access-log.md: fields, forms and codes as the code has them, every example line made by the very code that makes lines.
import { writeFileSync } from 'node:fs';
import { ByteWriter } from '../src/base/byte-writer.ts';
import { ACCESS_FIELDS, DEFAULT_FIELDS } from '../src/observe/access-fields.ts';
import { compileLine } from '../src/observe/access-line.ts';
import type { AccessForm } from '../src/observe/access-options.ts';
import { AccessRecord } from '../src/observe/access-record.ts';
import { STAGE_WORDS } from '../src/observe/stages.ts';
import { END_CODES } from '../src/proxy/end-code.ts';

/** A request as the examples show it. */
function shown(): AccessRecord {
  const record = new AccessRecord();
  const head = 'GET /cart shop.example.com 5f0c954b2ad8c6a1d9f3b07e4c2a1d88';
  record.bytes = new Uint8Array(Buffer.from(head));
  const place = (text: string): [number, number] => [head.indexOf(text), head.indexOf(text) + text.length];
  [record.methodStart, record.methodEnd] = place('GET');
  [record.pathStart, record.pathEnd] = place('/cart');
  record.target = '/cart?page=2&token=[hidden]';
  [record.hostStart, record.hostEnd] = place('shop.example.com');
  [record.idStart, record.idEnd] = place('5f0c954b2ad8c6a1d9f3b07e4c2a1d88');
  return Object.assign(record, {
    client: '192.0.2.7',
    protocol: 'HTTP/1.1',
    status: 200,
    route: 'shop.example.com/',
    pool: 'shop',
    upstream: 'blue',
    durationMs: 12.407,
    upstreamMs: 11.9,
    bytesOut: 5120,
    attempts: 1,
    affinity: 'kept',
    end: '--',
    carried: ['https://shop.example.com/', 'Mozilla/5.0 (X11; Linux x86_64)'],
  });
}

/** The line of that request in one form, without its newline. */
function example(form: AccessForm): string {
  const common = form === 'common' || form === 'combined';
  const write = compileLine(
    {
      form,
      fields: common ? [] : DEFAULT_FIELDS,
      carried: common
        ? [
            { of: 'request', name: 'referer' },
            { of: 'request', name: 'user-agent' },
          ]
        : [],
      file: null,
      sample: 1,
      slowMs: 0,
      valueChars: 256,
      hide: [],
      user: false,
    },
    () => Date.UTC(2026, 10, 21, 16, 13, 56, 123),
  );
  const out = new ByteWriter();
  write(out, shown());
  // The time of the common form is local: the page is the same wherever it is written.
  return Buffer.from(out.view())
    .toString()
    .trimEnd()
    .replace(/\[[^\]]*\] "/, '[21/Nov/2026:16:13:56 +0000] "');
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The page. */
export function accessLogDocs(): string {
  const fields = Object.entries(ACCESS_FIELDS).map(([name, { meaning }]) => {
    const told = DEFAULT_FIELDS.some((one) => one === name) ? 'yes' : '';
    return `| \`${name}\` | ${told} | ${cell(meaning)} |`;
  });
  const codes = END_CODES.map(
    ({ code, meaning, advice }) => `| \`${code}\` | ${cell(meaning)} | ${cell(advice)} |`,
  );
  const form = (name: AccessForm): string => `\`\`\`log\n${example(name)}\n\`\`\``;
  return `# The access log

Every request gets a line when it is over, whoever answered it. Without any configuration the lines are JSON on stdout, beside those of the main log. This
chooses what they tell, writes them to a file of their own, and has slow requests explained:

\`\`\`yaml
log:
  access:
    fields: [time, client, method, target, status, upstream, durationMs, queueMs, end, request.X-Tenant]
    to: { file: access.log }
    slow: 1s
\`\`\`

A reload changes all of this while Limpet runs. Whatever becomes of the disk, requests do not wait for the log: see [below](#when-the-log-cannot-be-written).

## Forms

\`form: json\`, without being asked:

${form('json')}

\`form: logfmt\`, the same fields for people and simple tools; a value with a space, a quote or \`=\` in it stands between quotes:

${form('logfmt')}

\`form: combined\`, as Apache and nginx write it, for the tools that read their logs; the time is local:

${form('combined')}

\`form: common\`, the same without \`Referer\` and \`User-Agent\`:

${form('common')}

These two have their own fields. A client that left before it was answered has status 499 there, as nginx tells it; the other forms say 0.

Whatever a client sends stays within its field: quotes, backslashes and control characters are escaped, also those that only a terminal would obey.

## Fields

\`fields\` of \`json\` and \`logfmt\` are told in the order in which they are chosen. Those marked are told without being chosen. What a request does not have is left
out of its line.

| field | told | meaning |
|---|---|---|
${fields.join('\n')}
| \`request.NAME\` | | Value of that field of the request, such as \`request.X-Tenant\`; its lines joined, at most \`valueChars\` of it. |
| \`response.NAME\` | | The same of the instance's answer, such as \`response.X-Cache\`. |

Times of stages add up to \`durationMs\`, over all tries. \`waitMs\` is also the time in which the instance does not take the body.

### What is never told

Cookies, \`Authorization\`, and whatever has the name of a secret: a field that does cannot be chosen. In \`target\`, \`referer\` and the request line of the common forms,
values of parameters with such a name (\`token\`, \`code\`, \`password\`, \`sig\`, \`session\` and many more), values that look like a JSON Web Token, and \`;jsessionid=\` of paths are
\`[hidden]\`; name more parameters in \`hide\`. \`path\` has no query at all.

\`user\` is told only where it is chosen (\`user: true\` with \`common\` and \`combined\`): who did what is personal data, and logs are copied to many places.

## Who ended it

\`end\` tells by two letters who ended a request, and in which stage, as HAProxy's termination state does. The first letter:

| | who |
|---|---|
| \`-\` | nobody: it ended as it should |
| \`C\` \`c\` | the client: it left; or kept Limpet waiting for too long |
| \`S\` \`s\` | the instance: it refused, broke off or answered badly; or kept Limpet waiting for too long |
| \`L\` \`l\` | Limpet: it refused by its rules; or a time that it gives the whole request, the line or the tunnel was over |

The second: \`R\` the head of the request, \`S\` its session, \`Q\` the line, \`C\` finding an instance and connecting to it, \`B\` the body of the request, \`H\` waiting for the head of
the answer, \`D\` the answer, \`U\` a tunnel. A status of 500 from the app is \`--\`: the app said it in good order. \`fault\` says more of most of them, in [the words of errors](errors.md).

| code | what happened | what to do |
|---|---|---|
${codes.join('\n')}

A client that connects and leaves without a whole head has made no request, and gets no line.

## Slow requests

With \`slow: 1s\`, whatever took longer gets a warning in the main log that says where the time went:

\`\`\`json
${JSON.stringify({
  level: 'warn',
  time: '2026-11-21T16:13:56.123Z',
  requestId: '5f0c954b2ad8c6a1d9f3b07e4c2a1d88',
  client: '192.0.2.7',
  method: 'GET',
  host: 'shop.example.com',
  path: '/report',
  route: 'shop.example.com/',
  pool: 'shop',
  upstream: 'blue',
  status: 200,
  end: '--',
  durationMs: 2310.204,
  stages: { queueMs: 2204.12, waitMs: 103.9 },
  msg: `a request was slow: 2.310 s, of which 2.204 s ${STAGE_WORDS[2]}`,
})}
\`\`\`

A worker tells of twenty in a second; \`untold\` of the next line says how many went without. The access log has a line for each, also where \`sample\` leaves others out.
WebSockets and event streams last as long as their users like, and are not slow. Long polls are: let \`slow\` be longer than they wait.

## Sampling

\`sample: 1%\` gives one request of a hundred its line. Those that failed (status 500 and above, or any \`end\` but \`--\`) and those that were slow always get
theirs. Each line says in \`weight\` how many requests it stands for: 100 for those of the sample, 1 for the others; the sum of the weights is the number of requests. The common forms
have no place for it.

## Files, and rotating them

\`to: { file: access.log }\` appends to a file, which is made with mode 0640; \`log.to\` does the same for the main log. Paths are relative to the config. \`SIGUSR2\` opens
all of them anew: no line is lost, and none is told twice. For logrotate:

\`\`\`conf
/var/log/limpet/*.log {
  daily
  rotate 14
  compress
  delaycompress
  missingok
  postrotate
    kill -USR2 "$(cat /run/limpet/limpet.pid)"
  endscript
}
\`\`\`

\`delaycompress\` gives what still waits to be written its time. Where a file cannot be opened anew, lines go on into the old one, and the main log says so. \`copytruncate\` works too, but
loses the lines that come while the file is copied.

Try it. The line is in one of the two, whichever was open when its worker shipped it:

\`\`\`sh
printf '%s\\n' 'listen: 127.0.0.1:8080' 'routes: [{ path: /, respond: { body: hello } }]' 'log: { access: { form: common, to: { file: access.log } } }' > limpet.yaml
\`\`\`

\`\`\`sh
limpet run > limpet.log & echo $! > limpet.pid
\`\`\`

\`\`\`text
limpet: listening on http://127.0.0.1:8080 (… worker…, 0 upstreams)
\`\`\`

\`\`\`sh
curl -s 'http://127.0.0.1:8080/a?token=secret&page=2'
mv access.log access.log.1 && kill -USR2 $(cat limpet.pid)
\`\`\`

\`\`\`text
hello
\`\`\`

<!-- again until it is so -->

\`\`\`sh
cat access.log.1 access.log
\`\`\`

\`\`\`text
127.0.0.1 - - […] "GET /a?token=[hidden]&page=2 HTTP/1.1" 200 …
\`\`\`

## When the log cannot be written

A disk that is full, a pipe that nobody reads, a reader that is slower than the log grows: requests go on as ever. Up to 4 MiB of lines wait, and 8 MiB more of each worker;
what comes beyond is dropped and counted in \`limpet_log_dropped_total\`. The main log says once when that begins, and once when it is over, with how many lines were lost.
A file is tried again every second; a pipe whose reader is gone is given up.

This page is written by \`node build/access-log-docs.ts\`.
`;
}

if (process.argv[1]?.endsWith('access-log-docs.ts')) {
  writeFileSync(new URL('../docs/access-log.md', import.meta.url), accessLogDocs());
}
