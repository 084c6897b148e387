/** An unlocked operator token, kept for some minutes for one terminal: 0600 in the runtime directory. */
import { rmSync } from 'node:fs';
import { z } from 'zod';
import {
  makePrivateDirectory,
  readPrivate,
  replacePrivate,
  requirePrivateDirectory,
} from '../../capture/secrets/vault-files.ts';
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';

const UnlockSchema = z.strictObject({ token: z.string().max(256), until: z.int() });

export interface Unlocked {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export function unlockPath(runtime: string, terminal: string): string {
  return `${runtime}/operator-${sha256Hex(terminal).slice(0, 16)}.json`;
}

export function writeUnlock(runtime: string, path: string, token: string, now: number): Unlocked {
  makePrivateDirectory(runtime);
  requirePrivateDirectory(runtime);
  const unlocked = { token, until: now + LIMITS.operatorUnlockMs };
  replacePrivate(path, Buffer.from(JSON.stringify(unlocked)));
  return unlocked;
}

/** undefined when there is none, it is over, or its clock makes no sense (a time set back must not prolong it). */
export function readUnlock(path: string, now: number): Unlocked | undefined {
  const bytes = readPrivate(path, LIMITS.operatorFileBytes);
  if (bytes === undefined) return undefined;
  const parsed = UnlockSchema.safeParse(parse(bytes));
  const live =
    parsed.success && now < parsed.data.until && parsed.data.until <= now + LIMITS.operatorUnlockMs;
  if (live) return parsed.data;
  removeUnlock(path);
  return undefined;
}

export function removeUnlock(path: string): void {
  rmSync(path, { force: true });
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
