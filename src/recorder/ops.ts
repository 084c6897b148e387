/**
 * What another process, or a command in this one, may ask of the writer. One table: the shape of each request, and who
 * may make it. `service.ts` carries them out; the socket only moves them.
 */
// reason for length: the one table of requests, their answers beside them
import { z } from 'zod';
import type { AlertState, AlertTest } from '../core/alert/state.ts';
import type { AnchorRun, AnchorState } from '../core/anchor-state.ts';
import { type Decision, EventSchema, OutcomeSchema } from '../core/entry.ts';
import type { KillSwitch } from '../core/governance/kill.ts';
import { LIMITS } from '../core/limits.ts';
import type { ForwardState } from '../core/otlp/state.ts';
import type { CalledBy } from '../core/policy/principal.ts';
import { SupposedCallSchema } from '../core/policy/supposed.ts';
import type { Identity, Principal } from '../core/policy/types.ts';
import { ACT_OPS, type ActResults } from './act-ops.ts';
import { AGENT_OPS, type AgentResults, contract, name, type StartedRun, scopes } from './agent-ops.ts';
import { GAP_OPS, type GapResults } from './gap-ops.ts';
import { GOVERNANCE_OPS, type GovernanceResults } from './governance-ops.ts';
import { RETENTION_OPS, type RetentionResults, type RetentionState } from './retention-ops.ts';
import { SECRET_OPS, type SecretResults } from './secret-ops.ts';
import type { OnGone, Tell } from './told.ts';

const id = z.string().min(1).max(LIMITS.idChars);
const reason = z.string().max(LIMITS.reasonBytes).optional();
const entryId = z.string().regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/);
const count = z.number().int().nonnegative();
/** What somebody asked the log for, in the words of the filters; see `boundedFilter`. */
const filter = z.record(z.string().max(64), z.unknown());

/** What a client says about itself. Nothing here raises an identity level. */
export const ClientSchema = z.object({
  user: z.string().max(256).optional(),
  uid: z.number().int().optional(),
  pid: z.number().int().optional(),
  ppid: z.number().int().optional(),
  /** The programs that started it, nearest first, by name alone. */
  ancestors: z.array(z.string().max(64)).max(LIMITS.ancestors).optional(),
  host: z.string().max(256).optional(),
  /** A coding agent found in the client's environment, with the signals that matched. */
  detected: z.object({ agent: id, signals: z.array(z.string().max(256)).max(16) }).optional(),
  /** Whether the client runs inside `tally run`. */
  run_token: z.string().max(512).optional(),
  operator_token: z.string().max(512).optional(),
  /** Of an agent, or of the person who asks; see `asking.ts`. */
  agent_token: z.string().max(512).optional(),
  surface: z.enum(['cli', 'sdk', 'secrets', 'mcp', 'hook', 'http']),
});
export type Client = z.infer<typeof ClientSchema> & {
  /** Who asks, as the writer found it for this very request. Never read from a client. */
  readonly checked?: Checked;
  /** The way back to it, where there is one. Never read from a client. */
  readonly tell?: Tell;
  /** When that way is gone. Never read from a client. */
  readonly onGone?: OnGone;
};

/** What a token of the client proves. */
export interface Checked {
  readonly identity: Identity;
  readonly principal?: Principal;
  readonly actor: CalledBy;
}

