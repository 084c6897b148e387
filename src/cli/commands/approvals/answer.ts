import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { formatRecent } from '../../output/time.ts';
import { idOf } from './find.ts';

export interface AnswerOptions {
  readonly reason?: string;
  readonly json?: boolean;
}

export async function answer(
  context: Context,
  how: 'approve' | 'deny',
  named: string,
  { reason, json }: AnswerOptions,
): Promise<void> {
  const { stdout, stderr } = context;
  const id = await idOf(context, named);
  const params = { id, ...(reason === undefined ? {} : { reason }) };
  if (how === 'deny') {
    const denied = await asOperator(context, (ask) => ask('approval.deny', params));
    if (json === true) return stdout.line(toJson({ approval: id, ...denied }));
    return stdout.line(`denied by ${safe(denied.approver)}; the caller is told`);
  }
  const granted = await asOperator(context, (ask) => ask('approval.grant', params));
  if (json === true) return stdout.line(toJson({ approval: id, ...granted }));
  const until = formatRecent(granted.expires_at, context.now(), { utc: false }).slice(0, 8);
  await stdout.say(`approved by ${safe(granted.approver)}: this call, once, until ${until}`);
  await stderr.say('A caller that was held goes on now; another one has to ask again.', stderr.style.dim);
}
