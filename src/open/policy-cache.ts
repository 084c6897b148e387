/**
 * The policy file as it was compiled last, beside the registry, so that a command that writes one entry need not load
 * the readers of YAML and of rules. It counts for the very text it was made from and for this build alone, and it is as
 * far from others' hands as the registry of tokens is; deleting it loses nothing.
 *
 * Its first line names the build and the hash of the rest. What this build wrote needs no second look at its shape: the
 * hash tells what a crash or a disk did to it, and whoever can write there can write any policy that has the right shape.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeUtf8 } from '../core/bytes.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { CompiledPolicy, PolicyInForce } from '../core/policy/compiled.ts';
import { type Paths, TENANT } from '../paths.ts';
import { errno, replaceFile } from '../store/file/fs.ts';
import { packageVersion } from '../version.ts';

/** A build of the same version may compile otherwise: each one writes its files anew. */
function buildId(): string {
  const { mtimeMs, size } = statSync(fileURLToPath(import.meta.url));
  return sha256Hex(`${packageVersion()} ${mtimeMs} ${size}`).slice(0, 16);
}

/** `hash`: SHA-256 of the snapshot, as decisions cite it. */
function headOf(hash: string): string {
  return `${buildId()} ${hash}\n`;
}

function pathOf({ registry }: Paths): string {
  return join(registry, 'policy-compiled.json');
}

/** Undefined: none that counts. Never throws for what is in the file. */
export async function keptPolicy(paths: Paths, text: string): Promise<PolicyInForce | undefined> {
  let kept: Buffer;
  try {
    kept = readFileSync(pathOf(paths));
  } catch (error) {
    if (errno(error) === undefined) throw error;
    return undefined;
  }
  const end = kept.indexOf('\n') + 1;
  const snapshot = new Uint8Array(kept.subarray(end));
  const hash = sha256Hex(snapshot);
  if (kept.length > LIMITS.keptPolicyBytes || kept.subarray(0, end).toString('latin1') !== headOf(hash))
    return undefined;
  const compiled = parsed(snapshot);
  if (compiled === undefined) return undefined;
  const { id, source_hash, unreadable, rules } = compiled;
  if (id !== TENANT || source_hash !== sha256Hex(text) || unreadable !== undefined) return undefined;
  // With it comes what puts rules to a call.
  if (rules !== undefined) await import('../core/policy/snapshot.ts');
  return { compiled, snapshot, hash };
}

function parsed(snapshot: Uint8Array): CompiledPolicy | undefined {
  try {
    const value: unknown = JSON.parse(decodeUtf8(snapshot) ?? '');
    return typeof value === 'object' && value !== null ? (value as CompiledPolicy) : undefined;
  } catch {
    // Written by hand, with its hash: the policy file says it all.
    return undefined;
  }
}

export async function keepPolicy(paths: Paths, { snapshot, hash }: PolicyInForce): Promise<void> {
  if (snapshot.length > LIMITS.keptPolicyBytes) return;
  try {
    await replaceFile(pathOf(paths), Buffer.concat([Buffer.from(headOf(hash)), snapshot]), false);
  } catch (error) {
    // Compiled again next time.
    if (errno(error) === undefined) throw error;
  }
}
