/** What is kept and what is held, for `tally status` and `tally doctor`. Looks at nothing that grows with the log. */
import { isTallyError } from '../../../core/error.ts';
import type { Hold } from '../../../core/retention/hold.ts';
import { isSet, type RetentionSetting } from '../../../core/retention/setting.ts';
import { loadConfig } from '../../../open/config.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import type { RetentionState } from '../../../recorder/retention-ops.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import { formatTime } from '../../output/time.ts';
import { ruleText } from '../../retention-text.ts';
import { askRunning } from '../../running.ts';
import { type Check, fail, ok, skip, warn } from '../doctor/check.ts';

export interface RetentionStatus extends RetentionState {
  readonly configured: RetentionSetting;
  readonly holds: readonly Hold[];
}

/** undefined when the configuration cannot be read: that is told by others. */
export async function retentionStatus(
  context: Context,
  running: OpResults['status'] | undefined,
): Promise<RetentionStatus | undefined> {
  try {
    const { retention: configured = {} } = loadConfig(context.paths.configFile);
    const told = await askRunning(context, (ask) => ask('hold.list', {}));
    const holds =
      told?.holds ??
      (await (await import('../../../open/retention-look.ts')).holdsWithoutRecorder(context.paths));
    return { configured, holds, ...running?.retention };
  } catch (error) {
    if (isTallyError(error)) return undefined;
    throw error;
  }
}

/** "kept for 365 days; 1 hold stands; next look 2026-11-21 14:00" */
export function retentionText({ configured, holds, next, failure }: RetentionStatus): string {
  const classes = Object.keys(configured.payloads ?? {}).length;
  return [
    `entries ${ruleText(configured.entries ?? {})}`,
    classes === 0 ? undefined : `payloads by ${counted(classes, 'rule')}`,
    holds.length === 0
      ? undefined
      : `${counted(holds.length, 'hold stands', 'holds stand')} (tally hold list)`,
    next === undefined || !isSet(configured) ? undefined : `next look ${formatTime(next, { utc: false })}`,
    failure === undefined ? undefined : `not done: ${safe(failure)}`,
  ]
    .filter((part) => part !== undefined)
    .join('; ');
}

export function checkRetention(status: RetentionStatus | undefined, running: boolean): Check {
  if (status === undefined) return skip('retention', 'what is kept could not be looked at');
  const told = retentionText(status);
  if (status.failure !== undefined)
    return fail('retention', told, 'tally retain --apply; tally verify tells what is wrong');
  if (isSet(status.configured) && !running)
    return warn(
      'retention',
      `${told}; nothing carries it out`,
      'start the recorder with `tally up`, or once: tally retain --apply',
    );
  return ok('retention', told);
}
