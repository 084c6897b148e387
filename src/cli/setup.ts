/** What a first start makes on a machine, besides the log itself. Everything is made once and never overwritten. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createPrivate, makePrivateDirectory } from '../capture/secrets/vault-files.ts';
import { defaultPolicyText } from '../core/policy/default.ts';
import { currentEpoch, logName } from '../home.ts';
import type { Paths } from '../paths.ts';
import { openOperator } from './operator.ts';
import type { Output } from './output/stream.ts';

export interface Made {
  /** There was no log before. */
  readonly first: boolean;
  readonly policy: boolean;
  readonly operator: boolean;
}

/** Makes the policy file (it allows nothing) and the operator secret (open) where they are missing. */
export function setUp(paths: Paths): Made {
  const first = !existsSync(join(paths.logs, logName(currentEpoch(paths)), 'log.json'));
  const policy = !existsSync(paths.policyFile);
  if (policy) {
    makePrivateDirectory(dirname(paths.policyFile));
    createPrivate(paths.policyFile, Buffer.from(defaultPolicyText()));
  }
  const operator = openOperator(paths);
  const missing = operator.state().kind === 'none';
  if (missing) operator.ensure();
  return { first, policy, operator: missing };
}

/** Once per machine. On a pipe only where somebody starts the recorder: other commands answer programs there. */
export function firstStartNote({ paths, stderr }: { readonly paths: Paths; readonly stderr: Output }): void {
  const { dim } = stderr.style;
  for (const line of [
    `First start on this machine. The log is in ${join(paths.logs, logName(currentEpoch(paths)))}`,
    `Nothing is recorded unless it goes through tally; to be rid of it, stop it and remove ${paths.state}`,
    `Accesses to secrets alone are switched off with "audit: { enabled: false }" in ${paths.configFile}`,
  ]) {
    void stderr.say(`note: ${line}`, dim);
  }
}
