// The load generator must notice what it is there to notice: else every drill and benchmark would pass.
import net from 'node:net';
import t from 'tap';
import { smallAnswer } from '../kit/load-message.ts';
import { LoadUser } from '../kit/load-user.ts';

/** What one user tells of as many requests as there are `answers`, given by a server in this order; null: it closes instead. */
async function told(
  answers: readonly (string | Buffer | null)[],
): Promise<{ seen: string[]; requests: string[] }> {
  const requests: string[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      const answer = answers[requests.length];
      requests.push(chunk.toString());
      if (answer === null || answer === undefined) socket.destroy();
      else socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    const next = (what: string): void => {
      seen.push(what);
      if (seen.length === answers.length) {
        user.close('over');
        resolve();
      } else setImmediate(() => user.send(false, 0, 0));
    };
    const user = new LoadUser(7, (server.address() as net.AddressInfo).port, {
      answered: (from, home) => {
        next(from.movedFrom >= 0 ? `${home} after ${from.movedFrom}` : `${home}`);
        from.movedFrom = -1;
      },
      failed: (_user, why) => next(why),
    });
    user.send(false, 0, 0);
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return { seen, requests };
}

const right = smallAnswer(1);
const text = right.toString();

t.test('right answers are told by the upstream that gave them, and another home is a move', async (t) => {
  const { seen } = await told([right, right, smallAnswer(2), right]);
  t.strictSame(seen, ['1', '1', '2 after 1', '1 after 2']);
});

t.test('a wrong byte, another status and a closed connection are failures', async (t) => {
  const wrong = Buffer.from(right);
  wrong[wrong.length - 9] = 33;
  const { seen } = await told([right, wrong, text.replace('200 OK', '502 No'), null, right]);
  t.strictSame(seen, ['1', 'body', 'status 502', 'closed', '1']);
});

t.test('a body shorter than the one that was asked for is a failure', async (t) => {
  const { seen } = await told([right, text.replace('Length: 128', 'Length: 100').slice(0, -28), right]);
  t.strictSame(seen, ['1', 'body', '1']);
});

t.test('a cookie that is set goes along with every later request', async (t) => {
  const setting = text.replace('\r\n\r\n', '\r\nSet-Cookie: home=abc; Path=/; HttpOnly\r\n\r\n');
  const { seen, requests } = await told([setting, right, right]);
  t.strictSame(seen, ['1', '1', '1']);
  t.notMatch(requests[0], /home=abc/);
  t.match(requests[1], /\r\nCookie: session=u7-\d+; home=abc\r\n/);
  t.equal(requests[2], requests[1]);
});
