// Real clients: curl, fetch, node:http and Python, each calling in its own way; their calls are recorded on the wire.
import { execFile } from 'node:child_process';
import { createReadStream, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Agent, FormData, fetch, request } from 'undici';
import type { Script } from '../../kit/raw-upstream.ts';
import { answer, bareAnswer, type Call, type ClientShape, chunk, type ShapeGroup } from '../shape.ts';

const DATE = 'Date: Tue, 03 Mar 2026 10:00:00 GMT';
const run = promisify(execFile);

/** Says 100 to who waits for it, and how much came. */
const receive: Script = async (exchange) => {
  if (exchange.head.fields.some(([name]) => name.toLowerCase() === 'expect')) {
    exchange.send(bareAnswer('100 Continue', []));
  }
  const { body } = await exchange.whole();
  if (exchange.method === 'HEAD') return exchange.send(bareAnswer('200 OK', [DATE, 'Content-Length: 99']));
  exchange.send(answer('200 OK', `received ${body.length}`, DATE, 'Content-Type: text/plain'));
};

/** curl's output and exit code. `{url}` and `{folder}` stand for the call's. */
function curl(name: string, ...args: readonly string[]): ClientShape {
  return {
    name: `curl ${name}`,
    answer: receive,
    call: async ({ url, folder }: Call) => {
      const filled = args.map((arg) => arg.replace('{url}', url).replace('{folder}', folder));
      return (await run('curl', ['-sS', '--noproxy', '*', '--max-time', '60', ...filled])).stdout;
    },
  };
}

/** What a Python program prints; `sys.argv[1]` is the host and port, `sys.argv[2]` the folder. */
function python(name: string, ...lines: readonly string[]): ClientShape {
  const program = ['import sys, http.client, urllib.request, urllib.parse', ...lines].join('\n');
  return {
    name: `Python ${name}`,
    answer: receive,
    call: async ({ url, folder }) =>
      (
        await run('python3', ['-c', program, url.slice('http://'.length), folder], {
          env: { ...process.env, no_proxy: '*' },
        })
      ).stdout,
  };
}

/** A call by fetch with an agent of its own, so that no connection outlives it. */
function fetched(name: string, options: (call: Call) => Parameters<typeof fetch>[1]): ClientShape {
  return {
    name: `fetch ${name}`,
    answer: receive,
    call: async (call) => {
      const agent = new Agent();
      const got = await fetch(`${call.url}/fetch?a=b%20c`, { ...options(call), dispatcher: agent });
      const said = {
        status: got.status,
        text: await got.text(),
        type: got.headers.get('content-type'),
        cookies: got.headers.getSetCookie(),
      };
      await agent.close();
      return said;
    },
  };
}

function nodeHttp(
  name: string,
  send: (outgoing: http.ClientRequest, call: Call) => void,
  options: http.RequestOptions,
): ClientShape {
  return {
    name: `node:http ${name}`,
    answer: receive,
    call: (call) =>
      new Promise((resolve, reject) => {
        const outgoing = http.request(`${call.url}/node`, { agent: false, ...options }, async (incoming) => {
          let text = '';
          for await (const piece of incoming.setEncoding('latin1')) text += piece;
          resolve({ status: incoming.statusCode, text, trailers: incoming.trailers });
        });
        outgoing.on('error', reject);
        send(outgoing, call);
      }),
  };
}

const bytes = (call: Call): Buffer => readFileSync(join(call.folder, 'large.bin'));
function form(call: Call): FormData {
  const fields = new FormData();
  fields.append('text', 'a value with "quotes" and \u00e4');
  fields.append(
    'file',
    new Blob([readFileSync(join(call.folder, 'small.txt'))], { type: 'text/plain' }),
    'n\u00e4me.txt',
  );
  return fields;
}

const gzipped: ClientShape['answer'] = answer(
  '200 OK',
  gzipSync('unpacked').toString('latin1'),
  DATE,
  'Content-Encoding: gzip',
);
const redirect = answer('302 Found', '', DATE, 'Location: /elsewhere', 'Set-Cookie: a=1');

