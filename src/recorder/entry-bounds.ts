/** Bounds of parts of an entry, besides that of the whole. */
import type { Entry } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';

/** Parts with bounds of their own. An entry smaller than a bound cannot break it, so most entries pay one comparison. */
export function checkParts(entry: Entry, size: number): void {
  if (entry.reason !== undefined) checkBytes('reason', entry.reason, LIMITS.reasonBytes);
  if (size > LIMITS.decisionInputsBytes && entry.decision?.inputs !== undefined) {
    checkBytes('decision.inputs', JSON.stringify(entry.decision.inputs), LIMITS.decisionInputsBytes);
  }
  if (size > LIMITS.freeObjectBytes) {
    if (entry.metadata !== undefined)
      checkBytes('metadata', JSON.stringify(entry.metadata), LIMITS.freeObjectBytes);
    if (entry.risk !== undefined) checkBytes('risk', JSON.stringify(entry.risk), LIMITS.freeObjectBytes);
  }
}

function checkBytes(name: string, text: string, most: number): void {
  if (text.length * 3 <= most) return;
  const bytes = Buffer.byteLength(text);
  if (bytes > most) {
    throw new TallyError('ENTRY_TOO_LARGE', `${name} has ${bytes} bytes; at most ${most} are kept`, {
      hint: `shorten ${name}; nothing was recorded for this event`,
    });
  }
}
