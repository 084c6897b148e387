/** Kill switches: whoever wonders why nothing works has to find them here. */
import { isTallyError } from '../../../core/error.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import type { Context } from '../../context.ts';
import { killSwitches, killText } from '../../kill.ts';
import { type Check, ok, quoted, skip, warn } from './check.ts';

const NAME = 'kill switch';

export async function checkKill(context: Context, running: OpResults['status'] | undefined): Promise<Check> {
  try {
    const switches = running === undefined ? await killSwitches(context) : (running.kill ?? []);
    const [first] = switches;
    if (first === undefined) return ok(NAME, 'nothing is switched off');
    return warn(
      NAME,
      `switched off: ${killText(switches)}`,
      `tally kill off --scope ${quoted(first.scope)} --reason "…"`,
    );
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return skip(NAME, error.message);
  }
}
