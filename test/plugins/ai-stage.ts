/** The AI SDK's plug-in in front of a recorder in memory. */
import type { TestContext } from 'node:test';
import { isStepCount, jsonSchema, type Telemetry, type Tool, tool } from 'ai';
import { type TallyTelemetryOptions, tallyTelemetry } from '../../src/plugins/ai-sdk.ts';
import { type Stage, stage } from '../sdk/stage.ts';

const POLICY = `version: "1"
allowlist: []
facts: { amount: args.amount }
tools:
  find: {}
  refund: {}
  ask: {}
rules:
  - { id: big, when: 'action.name == "refund" && facts.amount > 100', decision: stop, reason: refund_over_limit }
  - { id: person, when: 'action.name == "ask"', decision: approval_required, reason: ask_first }
approvals: { approver_may_be_requester: true, hold: 20s }
`;

export interface Told extends Stage {
  readonly telemetry: { readonly integrations: Telemetry; readonly [option: string]: unknown };
}

export async function told(t: TestContext, options: TallyTelemetryOptions = {}, staged = {}): Promise<Told> {
  const box = await stage(t, { policy: POLICY, ...staged });
  return { ...box, telemetry: { integrations: tallyTelemetry({ tally: box.tally, ...options }) } };
}

export const doing = <I>(execute: (input: I) => unknown): Tool<I, unknown> =>
  tool({
    inputSchema: jsonSchema<I>({ type: 'object' }),
    execute: async (input) => execute(input as I),
  }) as Tool<I, unknown>;

export const shape = ({ entries }: Stage, run?: string) =>
  entries()
    .filter(({ run_id }) => run === undefined || run_id === run)
    .map(({ type, action, decision, outcome }) =>
      [type, action?.name, decision?.outcome, outcome?.status].filter((x) => x !== undefined).join(' '),
    );

export const stopWhen = isStepCount(6);
