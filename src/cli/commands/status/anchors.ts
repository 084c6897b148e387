/** How the configured anchors stand: what lies on disk, and what a running recorder adds to it. */
import { type AnchorSetting, everyMs, placeOf } from '../../../anchor/setting.ts';
import type { AnchorState } from '../../../core/anchor-state.ts';
import { lastReceipt } from '../../../open/last-receipt.ts';
import { listAnchors } from '../../anchors-config.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { formatDuration } from '../../output/time.ts';

export interface AnchorStatus {
  readonly name: string;
  readonly type: AnchorSetting['type'];
  readonly place: string;
  readonly every_s: number;
  /** The newest receipt on disk, and when it was stored. */
  readonly last?: { readonly size: number; readonly at: string };
  /** Signed entries after it. While a recorder runs, without those about anchors. */
  readonly behind: number;
  /** Time since it was stored. */
  readonly lag_ms?: number;
  /** Known to a running recorder only. */
  readonly failing?: AnchorState['failing'];
  /** A recorder that runs shows it checkpoints. */
  readonly served: boolean;
}

export async function anchorStatuses(
  context: Context,
  log: { readonly directory: string; readonly signed: number },
  states: readonly AnchorState[] | undefined,
): Promise<readonly AnchorStatus[]> {
  return Promise.all(
    listAnchors(context.paths).map(async (setting) => {
      const { name, type } = setting;
      const last = await lastReceipt(log.directory, name, Number.MAX_SAFE_INTEGER);
      const state = states?.find((one) => one.name === name && one.type === type);
      return {
        name,
        type,
        place: placeOf(setting),
        every_s: everyMs(setting) / 1000,
        ...(last === undefined
          ? {}
          : {
              last: { size: last.size, at: new Date(last.at).toISOString() },
              lag_ms: Math.max(0, Math.round(context.now() - last.at)),
            }),
        behind: state?.behind ?? Math.max(0, log.signed - (last?.size ?? 0)),
        ...(state?.failing === undefined ? {} : { failing: state.failing }),
        served: state !== undefined,
      };
    }),
  );
}

/** One line: where it stands, and whether something is wrong; what that is, `anchorTrouble` says. */
export function anchorText(anchor: AnchorStatus, style: Style): string {
  const { last, behind, lag_ms, failing } = anchor;
  const stands =
    last === undefined
      ? style.yellow('nothing yet')
      : `${last.size.toLocaleString('en-US')} entries, ${formatDuration(lag_ms ?? 0)} ago`;
  const news = behind === 0 ? '' : `, ${counted(behind, 'newer entry', 'newer entries')} not shown yet`;
  if (failing === undefined) return `${stands}${news}`;
  const mark = failing.code === 'ANCHOR_CONFLICT' ? '● CONFLICT:' : 'failing:';
  return `${style.red(mark)} ${stands}${news}`;
}

/** What is wrong, in full: for a line of its own, where nothing is cut off. */
export function anchorTrouble({ failing }: AnchorStatus): string | undefined {
  if (failing === undefined) return undefined;
  const times = failing.attempts === 1 ? 'once' : `${failing.attempts} times`;
  return `${safe(failing.message)} (${times} since ${failing.since})`;
}
