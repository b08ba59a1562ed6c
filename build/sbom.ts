// Prints a bill of materials (CycloneDX, JSON) of what runs in production: `npm run --silent sbom -- [DRIVER…] > limpet.cdx.json`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { orTell, productionTree, TreeProblem, writeTree } from './package-trees.ts';

orTell(() => {
  const scratch = mkdtempSync(join(tmpdir(), 'limpet-sbom-'));
  try {
    // npm names the whole after its folder.
    const folder = join(scratch, 'limpet');
    mkdirSync(folder);
    writeTree(productionTree(process.argv.slice(2)), folder);
    const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'];
    const done = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    if (done.status !== 0) throw new TreeProblem(`npm ${args.join(' ')}: ${done.error ?? done.stderr}`);
    process.stdout.write(done.stdout);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
