/** What is switched off, as the recorder that runs or the log tells it. */
import type { KillSwitch } from '../core/governance/kill.ts';
import type { Context } from './context.ts';
import { safe } from './output/safe.ts';
import { askRunning } from './running.ts';

export async function killSwitches(context: Context): Promise<readonly KillSwitch[]> {
  const told = await askRunning(context, (ask) => ask('kill.list', {}));
  if (told !== undefined) return told.switches;
  return (await import('../open/governance-look.ts')).killWithoutRecorder(context.paths);
}

/** "global (odd refunds)": one line for those that are on. */
export function killText(switches: readonly KillSwitch[]): string {
  return switches
    .map(({ scope, reason }) => (reason === undefined ? safe(scope) : `${safe(scope)} (${safe(reason)})`))
    .join(', ');
}
