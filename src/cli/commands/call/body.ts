import { readFile } from 'node:fs/promises';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Context } from '../../context.ts';
import { readStdin } from '../../input.ts';

export interface BodyFlags {
  readonly data?: string;
  readonly body?: string;
  readonly dataFile?: string;
}

/** From one place, or from none. */
export async function readBody(
  context: Context,
  flags: BodyFlags,
  fromStdin: boolean,
): Promise<Buffer | undefined> {
  const places = [flags.data, flags.body, flags.dataFile, fromStdin ? '-' : undefined];
  if (places.filter((place) => place !== undefined).length > 1) {
    throw new TallyError('USAGE', 'the body is given more than once', {
      hint: 'one of --data, --data-file and -',
    });
  }
  const text = flags.data ?? flags.body;
  if (text !== undefined) return Buffer.from(text);
  if (fromStdin || flags.dataFile === '-') return readStdin(context, LIMITS.callBodyBytes);
  return flags.dataFile === undefined ? undefined : readBodyFile(flags.dataFile);
}

async function readBodyFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new TallyError('USAGE', `cannot read ${path} (${code})`, { hint: `ls -l '${path}'` });
  }
}
