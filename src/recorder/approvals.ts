/**
 * Approvals while the recorder runs: answers of people, the end of those that ran out, and whoever waits for either. The
 * state itself is folded from the entries that are written here.
 */
import type { Event } from '../core/entry.ts';
import type { ActionPrint } from '../core/fingerprint.ts';
import { type Approval, type ApprovalStatus, hasExpired, statusOf } from '../core/governance/approvals.ts';
import type { GovernanceState } from '../core/governance/state.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogReader } from '../core/ports.ts';
import { textAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import type { Producer, Receipt } from './api.ts';
import { scanEntriesAt } from './lines.ts';
import type { Sequenced } from './sequencer.ts';

export interface Approvals {
  /** Newest first, those that are settled too as far as they are kept. */
  list(): readonly Approval[];
  find(id: string): Approval | undefined;
  status(approval: Approval): ApprovalStatus;
  /**
   * Settles one that waits. `event`: called in the turn, with the approval as it is then; undefined when it does not wait
   * any more, and nothing is recorded. Durable when it resolves; whoever waits is told after that.
   */
  answer(id: string, event: (approval: Approval) => Event, producer: Producer): Promise<Receipt | undefined>;
  /** Resolves when it is settled, or after `ms` with what it is then. Undefined: nobody asked for it. */
  wait(id: string, ms: number, signal?: AbortSignal): Promise<ApprovalStatus | undefined>;
  /** Their entries as they stand in the log, by their ids, as far as they are durable. One pass over their segments. */
  entries(of: readonly Approval[]): Promise<ReadonlyMap<string, JsonObject>>;
  /** One more waits: its end is looked for. */
  watch(): void;
  /** Puts those on record that have run out. */
  expire(): Promise<void>;
  stop(): void;
}

export interface ApprovalsOptions {
  readonly governance: () => GovernanceState;
  readonly now: () => number;
  readonly room: () => Promise<void> | undefined;
  readonly begin: () => void;
  readonly sequence: (event: Event, producer: Producer, print: ActionPrint) => Sequenced;
  readonly own: Producer;
  readonly reader: LogReader;
  readonly onFailure: (error: unknown) => void;
}

export function createApprovals(options: ApprovalsOptions): Approvals {
  const { governance, now } = options;
  const waiting = new Map<string, Set<() => void>>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const all = (): ReadonlyMap<string, Approval> => governance().approvals.byId;
  const status = (approval: Approval): ApprovalStatus => statusOf(approval, governance().time, now());

  function tell(id: string): void {
    for (const told of waiting.get(id) ?? []) told();
  }

  function look(): void {
    clearTimeout(timer);
    if (stopped) return;
    let next: number | undefined;
    for (const { status: is, expires_at } of all().values()) {
      if (is !== 'pending' && is !== 'granted') continue;
      const left = Date.parse(expires_at) - now();
      next = Math.min(next ?? LIMITS.approvalLookMs, left);
    }
    if (next === undefined) return;
    timer = setTimeout(() => void expire().catch(options.onFailure), Math.max(1, next));
    timer.unref();
  }

  async function expire(): Promise<void> {
    const wait = options.room();
    if (wait !== undefined) await wait;
    if (stopped) return;
    const { time } = governance();
    const due = [...all().values()].filter(
      (approval) =>
        (approval.status === 'pending' || approval.status === 'granted') && hasExpired(approval, time, now()),
    );
    const ends = due.map((approval) => {
      const was = approval.status;
      return options.sequence(
        { ...aboutApproval('approval.expire', approval), metadata: { approval: approval.id, was } },
        options.own,
        printOf(approval),
      ).done;
    });
    await Promise.all(ends);
    for (const { id } of due) tell(id);
    look();
  }

  return {
    list: () => [...all().values()].reverse(),
    find: (id) => all().get(id),
    status,
    async answer(id, event, producer) {
      const wait = options.room();
      if (wait !== undefined) await wait;
      options.begin();
      const approval = all().get(id);
      if (approval === undefined || status(approval) !== 'pending') return undefined;
      const { receipt, done } = options.sequence(event(approval), producer, printOf(approval));
      await done;
      tell(id);
      look();
      return receipt;
    },
    async wait(id, ms, signal) {
      look();
      const settled = (): boolean => {
        const approval = all().get(id);
        return approval === undefined || status(approval) !== 'pending';
      };
      if (!settled() && ms > 0 && signal?.aborted !== true) {
        await new Promise<void>((resolve) => {
          const told = waiting.get(id) ?? new Set();
          waiting.set(id, told);
          const end = (): void => {
            clearTimeout(limit);
            signal?.removeEventListener('abort', end);
            told.delete(end);
            if (told.size === 0) waiting.delete(id);
            resolve();
          };
          const limit = setTimeout(end, ms);
          signal?.addEventListener('abort', end, { once: true });
          told.add(end);
        });
      }
      const approval = all().get(id);
      return approval === undefined ? undefined : status(approval);
    },
    async entries(of) {
      const found = new Map<string, JsonObject>();
      await scanEntriesAt(
        options.reader,
        of.map(({ index }) => index),
        (line) => {
          const parsed = line.whole ? parseLine(line.bytes.subarray(line.start, line.end)) : undefined;
          if (parsed === undefined || !('entry' in parsed)) return;
          const id = textAt(parsed.entry, 'id');
          if (id !== undefined) found.set(id, parsed.entry);
        },
      );
      return found;
    },
    watch: look,
    expire,
    stop() {
      stopped = true;
      clearTimeout(timer);
      for (const id of [...waiting.keys()]) tell(id);
    },
  };
}

/** Its action again, by the very hashes that it is bound to. */
function printOf({ action_key, args_hash, args_hash_alg }: Approval): ActionPrint {
  return {
    key: action_key,
    ...(args_hash === undefined ? {} : { args_hash }),
    ...(args_hash_alg === undefined ? {} : { args_hash_alg }),
  };
}

/** What every entry about an approval has in common: it hangs below the request, in the run that asked. */
export function aboutApproval(type: string, { id, run_id, action }: Approval): Event {
  return {
    type,
    phase: 'point',
    parent_id: id,
    ...(run_id === undefined ? {} : { run_id }),
    action: { name: action },
  };
}
