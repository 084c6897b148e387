/** The policy file of this machine: read, replaced, and taken up again when a person edited it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import { defaultPolicyText } from '../core/policy/default.ts';
import { compilePolicy, unreadablePolicy } from '../core/policy/load.ts';
import { type Paths, TENANT } from '../paths.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import { errno, makeDirectory, replaceFile, syncDirectory } from '../store/file/fs.ts';

export async function loadPolicy(paths: Paths, onWarning: (line: string) => void): Promise<PolicyInForce> {
  try {
    return compilePolicy(await readPolicy(paths), { id: TENANT });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    onWarning(`the policy is not readable, so every call is stopped: ${why}`);
    return unreadablePolicy(why, { id: TENANT });
  }
}

async function readPolicy(paths: Paths): Promise<string> {
  try {
    return await readFile(paths.policyFile, 'utf8');
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

/** Takes up an edit of the file. In turn with other changes: a file that is being replaced is no edit. */
export async function reloadPolicy(paths: Paths, recorder: LocalRecorder): Promise<boolean> {
  const policy = compilePolicy(await readPolicy(paths), { id: TENANT });
  const before = recorder.policy();
  if (policy.hash === before.hash) return false;
  await recorder.record(
    {
      type: 'policy.change',
      phase: 'point',
      metadata: {
        before: { version: before.compiled.version, hash: before.hash },
        after: { version: policy.compiled.version, hash: policy.hash },
        file_edited: true,
      },
    },
    { surface: 'server', assurance: 'observed' },
  );
  await recorder.usePolicy(policy);
  return true;
}
