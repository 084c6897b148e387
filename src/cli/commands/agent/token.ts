import type { OpParams, OpResults } from '../../../recorder/ops.ts';
import { type BoundOptions, boundsOf } from '../../bounds.ts';
import type { Context } from '../../context.ts';
import { factLines } from '../../facts.ts';
import { readHidden } from '../../input.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { formatTime } from '../../output/time.ts';
import { parseSpan } from '../../span.ts';

export interface DelegateOptions extends BoundOptions {
  readonly json?: boolean;
  readonly expires?: string;
  readonly label?: string;
  readonly project?: string;
  readonly env?: string;
}

export interface IssueOptions extends DelegateOptions {
  readonly user?: string;
}

function paramsOf(name: string, options: DelegateOptions): OpParams<'token.issue'> {
  return {
    agent_id: name,
    ...boundsOf(options),
    ...(options.expires === undefined ? {} : { expires_in_s: parseSpan(options.expires) }),
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.project === undefined ? {} : { project_id: options.project }),
    ...(options.env === undefined ? {} : { environment: options.env }),
  };
}

export async function issue(context: Context, name: string, options: IssueOptions): Promise<void> {
  const params = {
    ...paramsOf(name, options),
    ...(options.user === undefined ? {} : { user_id: options.user }),
  };
  const done = await asOperator(context, (ask) => ask('token.issue', params));
  if (options.json === true) await context.stdout.line(toJson({ agent_id: name, ...done }));
  else await tell(context, done, [['for', options.user === undefined ? undefined : safe(options.user)]]);
}

/** Whoever holds the parent may: no operator is asked. */
export async function delegate(context: Context, name: string, options: DelegateOptions): Promise<void> {
  const params = { ...paramsOf(name, options), parent: await parentToken(context) };
  const session = await context.openSession();
  try {
    const done = await session.ask('token.delegate', params);
    if (options.json === true) await context.stdout.line(toJson({ agent_id: name, ...done }));
    else await tell(context, done, [['passed on by', done.chain.map(safe).join(', ')]]);
  } finally {
    await session.close();
  }
}

/** Far above any token of ours. */
const MOST_BYTES = 512;

/** Never from an argument: those are readable by every process of the machine. */
async function parentToken(context: Context): Promise<string> {
  const { TALLY_AGENT_TOKEN: agent, TALLY_RUN_TOKEN: run } = context.env;
  const held = agent ?? run;
  if (held !== undefined) return held;
  const given = await readHidden(context, {
    what: 'the parent token',
    pipe: 'tally agent token delegate NAME < parent-token-file',
    confirm: false,
    mostBytes: MOST_BYTES,
  });
  return given.toString('utf8').trim();
}

async function tell(
  context: Context,
  done: OpResults['token.issue'],
  more: readonly (readonly [string, string | undefined])[],
): Promise<void> {
  const expires = done.expires_at === undefined ? 'never' : formatTime(done.expires_at, { utc: false });
  const facts = [['id', done.token_id], ['token', done.token], ['expires', expires], ...more] as const;
  for (const line of factLines(facts, context.stdout)) await context.stdout.line(line);
  await context.stderr.line(
    context.stderr.style.dim('The token is shown this once. An agent presents it as X-AS-Agent-Token.'),
  );
  if (done.no_user === true)
    await context.stderr.line(
      'The policy names users and this token is for none: alone it stops every call. Issue one with --user.',
    );
}
