/**
 * Reading the log is an entry of it, with the person who reads: where a recorder runs anyway, the note costs a message
 * to it. `reads` in config.yaml says otherwise: `always` writes it also when no recorder runs, `never` not at all.
 */
import { existsSync, readFileSync } from 'node:fs';
import { LIMITS } from '../core/limits.ts';
import type { LogFilter } from '../core/query/filter.ts';
import type { Reads } from '../open/config.ts';
import type { Context } from './context.ts';

let warned = false;

/**
 * To be called before anything of this machine's own log is shown. `log`: a log directory that was named instead; reading that one is
 * no entry here. Never throws, and waits `LIMITS.readNoteMs` at most for a recorder that runs: a note that fails is told
 * once and breaks no reading. Loads nothing where there is nothing to do.
 */
export async function recordRead(
  context: Context,
  command: string,
  filter: LogFilter & { readonly entry?: string } = {},
  log?: string,
): Promise<void> {
  if (log !== undefined) return;
  try {
    const reads = await setting(context.paths.configFile);
    if (reads === 'never' || (reads === 'running' && !existsSync(context.paths.socket))) return;
    const { boundedFilter } = await import('./export/filter-record.ts');
    await note(context, reads, { command, filter: boundedFilter(filter) });
  } catch (error) {
    if (warned) return;
    warned = true;
    context.warn(`this reading is not recorded: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The whole configuration is parsed only when it says something about reads. */
async function setting(path: string): Promise<Reads> {
  if (!existsSync(path) || !readFileSync(path, 'utf8').includes('reads')) return 'running';
  const { loadConfig } = await import('../open/config.ts');
  return loadConfig(path).reads ?? 'running';
}

async function note(
  context: Context,
  reads: Reads,
  params: { readonly command: string; readonly filter: Record<string, unknown> },
): Promise<void> {
  const { connectHandover } = await import('../capture/handover.ts');
  const link = await connectHandover(context.paths.socket, await context.client('cli', { operator: false }), {
    answerMs: LIMITS.readNoteMs,
  });
  if (link !== undefined) {
    try {
      await link.ask('log.read', params);
    } finally {
      link.close();
    }
  } else if (reads === 'always') {
    const session = await context.openSession();
    try {
      await session.ask('log.read', params);
    } finally {
      await session.close();
    }
  }
}
