/** What the policy file says, and what the running recorder decides by. */
import { isTallyError } from '../../../core/error.ts';
import type { PolicyInForce } from '../../../core/policy/compiled.ts';
import { defaultPolicyText } from '../../../core/policy/default.ts';
import { keptPolicy } from '../../../open/policy-cache.ts';
import { type Paths, TENANT } from '../../../paths.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import type { Context } from '../../context.ts';
import { readPolicyText } from '../policy/file.ts';

export interface PolicyStatus {
  readonly file: string;
  readonly version?: string;
  readonly hosts?: number;
  /** There is no file: the built-in policy holds. */
  readonly missing?: true;
  /** Why the file cannot be used. */
  readonly problem?: string;
  /** What the running recorder decides by. */
  readonly in_force?: OpResults['status']['policy'] & { readonly same_as_file: boolean };
}

export async function policyStatus(
  context: Context,
  running: OpResults['status'] | undefined,
): Promise<PolicyStatus> {
  const file = context.paths.policyFile;
  let told: Omit<PolicyStatus, 'in_force'> = { file };
  let hash: string | undefined;
  try {
    const text = await written(context, file);
    const policy = await compiled(context.paths, text ?? defaultPolicyText());
    hash = policy.hash;
    const { version, allowlist } = policy.compiled;
    told = { file, version, hosts: allowlist.length, ...(text === undefined ? { missing: true } : {}) };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    told = { file, problem: error.message };
  }
  if (running === undefined) return told;
  return { ...told, in_force: { ...running.policy, same_as_file: running.policy.hash === hash } };
}

/** Undefined: there is none. */
async function written(context: Context, file: string): Promise<string | undefined> {
  try {
    return await readPolicyText(context, file);
  } catch (error) {
    if (isTallyError(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** As it was compiled last, where it was; the compiler is loaded for an edited file. */
async function compiled(paths: Paths, text: string): Promise<PolicyInForce> {
  const kept = await keptPolicy(paths, text);
  if (kept !== undefined) return kept;
  const { compilePolicy } = await import('../../../core/policy/load.ts');
  return compilePolicy(text, { id: TENANT });
}
