import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';

/** One thing that ran. */
export const NoteSchema = z.strictObject({
  at: z.iso.datetime(),
  surface: z.enum(['proxy', 'run', 'secrets', 'sdk', 'mcp']),
  /** What it was: the action, and the host or the command. */
  what: z.string().max(LIMITS.idChars),
  /** Why it could not be recorded: the code of the error. */
  why: z.string().max(64),
  /** Of many things in one line. */
  count: z.int().positive().optional(),
});
export type Note = z.infer<typeof NoteSchema>;
