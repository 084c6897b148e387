import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';

export interface RegisterOptions {
  readonly json?: boolean;
  readonly description?: string;
}

export async function register(context: Context, name: string, options: RegisterOptions): Promise<void> {
  const description = options.description === undefined ? {} : { description: options.description };
  const done = await asOperator(context, (ask) => ask('agent.register', { agent_id: name, ...description }));
  if (options.json === true) await context.stdout.line(toJson(done));
  else await context.stdout.line(`registered ${safe(done.agent_id)}  (${done.id})`);
}

export interface RevokeOptions {
  readonly json?: boolean;
  readonly reason?: string;
}

export async function revoke(context: Context, id: string, options: RevokeOptions): Promise<void> {
  // Somebody pasted the whole token: its first part is the id, and the rest is not wanted in an error message.
  const tokenId = id.split('.')[0] ?? '';
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const done = await asOperator(context, (ask) => ask('token.revoke', { token_id: tokenId, ...reason }));
  if (options.json === true) await context.stdout.line(toJson(done));
  else await context.stdout.line(`revoked ${done.token_id}  (${done.id})`);
}
