/** Lines on their way to a client: whether they are what they should be, and what they begin. */
import type { JsonObject } from '../../core/json.ts';
import { parseLine } from '../../core/query/line.ts';
import type { Pairing } from '../../core/query/pairing.ts';

const PRE_EXEC = Buffer.from('"phase":"pre_exec"');
const CARRIAGE_RETURN = 0x0d;

/** For an entry before the first that is judged: it may be the beginning of a call. */
export function recall(pairing: Pairing, line: Buffer): void {
  if (!line.includes(PRE_EXEC)) return;
  const parsed = parseLine(line);
  if ('entry' in parsed) pairing.pair(parsed.entry);
}

/** A line of a file as entry `index`, or why it cannot be that and must not be sent as one. */
export function readEntry(
  line: Buffer,
  index: number,
): { readonly entry: JsonObject } | { readonly damaged: string } {
  const parsed = parseLine(line);
  if ('malformed' in parsed) return { damaged: parsed.malformed };
  // An end of line to a client of server-sent events: what follows could pass for an event of ours. Entries have none.
  if (line.includes(CARRIAGE_RETURN)) return { damaged: 'a carriage return between its members' };
  return parsed.entry.index === index ? parsed : { damaged: 'it carries another index' };
}
