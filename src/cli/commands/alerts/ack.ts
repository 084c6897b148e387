import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { gatherAlerts, isOpen } from './gather.ts';

export async function ack(
  context: Context,
  named: string,
  { reason, json }: { readonly reason: string; readonly json?: boolean },
): Promise<void> {
  const alert = await idOf(context, named);
  const { id, index, rule, subject } = await asOperator(context, (ask) =>
    ask('alert.ack', { alert, reason }),
  );
  if (json === true) return context.stdout.line(toJson({ acknowledged: alert, id, index, rule, subject }));
  await context.stdout.line(`acknowledged ${safe(rule)}, ${safe(subject)} (entry ${index})`);
}

async function idOf(context: Context, named: string): Promise<string> {
  if (!/^\d+$/.test(named)) return named;
  const found = (await gatherAlerts(context)).find(({ index }) => String(index) === named);
  if (found !== undefined && isOpen(found)) return found.id;
  const why =
    found === undefined ? `entry ${named} is no alert` : `the alert of entry ${named} is over already`;
  throw new TallyError('NOT_FOUND', why, { hint: 'tally alerts list shows those that are open' });
}
