// Keys of passwords: the way without Node's help comes to the same key.
import t from 'tap';
import { passwordKey, scriptedKey } from '../../../src/session/crypto/password-key.ts';

const cost = { passes: 3, memoryKiB: 64, keyBytes: 32 };
const salt = Buffer.alloc(16, 5);

t.test('Node and JavaScript derive the same key', async (t) => {
  const own = Buffer.from(await passwordKey('pässword', salt, cost));
  t.equal(
    own.toString('hex'),
    Buffer.from(await scriptedKey(Buffer.from('pässword'), salt, cost)).toString('hex'),
  );
  t.not(own.toString('hex'), Buffer.from(await passwordKey('password', salt, cost)).toString('hex'));
});
