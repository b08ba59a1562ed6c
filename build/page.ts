// Copies the dashboard's files into dist after the compiler, which leaves alone what is no TypeScript.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';

const from = new URL('../src/admin/page/', import.meta.url);
const to = new URL('../dist/admin/page/', import.meta.url);

mkdirSync(to, { recursive: true });
for (const name of readdirSync(from))
  if (/\.(html|css|js|svg)$/.test(name)) copyFileSync(new URL(name, from), new URL(name, to));
