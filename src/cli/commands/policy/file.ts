import { readFile, stat } from 'node:fs/promises';
import { isTallyError, TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Context } from '../../context.ts';
import { readStdin } from '../../input.ts';
import { oneAtATime } from '../../one-at-a-time.ts';

/** The text of a policy; "-" is standard input. */
export async function readPolicyText(context: Context, file: string): Promise<string> {
  if (file === '-') return (await readStdin(context, LIMITS.policyBytes)).toString('utf8');
  try {
    const found = await stat(file);
    const { size } = found;
    // One that somebody names may be a pipe; the policy in force is read by whoever asks, and must not make them wait.
    if (!found.isFile() && file === context.paths.policyFile)
      throw new TallyError('BAD_CONFIG', `the policy ${file} is no file`, { hint: 'move it away' });
    if (size <= LIMITS.policyBytes) return await readFile(file, 'utf8');
    throw new TallyError(
      'POLICY_INVALID',
      `${file} has ${size} bytes, and ${LIMITS.policyBytes} are the most`,
      { hint: 'is it a policy at all? roles: and defaults: say once what many users have in common' },
    );
  } catch (error) {
    if (isTallyError(error)) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const missing = code === 'ENOENT';
    const own = file === context.paths.policyFile;
    throw new TallyError(missing ? 'NOT_FOUND' : 'BAD_CONFIG', `cannot read the policy ${file} (${code})`, {
      hint: missing
        ? `\`tally policy init${own ? '' : ' FILE'}\` makes one that allows no host yet`
        : `ls -l '${file}' shows who may read it`,
    });
  }
}

/** Of two `policy allow` at once, both hosts are in the file. */
export function whilePolicyLocked<T>({ paths }: Context, body: () => Promise<T>): Promise<T> {
  return oneAtATime({ directory: paths.state, file: 'policy', what: 'the policy' }, body);
}
