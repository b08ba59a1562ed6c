// The SQL with which PostgreSQL tells of changes, out of the docs: what they give is what is tried.
import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../../docs/sessions/push.md', import.meta.url), 'utf8');
const blocks = Array.from(text.matchAll(/```sql\n(.*?)```/gs), ([, sql]) => sql!);

/** The trigger's function, then the triggers on connect-pg-simple's table. */
export const [PUSH_FUNCTION = '', PUSH_TRIGGERS = ''] = blocks;
