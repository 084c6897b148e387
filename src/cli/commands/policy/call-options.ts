/** The flags that describe a call nobody made, as `tally policy explain` takes them. */
import type { Command } from 'commander';
import { DECISION_OUTCOMES, TIERS } from '../../../core/entry.ts';
import { TallyError } from '../../../core/error.ts';
import {
  type SupposedCall,
  SupposedCallSchema,
  type SupposedState,
  SupposedStateSchema,
} from '../../../core/policy/supposed.ts';

/** As commander hands them over; their shape is checked with the call. */
export interface CallOptions {
  readonly tool?: string;
  readonly tier?: string;
  readonly capability?: string;
  readonly method?: string;
  readonly url?: string;
  readonly credential?: readonly string[];
  readonly args?: string;
  readonly fact?: readonly string[];
  readonly streamed?: boolean;
  readonly reason?: boolean;
  readonly agent?: string;
  readonly user?: string;
  readonly role?: string;
  readonly scope?: readonly string[];
  readonly via?: readonly string[];
  readonly claimed?: boolean;
  readonly project?: string;
  readonly environment?: string;
  readonly run?: string;
  readonly address?: readonly string[];
  readonly calls?: string;
  readonly steps?: string;
  readonly seconds?: string;
  readonly toolCalls?: string;
  readonly usd?: string;
  readonly repeats?: string;
  readonly killed?: readonly string[];
  readonly approval?: string;
}

const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function callOptions(command: Command): Command {
  return command
    .option('--tool <name>', 'the tool or action')
    .option('--url <url>', 'where it goes')
    .option('--method <method>', 'of the URL; GET when it is left out')
    .option('--credential <name[:style]>', 'it asks for this credential; may be given again', several)
    .option('--args <json>', 'its arguments')
    .option('--fact <name=value>', 'the value of a fact; may be given again', several)
    .option('--streamed', 'its arguments could not be read')
    .option('--reason', 'the caller says why')
    .option('--agent <name>', 'the agent, with a good token')
    .option('--claimed', 'the agent only claims its name')
    .option('--user <id>', 'on behalf of this user')
    .option('--role <name>', 'on behalf of somebody with this role')
    .option('--scope <scope>', 'the token passes on no more; may be given again', several)
    .option('--via <agent>', 'who passed the task on, first one first', several)
    .option('--tier <tier>', TIERS.join(', '))
    .option('--capability <name>', 'what the call says it is for')
    .option('--project <id>', 'the project')
    .option('--environment <name>', 'the environment')
    .option('--run <id>', 'the run that it belongs to')
    .option('--address <address>', 'what the host would resolve to; may be given again', several)
    .option('--calls <n>', 'suppose so many calls just before')
    .option('--steps <n>', 'suppose that the run has done so many steps')
    .option('--seconds <n>', 'suppose that the run has taken so long')
    .option('--tool-calls <n>', 'suppose so many tool calls of the run')
    .option('--usd <n>', 'suppose that the run has cost so much')
    .option('--repeats <n>', 'suppose that the run has done this very action so often')
    .option('--killed <scope>', 'suppose that this is switched off; may be given again', several)
    .option('--approval <status>', 'suppose an approval: granted, denied, pending, expired, used');
}

function usage(problem: string, hint: string): TallyError {
  return new TallyError('USAGE', problem, { hint });
}

function argsOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TallyError('USAGE', '--args is no JSON', {
      hint: 'for example --args \'{"amount": 20000}\'',
      cause: error,
    });
  }
}

/** "amount=20000": a number or true/false where it reads as one; text in quotes stays text. */
function factOf(text: string): readonly [name: string, value: string | number | boolean] {
  const at = text.indexOf('=');
  if (at < 1) throw usage(`--fact ${JSON.stringify(text)} has no value`, 'for example --fact amount=20000');
  const value = text.slice(at + 1);
  const name = text.slice(0, at);
  if (value === 'true' || value === 'false') return [name, value === 'true'];
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value) && Number.isSafeInteger(Math.trunc(Number(value))))
    return [name, Number(value)];
  return [name, /^".*"$/s.test(value) ? value.slice(1, -1) : value];
}

function credentialOf(text: string): string | { ref: string; style: string } {
  const [, ref, style] = /^(.+):([a-z_]+)$/.exec(text) ?? [];
  return ref === undefined || style === undefined ? text : { ref, style };
}

function numberOf(text: string, flag: string): number {
  const n = Number(text);
  if (text.trim() === '' || !Number.isFinite(n) || n < 0)
    throw usage(`${flag} ${JSON.stringify(text)} is no number`, `for example ${flag} 3`);
  return n;
}

const defined = (members: object): object =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

/** Throws USAGE with what is wrong, by its flag. */
export function callOf(options: CallOptions): SupposedCall {
  const { tool, tier, capability, method, url, agent, user, role, project, environment, run } = options;
  if (tool !== undefined && (DECISION_OUTCOMES as readonly string[]).includes(tool))
    throw usage(`${tool} is what is decided, not a tool`, 'name the tool that is called');
  const parsed = SupposedCallSchema.safeParse(
    defined({
      action: tool,
      tier,
      capability,
      method,
      url,
      agent,
      user,
      role,
      project,
      environment,
      run,
      credentials: options.credential?.map(credentialOf),
      args: options.args === undefined ? undefined : argsOf(options.args),
      facts: options.fact === undefined ? undefined : Object.fromEntries(options.fact.map(factOf)),
      streamed: options.streamed,
      reason: options.reason,
      scopes: options.scope,
      delegation: options.via,
      identity: options.claimed === true ? 'claimed' : undefined,
      addresses: options.address,
    }),
  );
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usage(
    `--${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`,
    'tally policy explain --help',
  );
}

/** Undefined: nothing is supposed, and a recorder may be asked. */
export function stateOf(options: CallOptions): SupposedState | undefined {
  const { calls, steps, seconds, toolCalls, usd, repeats, killed, approval } = options;
  const given = { calls, steps, seconds, tool_calls: toolCalls, usd, repeats };
  const numbers = Object.entries(given).flatMap(([name, text]) =>
    text === undefined ? [] : [[name, numberOf(text, `--${name.replace('_', '-')}`)] as const],
  );
  if (numbers.length === 0 && killed === undefined && approval === undefined) return undefined;
  const parsed = SupposedStateSchema.safeParse({
    ...Object.fromEntries(numbers),
    ...defined({ killed, approval }),
  });
  if (parsed.success) return parsed.data;
  throw usage(
    `--approval ${JSON.stringify(approval ?? '')} is no status`,
    'granted, denied, pending, expired or used',
  );
}
