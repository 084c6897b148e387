/** Whether a machine was set up, by what is there. What makes it (setup.ts) is loaded only where something is missing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { currentEpoch, logName, operatorPath } from '../home.ts';
import type { Paths } from '../paths.ts';
import type { Output } from './output/stream.ts';

const logOf = (paths: Paths): string => join(paths.logs, logName(currentEpoch(paths)));

/** There is no log yet. */
export function isFirst(paths: Paths): boolean {
  return !existsSync(join(logOf(paths), 'log.json'));
}

/** Besides the log itself. What is in these files is looked at by who needs them. */
export function isSetUp(paths: Paths): boolean {
  return existsSync(paths.policyFile) && existsSync(operatorPath(paths));
}

/** Once per machine. On a pipe only where somebody starts the recorder: other commands answer programs there. */
export function firstStartNote({ paths, stderr }: { readonly paths: Paths; readonly stderr: Output }): void {
  const { dim } = stderr.style;
  for (const line of [
    `First start on this machine. The log is in ${logOf(paths)}`,
    `Nothing is recorded unless it goes through tally; to be rid of it, stop it and remove ${paths.state}`,
    `Accesses to secrets alone are switched off with "audit: { enabled: false }" in ${paths.configFile}`,
  ]) {
    void stderr.say(`note: ${line}`, dim);
  }
}
