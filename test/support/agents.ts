/** Agents with tokens over a recorder in memory, and calls of theirs, decided and recorded as surfaces do it. */
import assert from 'node:assert/strict';
import type { Entry } from '../../src/core/entry.ts';
import { calledBy } from '../../src/core/policy/principal.ts';
import type { Acted, Claims, Producer } from '../../src/recorder/api.ts';
import type { Client, OpParams, OpResults } from '../../src/recorder/ops.ts';
import { entriesOf, type Machine, machine } from './recorder.ts';
import { PERSON, type Served, serve } from './serve.ts';

export const USERS = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: [api.example.com]
roles: { clerk: { scopes: [crm.read, crm.write] }, payer: { scopes: [payments.write] } }
users:
  u_17: { email: ada@example.com, roles: [member, clerk, payer] }
  u_18: { email: bob@example.com, roles: [admin, clerk] }
  u_19: { roles: [auditor] }
  svc_1: { roles: [clerk], service: true }
tools:
  crm.lookup: { required_scopes: [crm.read] }
  refund.create: { required_scopes: [payments.write] }
`;

const PRODUCER: Producer = { surface: 'sdk', assurance: 'enforced' };

export type Delegated = OpResults['token.delegate'];
type Issue = Omit<OpParams<'token.issue'>, 'agent_id'>;
type Delegate = Omit<OpParams<'token.delegate'>, 'agent_id' | 'parent'>;

export interface World extends Served {
  issue(agentId: string, more?: Issue, client?: Client): Promise<OpResults['token.issue']>;
  delegate(parent: string, agentId: string, more?: Delegate): Promise<Delegated>;
  /** One call of a tool. The entry of it is `acted.receipt`. */
  use(tool: string, claims: Claims): Promise<Acted>;
  entry(index: number): Entry;
  last(): Entry;
  entries(type?: string): Entry[];
}

export async function world(options: Parameters<typeof serve>[1] = {}, box?: Machine): Promise<World> {
  const served = await serve(box ?? (await machine()), { policy: USERS, ...options });
  const { recorder, handle } = served;
  const entries = (type?: string): Entry[] =>
    entriesOf(served.box.disk).filter((entry) => type === undefined || entry.type === type);
  return {
    ...served,
    async issue(agentId, more = {}, client = PERSON) {
      await handle('agent.register', { agent_id: agentId }, client);
      return handle('token.issue', { agent_id: agentId, ...more }, client);
    },
    delegate: (parent, agentId, more = {}) =>
      handle('token.delegate', { parent, agent_id: agentId, ...more }, PERSON),
    use(tool, claims) {
      const identity = recorder.identify(claims);
      const principal = recorder.principal(identity);
      return recorder.act(
        {
          request: {
            tenant_id: recorder.tenant,
            action: { name: tool, tool: { name: tool } },
            credentials: [],
          },
          identity,
        },
        (decision) => ({
          type: 'tool.call',
          phase: 'pre_exec',
          ...calledBy(recorder.policy().compiled, identity, principal),
          decision,
        }),
        PRODUCER,
      );
    },
    entries,
    entry(index) {
      const entry = entries()[index];
      assert.ok(entry !== undefined, `entry ${index}`);
      return entry;
    },
    last() {
      const entry = entries().at(-1);
      assert.ok(entry !== undefined);
      return entry;
    },
  };
}
