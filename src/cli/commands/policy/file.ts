import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isTallyError, TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { tryLock } from '../../../store/file/lock.ts';
import type { Context } from '../../context.ts';
import { readStdin } from '../../input.ts';

/** The text of a policy; "-" is standard input. */
export async function readPolicyText(context: Context, file: string): Promise<string> {
  if (file === '-') return (await readStdin(context, LIMITS.policyBytes)).toString('utf8');
  try {
    const { size } = await stat(file);
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
        ? `\`tally policy init${own ? '' : ' FILE'}\` makes one that allows nothing yet`
        : `ls -l '${file}' shows who may read it`,
    });
  }
}

const WAIT_MS = 10_000;
const RETRY_MS = 20;

/** Reading, editing and writing back is one step: of two `policy allow` at once, both hosts are in the file. */
export async function whilePolicyLocked<T>(context: Context, body: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const lock = tryLock(join(context.paths.state, 'policy.lock.sqlite'));
    if (lock !== undefined) {
      try {
        return await body();
      } finally {
        lock.release();
      }
    }
    if (performance.now() > deadline) {
      throw new TallyError('LOG_LOCKED', 'another command is changing the policy', {
        hint: 'try again when it is done',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