export const uploads: ShapeGroup = {
  title: 'Real clients',
  shapes: [
    curl('GET', '{url}/'),
    curl('HEAD', '-I', '-o', '/dev/null', '-w', '%{http_code} %{size_download}', '{url}/head'),
    curl(
      '-F: a form with files',
      '-F',
      'text=a value',
      '-F',
      'small=@{folder}/small.txt',
      '-F',
      'large=@{folder}/large.bin',
      '{url}/form',
    ),
    curl(
      '-F: types and names',
      '-F',
      'x=@{folder}/small.txt;type=image/png;filename="\u00e4 b.png"',
      '{url}/form',
    ),
    curl('-T: a file put', '-T', '{folder}/large.bin', '{url}/put/'),
    curl('-T, chunked', '-H', 'Transfer-Encoding: chunked', '-T', '{folder}/large.bin', '{url}/put'),
    {
      ...curl(
        '-T with Expect',
        '-H',
        'Expect: 100-continue',
        '--expect100-timeout',
        '60',
        '-T',
        '{folder}/small.txt',
        '{url}/put',
      ),
      differs: ['expect.last'],
    },
    curl('-d: a form', '-d', 'a=b&c=d e', '--data-urlencode', 'f=\u00e4&=', '{url}/form'),
    curl(
      '--data-binary without a type',
      '-H',
      'Content-Type:',
      '--data-binary',
      '@{folder}/large.bin',
      '{url}/data',
    ),
    curl('--json', '--json', '{"a":[1,2,3]}', '{url}/json'),
    curl('-G', '-G', '--data-urlencode', 'q=x y', '{url}/search'),
    curl('with HTTP/1.0', '--http1.0', '{url}/old'),
    curl('with HTTP/1.0 and a body', '--http1.0', '--data-binary', '@{folder}/small.txt', '{url}/old'),
    { ...curl('-X DELETE', '-X', 'DELETE', '{url}/thing/1'), differs: ['length.not-added'] },
    curl(
      'with a range, a referrer and cookies',
      '-r',
      '0-99',
      '-e',
      'http://a.example/',
      '-b',
      'a=1; b=2',
      '-A',
      'agent/1.0',
      '{url}/file',
    ),
    {
      ...curl('with a path as it is', '--path-as-is', '{url}/a/./b/../c//d?x=/../y'),
      differs: ['target.kept'],
    },
    curl('three addresses on one connection', '{url}/1', '{url}/2', '{url}/3'),
    { ...curl('--compressed', '--compressed', '{url}/gzip'), answer: gzipped },
    {
      ...curl('and a redirect that it does not follow', '-w', '%{http_code} %{num_redirects}', '{url}/'),
      answer: redirect,
    },
    fetched('GET', () => ({})),
    fetched('POST of FormData', (call) => ({ method: 'POST', body: form(call) })),
    fetched('POST of a URL-encoded form', () => ({
      method: 'POST',
      body: new URLSearchParams({ a: 'b c', d: '\u00e4&' }),
    })),
    fetched('PUT of 1 MiB', (call) => ({ method: 'PUT', body: bytes(call) })),
    fetched('POST of a stream', (call) => ({
      method: 'POST',
      body: createReadStream(join(call.folder, 'large.bin'), { highWaterMark: 9973 }),
      duplex: 'half',
    })),
    fetched('PATCH of JSON with an authorization', () => ({
      method: 'PATCH',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
    })),
    { ...fetched('of what is gzipped', () => ({})), answer: gzipped },
    { ...fetched('with redirects by hand', () => ({ redirect: 'manual' })), answer: redirect },
    {
      name: 'undici: request with many headers',
      answer: receive,
      call: async ({ url }) => {
        const agent = new Agent();
        const got = await request(`${url}/undici`, {
          dispatcher: agent,
          method: 'POST',
          body: 'x',
          headers: { 'x-a': '1', 'X-B': 'two', cookie: 'a=1' },
        });
        const said = { status: got.statusCode, text: await got.body.text() };
        await agent.close();
        return said;
      },
    },
    nodeHttp(
      'POST in three writes',
      (outgoing) => {
        outgoing.write('one');
        outgoing.write('two');
        outgoing.end('three');
      },
      { method: 'POST' },
    ),
    {
      ...nodeHttp(
        'POST with Expect',
        (outgoing, call) => {
          outgoing.once('continue', () => outgoing.end(bytes(call)));
          outgoing.flushHeaders();
        },
        { method: 'POST', headers: { Expect: '100-continue' } },
      ),
      differs: ['expect.last'],
    },
    {
      differs: ['trailers.passed'],
      ...nodeHttp('and a trailer in the answer', (outgoing) => outgoing.end(), {
        headers: { TE: 'trailers' },
      }),
      answer: bareAnswer(
        '200 OK',
        [DATE, 'Trailer: X-Sum', 'Transfer-Encoding: chunked'],
        `${chunk('summed')}0\r\nX-Sum: 42\r\n\r\n`,
      ),
    },
    python('urllib: GET', "print(urllib.request.urlopen('http://' + sys.argv[1] + '/python').read())"),
    python(
      'urllib: POST of a form',
      "print(urllib.request.urlopen('http://' + sys.argv[1] + '/python', urllib.parse.urlencode({'a': 'b c'}).encode()).read())",
    ),
    python(
      'http.client: PUT of a file',
      'c = http.client.HTTPConnection(sys.argv[1])',
      "c.request('PUT', '/python', open(sys.argv[2] + '/large.bin', 'rb'))",
      'print(c.getresponse().read())',
    ),
    python(
      'http.client: chunked POST',
      'c = http.client.HTTPConnection(sys.argv[1])',
      "c.request('POST', '/python', iter([b'one', b'two' * 500, b'x']), encode_chunked=True)",
      'r = c.getresponse()',
      'print(r.status, r.read())',
    ),
    python(
      'http.client: three requests on one connection',
      'c = http.client.HTTPConnection(sys.argv[1])',
      'for i in range(3):',
      "    c.request('GET', '/python/' + str(i))",
      '    print(c.getresponse().read())',
    ),
  ],
};
