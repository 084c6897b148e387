/**
 * Reading the log is an entry of it, with the person who reads: where a recorder runs anyway, the note costs a message
 * to it. `reads` in config.yaml says otherwise: `always` writes it also when no recorder runs, `never` not at all.
 */
import { connectHandover } from '../capture/handover.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogFilter } from '../core/query/filter.ts';
import { loadConfig } from './config.ts';
import type { Context } from './context.ts';
import { boundedFilter } from './export/filter-record.ts';

let warned = false;

/**
 * To be called for this machine's own log only, before it is read. Never throws, and waits `LIMITS.readNoteMs` at most
 * for a recorder that runs: a note that fails is told once and breaks no reading.
 */
export async function recordRead(context: Context, command: string, filter: LogFilter = {}): Promise<void> {
  try {
    const { reads = 'running' } = loadConfig(context.paths.configFile);
    if (reads === 'never') return;
    const params = { command, filter: boundedFilter(filter) };
    const link = await connectHandover(context.paths.socket, await context.client(), {
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
  } catch (error) {
    if (warned) return;
    warned = true;
    context.warn(`this reading is not recorded: ${error instanceof Error ? error.message : String(error)}`);
  }
}
