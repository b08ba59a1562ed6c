// What an app's session package does at the end of every answer, as a process of its own: touches the session in Redis, so often as answers go out.
import { Redis } from 'ioredis';

const [port = '0', ...keys] = process.argv.slice(2);
/** Each session is touched so often, ms: the users of the bench ask about as often. */
const EVERY_MS = 2;

const client = new Redis({ port: Number(port), host: '127.0.0.1' });
let busy = false;
setInterval(() => {
  if (busy) return;
  busy = true;
  const batch = client.pipeline();
  for (const key of keys) batch.expire(key, 86_400);
  batch.exec().then(
    () => {
      busy = false;
    },
    () => process.exit(1),
  );
}, EVERY_MS);
