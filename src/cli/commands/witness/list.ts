import { isTallyError } from '../../../core/error.ts';
import { cosignatureVerifier } from '../../../core/tlog/cosignature.ts';
import { trustedLogs } from '../../../server/witness/logs.ts';
import { readState } from '../../../server/witness/state.ts';
import type { Context } from '../../context.ts';
import { counted, factLines } from '../../facts.ts';
import { safe, toJson } from '../../output/safe.ts';
import { readWitnessKey, type WitnessHome, witnessHome } from './home.ts';

export interface ListOptions {
  readonly dir?: string;
  readonly json?: boolean;
}

interface ListedLog {
  readonly origin: string;
  readonly vkeys: readonly string[];
  /** Cosigned so far; null when the witness cannot tell, and so does not cosign it any more. */
  readonly size: number | null;
  readonly problem?: string;
}

/** Reads beside a witness that runs. */
export async function listLogs(context: Context, options: ListOptions): Promise<void> {
  const home = await witnessHome(context, options.dir);
  const vkey = (await readWitnessKey(home))?.vkey;
  const logs: ListedLog[] = [];
  for (const log of await trustedLogs(home.files))
    logs.push({ ...log, ...(await sizeOf(home, log.origin, vkey)) });
  const { stdout } = context;
  if (options.json === true)
    return stdout.line(toJson({ directory: home.directory, vkey: vkey ?? null, logs }));
  const facts = factLines(
    [
      ['directory', home.directory],
      ['key', vkey === undefined ? 'made at the first start: tally witness serve' : safe(vkey)],
      ['logs', logs.length === 0 ? 'none: tally witness trust VKEY' : counted(logs.length, 'log')],
    ],
    stdout,
  );
  for (const line of facts) await stdout.line(line);
  for (const { origin, vkeys, size, problem } of logs) {
    const state = size === null ? stdout.style.red('not cosigned') : `cosigned up to ${size}`;
    await stdout.line(`${stdout.style.bold(safe(origin))}  ${state}`);
    for (const key of vkeys) await stdout.line(stdout.style.dim(`  ${safe(key)}`));
    if (problem !== undefined) context.warn(problem);
  }
}

async function sizeOf(
  { files }: WitnessHome,
  origin: string,
  vkey: string | undefined,
): Promise<Pick<ListedLog, 'size' | 'problem'>> {
  // Without a key nothing was cosigned yet.
  if (vkey === undefined) return { size: 0 };
  try {
    return { size: (await readState(files, origin, cosignatureVerifier(vkey))).size };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return { size: null, problem: error.message };
  }
}
