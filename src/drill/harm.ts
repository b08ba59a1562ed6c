// What a drill does to whatever is behind the proxy, and how it is undone: one shape for all kinds of it.

import type { AdminClient } from '../admin/client.ts';
import { listenerOf } from '../process/binding.ts';
import { DrillError } from './drill-error.ts';
import { drainUpstream, reloadByAdmin } from './harm-admin.ts';
import { runCommand } from './harm-command.ts';
import { harmContainer } from './harm-container.ts';
import { harmDemo } from './harm-demo.ts';
import { harmProcess } from './harm-process.ts';
import type { Harm } from './harm-shape.ts';
import type { EventPlan } from './plan.ts';

/** What the kinds of harm are made from. */
export interface HarmWorld {
  readonly plan: { readonly target: URL };
  readonly admin: AdminClient | null;
  readonly env: NodeJS.ProcessEnv;
}

/** The harm of an event, with its command to undo it, if it has one. Throws DrillError for what cannot be found. */
export function makeHarm(event: EventPlan, world: HarmWorld): Harm {
  const harm = ofVictim(event, world);
  return event.undo === null ? harm : withUndo(harm, runCommand(event.undo, world.env));
}

function ofVictim(event: EventPlan, world: HarmWorld): Harm {
  const { kind, victim } = event;
  switch (victim.by) {
    case 'pid':
      return harmProcess(kind, victim.pid);
    case 'port': {
      const pid = listenerOf(victim.port);
      if (pid === null) {
        throw new DrillError(
          `nobody can be seen that listens on port ${victim.port}`,
          'its pid: --kill pid:123; the process of another user is seen by root alone, and only on Linux',
        );
      }
      return harmProcess(kind, pid);
    }
    case 'container':
      return harmContainer(kind, victim.name, world.env);
    case 'demo':
      return harmDemo(kind, victim.app, world.plan.target);
    case 'run':
      return runCommand(victim.command, world.env);
    default: {
      if (world.admin === null)
        throw new DrillError('there is no admin API to ask', '--admin http://127.0.0.1:9090');
      return victim.by === 'admin'
        ? reloadByAdmin(world.admin)
        : drainUpstream(world.admin, victim.pool, victim.name);
    }
  }
}

/** `harm`, which `undo` undoes after what it undoes itself. */
function withUndo(harm: Harm, undo: Harm): Harm {
  return {
    instance: harm.instance,
    check: () => harm.check(),
    begin: () => harm.begin(),
    end: async () => {
      // Whatever became of its own end, the command must have its turn.
      const own = await Promise.allSettled([harm.end()]);
      await undo.begin();
      if (own[0].status === 'rejected') throw own[0].reason;
      const said = own[0].value;
      return said === '' ? 'the command of `undo` was run' : `${said}; the command of \`undo\` was run`;
    },
    endNow: () => {
      harm.endNow();
      undo.endNow();
    },
  };
}
