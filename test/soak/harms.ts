// What happens to the apps and to the session store while the load goes on; each is undone before it is over.
import type { Random } from '../../src/base/random.ts';
import type { SoakApp, Stage } from './stage.ts';

/** What a harm acts on. */
export interface HarmScene {
  readonly stage: Stage;
  readonly victim: SoakApp;
  readonly random: Random;
  readonly wait: (ms: number) => Promise<unknown>;
}

export const HARMS: Readonly<Record<string, (scene: HarmScene) => Promise<void>>> = {
  async kill({ stage, victim, random, wait }) {
    await stage.kill(victim);
    await wait(random.below(1500));
    await stage.start(victim);
  },
  async hang({ victim, random, wait }) {
    await victim.child.kill('SIGSTOP');
    await wait(300 + random.below(1700));
    await victim.child.kill('SIGCONT');
  },
  async drain({ stage, victim, random, wait }) {
    await stage.want(victim, 'drain');
    await wait(random.below(1500));
    await stage.want(victim, 'ready');
  },
  async maintenance({ stage, victim, random, wait }) {
    await stage.want(victim, 'maintenance');
    await wait(random.below(1500));
    await stage.want(victim, 'ready');
  },
  /** As a careful deploy does it. */
  async deploy({ stage, victim, random, wait }) {
    await stage.want(victim, 'drain');
    await wait(random.below(800));
    await stage.kill(victim);
    await stage.start(victim);
    await stage.want(victim, 'ready');
  },
  async everybodyHangs({ stage, random, wait }) {
    for (const app of stage.apps) await app.child.kill('SIGSTOP');
    await wait(200 + random.below(800));
    for (const app of stage.apps) await app.child.kill('SIGCONT');
  },
  async storeHangs({ stage, random, wait }) {
    process.kill(stage.store.pid, 'SIGSTOP');
    await wait(200 + random.below(1000));
    process.kill(stage.store.pid, 'SIGCONT');
  },
  async storeIsReplaced({ stage, random, wait }) {
    await stage.replaceStore(random.below(1000), wait);
  },
};
