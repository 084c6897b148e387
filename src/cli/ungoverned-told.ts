/** What ran while nothing could be recorded, said in the log as soon as it can be. */
import { ulidSource } from '../core/ulid.ts';
import { random } from '../open/lock.ts';
import { hasNotes, placesOf } from '../open/notes.ts';
import type { Session } from '../open.ts';
import type { Paths } from '../paths.ts';

import { counted } from './facts.ts';

export interface Teller {
  readonly paths: Paths;
  warn(line: string): void;
  now(): number;
}

/** Says in the log what ran without it. Never throws: it is tried again by the next command, and by `tally up`. */
export async function tellUngoverned(
  { paths, warn, now }: Teller,
  session: Pick<Session, 'ask'>,
): Promise<void> {
  const places = placesOf(paths);
  if (!hasNotes(places)) return;
  const { tellNotes } = await import('../open/notes-told.ts');
  const ulid = ulidSource(random);
  try {
    const count = await tellNotes(
      places,
      () => `log_${ulid(now())}`,
      (gap) => session.ask('gap.report', gap),
    );
    if (count > 0)
      warn(
        `${counted(count, 'action')} ran while nothing could be recorded; the log tells of it now: tally log list --type log.gap`,
      );
  } catch (error) {
    warn(`an earlier gap is not in the log yet: ${error instanceof Error ? error.message : String(error)}`);
  }
}
