/** How far a collector has the entries: asked of a running recorder, otherwise read from the file beside the log. */
import { isTallyError } from '../../../core/error.ts';
import type { ForwardState } from '../../../core/otlp/state.ts';
import { loadConfig } from '../../../open/config.ts';
import { positionObjects } from '../../../open/otlp/place.ts';
import { loadPosition } from '../../../sink/otlp/position.ts';
import { placeOf } from '../../../sink/otlp/setting.ts';
import type { Context } from '../../context.ts';
import { counted, type Fact, oneLine } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { type Check, fail, ok, warn } from '../doctor/check.ts';

export interface ForwardStatus extends ForwardState {
  /** A recorder that runs sends them. */
  readonly served: boolean;
}

export async function forwardStatus(
  { paths }: Context,
  running: ForwardState | undefined,
  entries: number,
): Promise<{ readonly otlp?: ForwardStatus }> {
  if (running !== undefined) return { otlp: { ...running, served: true } };
  try {
    const setting = loadConfig(paths.configFile).otlpForward;
    if (setting === undefined) return {};
    const found = await loadPosition(positionObjects(paths));
    const position = found === 'unreadable' ? undefined : found;
    const index = position?.place.index ?? 0;
    return {
      otlp: {
        place: placeOf(setting),
        index,
        behind: position === undefined ? 0 : Math.max(0, entries - index),
        rejected: position?.rejected ?? 0,
        ...(position?.rejection === undefined ? {} : { rejection: position.rejection }),
        served: false,
      },
    };
  } catch (error) {
    // What is wrong with the configuration is told elsewhere.
    if (!isTallyError(error)) throw error;
    return {};
  }
}

export function forwardFacts(state: ForwardStatus, style: Style): readonly Fact[] {
  const { place, behind, served, failing, rejected, rejection } = state;
  const lag = behind === 0 ? 'up to date' : `${counted(behind, 'entry', 'entries')} behind`;
  const off = served ? '' : style.dim(' (nothing sends them while `tally up` does not run)');
  const mark = failing === undefined ? '' : `${style.red('failing:')} `;
  return [
    ['sends to', `${mark}${safe(place)}, ${lag}${off}`],
    ['', failing === undefined ? undefined : troubleOf(failing)],
    [
      '',
      rejected === 0
        ? undefined
        : style.yellow(
            `${counted(rejected, 'entry', 'entries')} that it did not take${rejection === undefined ? '' : `: ${safe(oneLine(rejection))}`}`,
          ),
    ],
  ];
}

function troubleOf({ message, attempts, since, retry_at }: NonNullable<ForwardState['failing']>): string {
  const times = attempts === 1 ? 'once' : `${attempts} times`;
  return `${safe(message)} (${times} since ${since}; next try ${retry_at})`;
}

/** None while entries go nowhere. */
export async function checkForward(
  context: Context,
  running: ForwardState | undefined,
): Promise<readonly Check[]> {
  const { otlp } = await forwardStatus(context, running, 0);
  return otlp === undefined ? [] : [judged(otlp)];
}

function judged({ place, behind, failing, rejected, served }: ForwardStatus): Check {
  const name = 'sends to';
  const told = safe(place);
  if (failing !== undefined)
    return fail(name, `${told}: ${troubleOf(failing)}`, 'docs/otlp.md; nothing is lost, all is sent later');
  if (!served) return warn(name, `${told}: nothing sends entries there`, 'start the recorder: tally up');
  if (rejected > 0)
    return warn(
      name,
      `${told}: it did not take ${counted(rejected, 'entry', 'entries')}`,
      'its own log says why',
    );
  return ok(
    name,
    behind === 0 ? `${told}, up to date` : `${told}, ${counted(behind, 'entry', 'entries')} behind`,
  );
}
