/** Every alert of a log, with how it ended: from the index, and the entries that it names. */
import { alertIn, type Closed, type Raised } from '../../../core/alert/event.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import type { Context } from '../../context.ts';

export interface Alert extends Raised {
  /** Absent while it is open. */
  readonly closed?: Pick<Closed, 'why' | 'ts' | 'index' | 'count' | 'reason' | 'by'>;
}

/** Newest first. Tests are among them, and never open. */
export async function gatherAlerts(context: Context): Promise<readonly Alert[]> {
  const opened = await context.openQuery();
  try {
    return await alertsIn(opened);
  } finally {
    await opened.close();
  }
}

async function alertsIn(opened: OpenedQuery): Promise<readonly Alert[]> {
  const alerts = new Map<string, Alert>();
  const indices = (async function* () {
    for await (const { index } of opened.query.rows(
      { types: ['alert.raise', 'alert.close'] },
      { order: 'oldest' },
    ))
      yield index;
  })();
  for await (const { entry } of opened.entries(indices)) {
    const about = entry === undefined ? undefined : alertIn(entry);
    if (about === undefined || 'unclear' in about) continue;
    if ('raised' in about) {
      if (!alerts.has(about.raised.id)) alerts.set(about.raised.id, about.raised);
      continue;
    }
    const { alert, why, ts, index, count, reason, by } = about.closed;
    const raised = alerts.get(alert);
    if (raised === undefined || raised.closed !== undefined) continue;
    alerts.set(alert, {
      ...raised,
      closed: {
        why,
        ts,
        index,
        ...(count === undefined ? {} : { count }),
        ...(reason === undefined ? {} : { reason }),
        ...(by === undefined ? {} : { by }),
      },
    });
  }
  return [...alerts.values()].reverse();
}

export function isOpen({ closed, test }: Alert): boolean {
  return closed === undefined && !test;
}
