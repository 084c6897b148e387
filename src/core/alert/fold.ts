/** Which alerts are open, folded from the entries of a log in their order. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { type AlertEntry, alertIn, type Raised } from './event.ts';
import { createRecent } from './recent.ts';

export interface AlertFold {
  /** What the entry says of an alert. One that was raised twice is open once. */
  see(entry: JsonObject): AlertEntry | undefined;
  /** Oldest first. Tests are not among them. */
  open(): readonly Raised[];
}

/** `open`: what another fold gave. Over the bound the oldest are no longer listed; their entries stay. */
export function createAlertFold(open: readonly Raised[] = []): AlertFold {
  const raised = createRecent<Raised>(
    LIMITS.openAlertsListed,
    open.map((one) => [one.id, one]),
  );
  return {
    see(entry) {
      const about = alertIn(entry);
      if (about === undefined) return undefined;
      if ('closed' in about) raised.delete(about.closed.alert);
      else if ('raised' in about && !about.raised.test && raised.get(about.raised.id) === undefined)
        raised.touch(about.raised.id, about.raised);
      return about;
    },
    open: () => raised.entries().map(([, one]) => one),
  };
}