export const OPS = {
  hello: z.object({}),
  status: z.object({}),
  /** Signs everything durable so far. */
  checkpoint: z.object({}),
  record: z.object({ event: EventSchema }),
  'run.start': z.object({
    agent_id: name.optional(),
    reason,
    /** Checked only, so that a run does not begin with a token that each of its calls will be refused for. */
    agent_token: z.string().max(512).optional(),
    /** argv[0] only: arguments carry secrets. */
    command: z.string().max(1024).optional(),
    project_id: id.optional(),
    environment: id.optional(),
    session_id: id.optional(),
    /** The run that it is started in, where that is not the client's own. */
    run_token: z.string().max(512).optional(),
    workflow_name: id.optional(),
    /** What the program says about it; in the entry under `metadata.about`. */
    about: z.record(z.string(), z.unknown()).optional(),
    risk: z.record(z.string(), z.unknown()).optional(),
    /** Whose run it is. The operator says it; otherwise it is the user of the token that the run is started with. */
    user_id: id.optional(),
    scopes,
    contract,
  }),
  'run.end': z.object({ run_id: id, run_token: z.string().max(512), outcome: OutcomeSchema }),
  ...ACT_OPS,
  ...AGENT_OPS,
  'policy.set': z.object({ text: z.string().max(LIMITS.policyBytes), reason }),
  /** What would be decided of a call that nobody made. Nothing is recorded or counted. */
  'policy.explain': z.object({ call: SupposedCallSchema }),
  /** A credential in the vault is about to be set or deleted; the vault is changed after this is durable. */
  'secret.change': z.object({ operation: z.enum(['set', 'delete']), key: id, reason }),
  /** The passphrase of the operator is about to change; `unlock`: somebody who may not is trying to give it. */
  'operator.change': z.object({
    change: z.enum(['protect', 'unprotect', 'unlock', 'vault.protect', 'vault.unprotect']),
  }),
  /** Another key signs from now on, and the old private key is erased. */
  'key.rotate': z.object({ reason }),
  /** Shows the newest checkpoint to all anchors or one. Asked again, what still runs is waited for. */
  'anchor.run': z.object({ name: id.optional() }),
  /** The anchors in the configuration are about to change; the file is written after this is durable. */
  'anchor.change': z.object({
    change: z.enum(['add', 'remove']),
    name: id,
    type: id,
    /** Where it is, without what may be secret in it. */
    place: z.string().max(4_096),
  }),
  /** Entries are about to leave the log. Nothing of them is written before this is durable. Asked again, it is one. */
  'export.start': z.object({
    id: entryId,
    format: z.enum(['jsonl', 'csv', 'bundle']),
    view: z.string().max(64).optional(),
    /** Its kind: a path may tell more than the log should. */
    destination: z.enum(['stdout', 'file', 'directory']),
    filter,
    /** Entries of the log that were looked at. */
    size: count,
  }),
  /** What became of it. `sha256`: of the bytes that were written, of a bundle's manifest. */
  'export.end': z.object({
    id: entryId,
    parent: entryId,
    status: z.enum(['ok', 'error', 'aborted']),
    duration_ms: z.number().nonnegative(),
    bytes: count,
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    rows: count,
    entries: count,
    records: count,
    snapshots: count,
    error_kind: z.string().max(64).optional(),
    error: z.string().max(LIMITS.reasonBytes).optional(),
  }),
  /** Somebody reads the log. */
  'log.read': z.object({ command: z.string().max(64), filter }),
  /** Records of another program are about to be brought in. Ids are the client's: asked again, nothing comes twice. */
  'import.begin': z.object({ id: entryId, format: name, file: z.string().max(LIMITS.idChars) }),
  /** Events of that import, with the ids that follow from what they are made of. */
  'import.rows': z.object({ import_id: entryId, rows: z.array(EventSchema).max(LIMITS.importRows) }),
  /** How it ended, as the client counted. */
  'import.end': z.object({
    id: entryId,
    import_id: entryId,
    status: z.enum(['ok', 'error', 'aborted']),
    error: z.string().max(LIMITS.reasonBytes).optional(),
    counts: z.record(z.string().max(64), z.number().int().nonnegative()),
    bytes: z.number().int().nonnegative(),
    /** Of the whole file; absent when it was not read to its end. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    chain: z.looseObject({ status: z.string().max(64) }).optional(),
  }),
  /** Where alerts go is about to change in the configuration; the file is written after this is durable. */
  'alert.change': z.object({
    change: z.enum(['add', 'remove']),
    name: id,
    type: id,
    /** Where it is, without what may be secret in it. */
    place: z.string().max(4_096),
  }),
  /** Hooks of a coding agent are about to be installed or taken out; the file is written after this is durable. */
  'hook.change': z.object({
    change: z.enum(['install', 'uninstall']),
    file: z.string().max(4_096),
    closed: z.boolean(),
  }),
  /** The local authority of intercepted hosts is about to be made anew; the files are written after this is durable. */
  'ca.change': z.object({
    was: z.string().max(64).optional(),
    reason: z.string().max(LIMITS.reasonBytes).optional(),
  }),
  /** A person has seen an alert: it is closed. */
  'alert.ack': z.object({ alert: id, reason: z.string().min(1).max(LIMITS.reasonBytes) }),
  /** Sends a marked test to all destinations or one, on the way that alerts take. */
  'alert.test': z.object({ destination: id.optional() }),
  /** Tries again what could not be delivered. */
  'alert.retry': z.object({ destination: id.optional() }),
  ...RETENTION_OPS,
  ...GOVERNANCE_OPS,
  ...GAP_OPS,
  ...SECRET_OPS,
  /** A person has looked at a torn tail that recovery set aside. */
  'log.acknowledge': z.object({ name: id, reason: z.string().min(1).max(LIMITS.reasonBytes) }),
} as const;

export type Op = keyof typeof OPS;
export type OpParams<O extends Op> = z.infer<(typeof OPS)[O]>;

/** Refused, and recorded, under a run token or a detected agent; behind the passphrase where one is set. */
export const OPERATOR_OPS: ReadonlySet<Op> = new Set<Op>([
  'agent.register',
  'token.issue',
  'token.revoke',
  'policy.set',
  'operator.change',
  'secret.change',
  'anchor.change',
  'alert.change',
  'hook.change',
  'ca.change',
  'alert.ack',
  'alert.test',
  'alert.retry',
  'log.acknowledge',
  'retain.apply',
  'log.erase',
  'hold.add',
  'hold.release',
  'approval.grant',
  'approval.deny',
  'key.rotate',
  'import.begin',
  'import.rows',
  'import.end',
]);

export interface RecorderStatus {
  readonly tenant: string;
  readonly origin: string;
  readonly vkey: string;
  readonly recorder_id: string;
  readonly version: string;
  readonly pid: number;
  /** Entries that are durable. */
  readonly size: number;
  /** Entries under a signed checkpoint. */
  readonly signed: number;
  readonly open_actions: number;
  /** The same by where they came in; only those that have some. */
  readonly open_by_source: { readonly [surface: string]: number };
  readonly policy: { readonly version: string; readonly hash: string; readonly unreadable?: string };
  readonly failure?: string;
  /** As far as this writer knows: only what it was asked to show anything, or shows in the background. */
  readonly anchors?: readonly AnchorState[];
  /** Absent where nothing looks for alerts. */
  readonly alerts?: AlertState;
  /** Absent where nothing knows how long things are kept. */
  readonly retention?: RetentionState;
  /** How far a collector has the entries; absent where they go nowhere. */
  readonly otlp?: ForwardState;
  /** What is switched off; absent when nothing is. */
  readonly kill?: readonly KillSwitch[];
  /** Requests for approval that wait for a person. */
  readonly approvals_waiting?: number;
  /** Why an old segment could not be sealed. Recording goes on. */
  readonly sealing?: string;
}

/** Absent while no broker listens. */
export interface BrokerAddress {
  readonly proxy_url?: string;
  /** Brought by a `tally run` and gone with it; another run may then take its port. */
  readonly proxy_of?: 'run';
  /** Since it listens. */
  readonly proxy_counts?: BrokerCounts;
}

export interface BrokerCounts {
  /** Calls under way. */
  readonly active: number;
  readonly calls: number;
  /** Tunnels that stand. */
  readonly tunnels: number;
  /** Refused or ended without an entry: nothing in them could be called. */
  readonly strays: number;
  /** Connections beyond the limit. */
  readonly dropped: number;
  /** Entries that could not be written. */
  readonly lost: number;
}

/** `known`: an entry had this id before, and is the one at `index`. */
export type ImportedRow = { readonly index: number; readonly known?: true } | { readonly refused: string };

/** Where the log is followed live, while that is served. */
export interface TailAddress {
  readonly tail_url?: string;
  /** Absent while no hooks are served. */
  readonly hooks?: HooksServed;
}

/** Hooks of coding agents, as far as this writer saw them since its start. */
export interface HooksServed {
  readonly url: string;
  readonly sessions: number;
  readonly open_calls: number;
  /** Of the newest post. */
  readonly last?: string;
}

export interface OpResults
  extends ActResults,
    GapResults,
    GovernanceResults,
    AgentResults,
    RetentionResults,
    SecretResults {
  hello: RecorderStatus & BrokerAddress & TailAddress;
  status: RecorderStatus & BrokerAddress & TailAddress;
  checkpoint: { readonly size: number };
  record: { readonly id: string; readonly index: number; readonly ts: string };
  'run.start': StartedRun;
  /** Without `id` the run had ended before: a lost answer may be asked for again. */
  'run.end': { readonly id?: string };
  'policy.set': { readonly version: string; readonly hash: string; readonly changed: boolean };
  'policy.explain': {
    readonly decision: Decision;
    readonly policy: { readonly version: string; readonly hash: string };
  };
  'secret.change': { readonly id: string };
  'operator.change': { readonly id: string };
  'anchor.run': { readonly runs: readonly AnchorRun[] };
  'anchor.change': { readonly id: string };
  'export.start': { readonly id: string };
  'export.end': { readonly id: string };
  'log.read': { readonly id: string };
  'alert.change': { readonly id: string };
  'hook.change': { readonly id: string };
  'ca.change': { readonly id: string };
  'alert.ack': {
    readonly id: string;
    readonly index: number;
    readonly rule: string;
    readonly subject: string;
  };
  'alert.test': { readonly tests: readonly AlertTest[] };
  'alert.retry': { readonly tried: readonly AlertTest[] };
  'log.acknowledge': { readonly id: string };
  'import.begin': { readonly import_id: string };
  'import.rows': { readonly rows: readonly ImportedRow[] };
  'import.end': { readonly id: string };
  'key.rotate': {
    readonly id: string;
    readonly index: number;
    /** vkeys. */
    readonly old: string;
    readonly new: string;
    /** Entries at which the new key took over. */
    readonly size: number;
    /** Why the old private key still lies on the disk. */
    readonly not_erased?: string;
  };
}

/** Sends one request to the writer, wherever it is, and gives its answer; a failure is a `TallyError`. */
export type Ask = <O extends Op>(op: O, params: OpParams<O>) => Promise<OpResults[O]>;

/** Carries the requests out, each for one client, its shape checked. */
export type Handlers = { [O in Op]: (params: OpParams<O>, client: Client) => Promise<OpResults[O]> };
