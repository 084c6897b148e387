/** A recorder that was stopped for a while learns from the notes of others what ran without it. */
import type { Session } from '../../../open.ts';
import type { Context } from '../../context.ts';
import { tellUngoverned } from '../../ungoverned-told.ts';

const LOOK_MS = 2_000;

export function tellUngovernedLater(context: Context, session: Session): { close(): void } {
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void tellUngoverned(context, session).finally(() => {
      busy = false;
    });
  }, LOOK_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
