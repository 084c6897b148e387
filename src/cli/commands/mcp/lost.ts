import { LIMITS } from '../../../core/limits.ts';
import { placesOf, remember } from '../../../open/notes.ts';
import type { Context } from '../../context.ts';

/** What a session saw and could not hand over is noted beside the log, which tells of it as soon as it can be written. */
export function noteLost(context: Context, server: string, count: number): void {
  const what = `${count} records of the MCP server ${server}`;
  const at = new Date(context.now()).toISOString();
  const note = {
    at,
    surface: 'mcp',
    what: what.slice(0, LIMITS.idChars),
    why: 'RECORDER_UNAVAILABLE',
  } as const;
  const noted = remember(placesOf(context.paths), note);
  context.warn(
    `${what} are not in the log, because nobody took them${noted ? '; it will tell so' : ', and that cannot be noted either'}. Its calls were on record before they began; how these ended stands as unknown`,
  );
}
