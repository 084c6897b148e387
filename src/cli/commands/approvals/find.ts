/** Requests for approval, from the recorder that runs or from the log. */
import { TallyError } from '../../../core/error.ts';
import type { ListedApproval } from '../../../recorder/governance-ops.ts';
import type { Context } from '../../context.ts';
import { askRunning } from '../../running.ts';

/** Newest first. `more`: older ones that did not fit into the answer. */
export async function approvals(
  context: Context,
  what: { readonly id?: string; readonly all?: boolean },
): Promise<{ readonly approvals: readonly ListedApproval[]; readonly more?: number }> {
  const told = await askRunning(context, (ask) => ask('approval.list', what));
  if (told !== undefined) return told;
  const { approvalsWithoutRecorder } = await import('../../../open/governance-look.ts');
  return { approvals: await approvalsWithoutRecorder(context.paths, what, context.now()) };
}

const WHOLE_ID = /^log_[0-9A-HJKMNP-TV-Z]{26}$/;
/** The end of an id, as tables show it. Shorter ones name too many. */
const END = /^[0-9A-HJKMNP-TV-Z]{4,26}$/;

/** The id that `named` means: whole, its end, or the number of its entry. */
export async function idOf(context: Context, named: string): Promise<string> {
  if (WHOLE_ID.test(named)) return named;
  const text = named.replace(/^…/, '').toUpperCase();
  const { approvals: known } = await approvals(context, { all: true });
  const found = /^\d+$/.test(named)
    ? known.filter(({ index }) => String(index) === named)
    : END.test(text)
      ? known.filter(({ id }) => id.endsWith(text))
      : [];
  const [one, other] = found;
  if (one === undefined)
    throw new TallyError('NOT_FOUND', `nobody asked for an approval ${named}`, {
      hint: 'tally approvals list --all shows those that are known',
    });
  if (other !== undefined)
    throw new TallyError('USAGE', `${named} may mean ${one.id} or ${other.id}`, {
      hint: 'give more of it',
    });
  return one.id;
}
