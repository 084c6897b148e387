/** The policy file of this machine: read, replaced, and taken up again when a person edited it. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Event } from '../core/entry.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import { defaultPolicyText } from '../core/policy/default.ts';
import { type Paths, TENANT } from '../paths.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import { errno, makeDirectory, replaceFile, syncDirectory } from '../store/file/fs.ts';
import { keepPolicy, keptPolicy } from './policy-cache.ts';

export async function loadPolicy(paths: Paths, onWarning: (line: string) => void): Promise<PolicyInForce> {
  try {
    const text = await readPolicy(paths);
    const kept = await keptPolicy(paths, text);
    if (kept !== undefined) return kept;
    const { compilePolicy } = await import('../core/policy/load.ts');
    const policy = compilePolicy(text, { id: TENANT });
    await keepPolicy(paths, policy);
    return policy;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    onWarning(`the policy is not readable, so every call is stopped: ${why} (tally policy check)`);
    const { unreadablePolicy } = await import('../core/policy/load.ts');
    return unreadablePolicy(why, { id: TENANT });
  }
}

/** Why the file as it stands would not be taken; undefined: it would. */
export async function policyFileProblem(paths: Paths): Promise<unknown> {
  try {
    const text = await readPolicy(paths);
    if ((await keptPolicy(paths, text)) !== undefined) return undefined;
    const { compilePolicy } = await import('../core/policy/load.ts');
    compilePolicy(text, { id: TENANT });
    return undefined;
  } catch (error) {
    return error;
  }
}

async function readPolicy(paths: Paths): Promise<string> {
  try {
    const found = await stat(paths.policyFile);
    const { size } = found;
    if (!found.isFile()) {
      throw new TallyError('POLICY_INVALID', `${paths.policyFile} is no file`, { hint: 'move it away' });
    }
    if (size <= LIMITS.policyBytes) return await readFile(paths.policyFile, 'utf8');
    throw new TallyError('POLICY_INVALID', `it has ${size} bytes, and ${LIMITS.policyBytes} are the most`, {
      hint: 'tally policy check',
    });
  } catch (error) {
    if (errno(error) === 'ENOENT') return defaultPolicyText();
    throw error;
  }
}

export async function writePolicy(paths: Paths, text: string): Promise<void> {
  const directory = join(paths.policyFile, '..');
  await makeDirectory(directory);
  await replaceFile(paths.policyFile, Buffer.from(text), true);
  await syncDirectory(directory);
}

const EDITED = { surface: 'server', assurance: 'observed' } as const;
/** Of what is wrong with a file, what its entry holds: the first problems. */
const TOLD_CHARS = 500;

/** Whose the file is: as near as one comes to who edited it. */
async function editedBy(paths: Paths): Promise<Pick<Event, 'actor' | 'quality'>> {
  const { uid } = await stat(paths.policyFile);
  return { actor: { identity_level: 'anonymous', os: { uid } }, quality: { 'actor.os': 'inferred' } };
}

export type Reload = (paths: Paths, recorder: LocalRecorder) => Promise<boolean>;

/**
 * Takes up edits of the file. In turn with other changes: a file that is being replaced is no edit. One that does not
 * compile is refused with POLICY_INVALID, the one in force stays, and that is recorded once for each such text.
 */
export function policyReloader(): Reload {
  let refused: string | undefined;

  async function refuse(paths: Paths, recorder: LocalRecorder, text: string, error: unknown): Promise<void> {
    const hash = sha256Hex(text);
    if (!isTallyError(error) || hash === refused) return;
    const { compiled, hash: inForce } = recorder.policy();
    await recorder.record(
      {
        type: 'policy.change',
        phase: 'point',
        ...(await editedBy(paths)),
        outcome: { status: 'error', error_kind: error.code, error: error.message.slice(0, TOLD_CHARS) },
        metadata: {
          before: { version: compiled.version, hash: inForce },
          refused: { source_hash: hash },
          file_edited: true,
        },
      },
      EDITED,
    );
    refused = hash;
  }

  return async (paths, recorder) => {
    const text = await readPolicy(paths);
    let policy: PolicyInForce;
    const { compilePolicy } = await import('../core/policy/load.ts');
    try {
      policy = compilePolicy(text, { id: TENANT });
    } catch (error) {
      await refuse(paths, recorder, text, error);
      throw error;
    }
    refused = undefined;
    const before = recorder.policy();
    if (policy.hash === before.hash) return false;
    await recorder.record(
      {
        type: 'policy.change',
        phase: 'point',
        ...(await editedBy(paths)),
        metadata: {
          before: { version: before.compiled.version, hash: before.hash },
          after: { version: policy.compiled.version, hash: policy.hash },
          file_edited: true,
        },
      },
      EDITED,
    );
    await recorder.usePolicy(policy);
    return true;
  };
}
