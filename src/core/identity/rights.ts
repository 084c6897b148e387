/**
 * What each role may ask of the recorder, one line an op. Reading and writing are separate rights: who may read the log
 * changes nothing by it, and an auditor reads and verifies and does nothing else. What an agent's call may do is not
 * here; that is the policy's (`decide`).
 */
import type { Role } from '../entry.ts';

/**
 * Without it, a token is an agent's, and no agent asks for the operator. It has to be given by name when the token is
 * issued: neither "*" nor a token without scopes has it, and nobody passes it on.
 */
export const OPERATOR_SCOPE = 'tally.operator';

const ALL: readonly Role[] = ['owner', 'admin', 'member', 'service', 'auditor'];
/** Those that agents work for. */
const WORKING: readonly Role[] = ['owner', 'admin', 'member', 'service'];
const PEOPLE: readonly Role[] = ['owner', 'admin', 'member'];
const ADMINS: readonly Role[] = ['owner', 'admin'];
const OWNER: readonly Role[] = ['owner'];

// biome-ignore format: one line an op
export const RIGHTS = {
  // reading and verifying
  hello: ALL,               status: ALL,              'agent.list': ALL,
  'log.read': ALL,          'export.start': ALL,      'export.end': ALL,
  'retain.plan': ALL,       'hold.list': ALL,         'approval.list': ALL,     'kill.list': ALL,
  /** Tells what the policy says of others, and how much they called. */
  'policy.explain': ['owner', 'admin', 'auditor'],
  /** Signs what is there, which changes nothing of it. */
  checkpoint: ALL,

  // working
  'secret.access': WORKING, 'gap.report': WORKING,
 
  'act.begin': WORKING,     'act.wait': WORKING,      'act.end': WORKING,       'record.batch': WORKING,
  'run.last': WORKING,
  record: WORKING,          'run.start': WORKING,     'run.end': WORKING,       'token.delegate': WORKING,

  // answering: who may approve what is for the policy to say
  'approval.grant': PEOPLE, 'approval.deny': PEOPLE,

  // running the machine
  'agent.register': ADMINS, 'token.issue': ADMINS,    'token.revoke': ADMINS,
  'policy.set': ADMINS,     'secret.change': ADMINS,  'kill.set': ADMINS,
  'anchor.run': ADMINS,     'anchor.change': ADMINS,
  'alert.change': ADMINS,   'alert.ack': ADMINS,      'alert.test': ADMINS,     'alert.retry': ADMINS,
  'hook.change': ADMINS,    'ca.change': ADMINS,
  'hold.add': ADMINS,       'hold.release': ADMINS,   'log.acknowledge': ADMINS,
  'import.begin': ADMINS,   'import.rows': ADMINS,    'import.end': ADMINS,

  // what cannot be taken back
  'operator.change': OWNER, 'key.rotate': OWNER,      'retain.apply': OWNER,    'log.erase': OWNER,
} as const satisfies { readonly [op: string]: readonly Role[] };

/** An op that has no line is the owner's. */
export function rolesFor(op: string): readonly Role[] {
  return Object.hasOwn(RIGHTS, op) ? RIGHTS[op as keyof typeof RIGHTS] : OWNER;
}

/** Reading is open to whoever has a token here, with a role or without. */
export function mayAsk(role: Role | undefined, op: string): boolean {
  const roles = rolesFor(op);
  return roles === ALL || (role !== undefined && roles.includes(role));
}
