/** What a first start makes on a machine, besides the log itself. Everything is made once and never overwritten. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createPrivate, makePrivateDirectory } from '../capture/secrets/vault-files.ts';
import { defaultPolicyText } from '../core/policy/default.ts';
import type { Paths } from '../paths.ts';
import { isFirst } from './first-start.ts';
import { openOperator } from './operator.ts';

export interface Made {
  /** There was no log before. */
  readonly first: boolean;
  readonly policy: boolean;
  readonly operator: boolean;
}

/** Makes the policy file (it allows nothing) and the operator secret (open) where they are missing. */
export function setUp(paths: Paths): Made {
  const first = isFirst(paths);
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
