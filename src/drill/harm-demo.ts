// Harms an app of `limpet demo` by the demo's own control page, as its buttons do.
import { ask } from '../admin/ask.ts';
import { demoApps } from './demo-target.ts';
import { DrillError } from './drill-error.ts';
import type { Harm } from './harm-shape.ts';
import type { EventKind } from './scenario-keys.ts';

/** `kind` is kill, hang or restart. */
export function harmDemo(kind: EventKind, name: string, target: URL): Harm {
  let begun = false;
  const tell = async (what: string): Promise<void> => {
    const { status, text } = await ask(new URL(`/_demo/apps/${name}/${what}`, target), {
      method: 'POST',
      headers: { 'x-limpet-demo': 'yes' },
    });
    if (status !== 200)
      throw new DrillError(`the demo does not ${what} ${name}: ${text.trim().slice(0, 200)}`);
  };
  return {
    instance: name,
    async check() {
      const apps = await demoApps(target);
      if (apps === null)
        throw new DrillError(`${target.origin} is not \`limpet demo\``, 'pid:N, or a demo that runs');
      const found = apps.find((one) => one.name === name);
      if (found === undefined)
        throw new DrillError(`the demo has no app ${name}`, apps.map((one) => one.name).join(', '));
      const down = apps.find((one) => one.process !== 'running');
      if (down !== undefined)
        throw new DrillError(`${down.name} is ${down.process} already`, 'revive it by the page, or `r`');
    },
    async begin() {
      begun = true;
      await tell(kind === 'hang' ? 'hang' : 'kill');
      if (kind === 'restart') await tell('revive');
    },
    async end() {
      if (!begun) return '';
      begun = false;
      await tell('revive');
      return `${name} was revived`;
    },
    endNow: () => {},
  };
}
