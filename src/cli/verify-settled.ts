/** Verification beside a recorder that prunes. */
import { isTallyError } from '../core/error.ts';
import type { LogReader } from '../core/ports.ts';

const ATTEMPTS = 3;

/**
 * `verify` is told where the log begins before it reads anything: what is removed later was named by an entry that may be
 * newer than the checkpoint that it reads, and a file that it was about to read may be gone.
 */
export async function whileSettled<T>(reader: LogReader, verify: (first: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const first = await firstEntry(reader);
    try {
      const verified = await verify(first);
      if (attempt === ATTEMPTS || (await firstEntry(reader)) === first) return verified;
    } catch (error) {
      const gone = isTallyError(error) && error.code === 'LOG_DAMAGED';
      if (!gone || attempt === ATTEMPTS || (await firstEntry(reader)) === first) throw error;
    }
  }
}

async function firstEntry(reader: LogReader): Promise<number> {
  return (await reader.segments())[0]?.first ?? 0;
}
