// What a Redis does wrong is told in words that an operator knows, and never in the words of what was asked.
import t from 'tap';
import { replyWord } from '../../../src/session/stores/redis-client.ts';

function error(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

t.test('each error has its word', async (t) => {
  t.equal(replyWord(error('Error', 'Connection is closed.')), 'not connected');
  t.equal(
    replyWord(error('MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 0).')),
    'the connection was closed',
  );
  t.equal(
    replyWord(error('ReplyError', 'ERR DB index is out of range')),
    'there is no database of that number',
  );
  t.equal(replyWord(error('ReplyError', 'ERR invalid password')), 'WRONGPASS');
  t.equal(replyWord(error('ReplyError', "NOPERM this user has no permissions to run 'get'")), 'NOPERM');
  t.equal(replyWord(error('ReplyError', 'nothing of a kind: sess:secret')), 'an error');
  t.equal(replyWord(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })), 'ECONNREFUSED');
});
