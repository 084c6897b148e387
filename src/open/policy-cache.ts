/**
 * The policy file as it was compiled last, beside the registry, so that a command that writes one entry need not load
 * the readers of YAML and of rules. It counts for the very text it was made from and for this build alone, and it is as
 * far from others' hands as the registry of tokens is; deleting it loses nothing.
 */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isTallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import { policyFromSnapshot } from '../core/policy/snapshot.ts';
import { type Paths, TENANT } from '../paths.ts';
import { errno, replaceFile } from '../store/file/fs.ts';
import { packageVersion } from '../version.ts';

/** A build of the same version may compile otherwise: each one writes its files anew. */
function buildId(): string {
  const { mtimeMs, size } = statSync(fileURLToPath(import.meta.url));
  return sha256Hex(`${packageVersion()} ${mtimeMs} ${size}`).slice(0, 16);
}

function pathOf({ registry }: Paths): string {
  return join(registry, 'policy-compiled.json');
}

/** Undefined: none that counts. Never throws for what is in the file. */
export async function keptPolicy(paths: Paths, text: string): Promise<PolicyInForce | undefined> {
  let kept: Buffer;
  try {
    kept = await readFile(pathOf(paths));
  } catch (error) {
    if (errno(error) === undefined) throw error;
    return undefined;
  }
  const head = `${buildId()}\n`;
  if (kept.length > LIMITS.keptPolicyBytes || kept.subarray(0, head.length).toString('latin1') !== head)
    return undefined;
  try {
    const policy = policyFromSnapshot(kept.subarray(head.length));
    const { id, source_hash, unreadable } = policy.compiled;
    return id === TENANT && source_hash === sha256Hex(text) && unreadable === undefined ? policy : undefined;
  } catch (error) {
    if (!isTallyError(error)) throw error;
    // Cut short, or written by hand: the policy file says it all.
    return undefined;
  }
}

export async function keepPolicy(paths: Paths, { snapshot }: PolicyInForce): Promise<void> {
  if (snapshot.length > LIMITS.keptPolicyBytes) return;
  try {
    await replaceFile(pathOf(paths), Buffer.concat([Buffer.from(`${buildId()}\n`), snapshot]), false);
  } catch (error) {
    // Compiled again next time.
    if (errno(error) === undefined) throw error;
  }
}
