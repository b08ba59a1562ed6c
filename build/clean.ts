// Empties dist before a build, so that a file that left src leaves dist too.
import { rmSync } from 'node:fs';

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
