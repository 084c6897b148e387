/** Approvals and kill switches as the log tells them, looked at without a lock and without a recorder. */
import { statusOf } from '../core/governance/approvals.ts';
import type { KillSwitch } from '../core/governance/kill.ts';
import type { GovernanceState } from '../core/governance/state.ts';
import type { JsonObject } from '../core/json.ts';
import { textAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import type { Paths } from '../paths.ts';
import { type OpenedReader, openReader } from '../reader.ts';
import { listedApproval } from '../recorder/approval-listed.ts';
import type { ListedApproval } from '../recorder/governance-ops.ts';
import { scanEntriesAt } from '../recorder/lines.ts';
import { loadGovernance } from '../recorder/registry.ts';
import { fileObjects } from '../store/file/objects.ts';

async function look(
  paths: Paths,
): Promise<{ readonly opened: OpenedReader; readonly state: GovernanceState }> {
  const opened = openReader(paths);
  // What is not there yet is said as everywhere.
  await opened.logInfo();
  const state = await loadGovernance(fileObjects(paths.registry), `${opened.name}.json`, opened.reader);
  return { opened, state };
}

export async function killWithoutRecorder(paths: Paths): Promise<readonly KillSwitch[]> {
  return [...(await look(paths)).state.kill.values()];
}

/** Newest first. `id`: that one only, with its arguments. */
export async function approvalsWithoutRecorder(
  paths: Paths,
  { id, all }: { readonly id?: string; readonly all?: boolean },
  nowMs: number,
): Promise<readonly ListedApproval[]> {
  const { opened, state } = await look(paths);
  const asked = [...state.approvals.byId.values()]
    .reverse()
    .map((approval) => ({ approval, status: statusOf(approval, state.time, nowMs) }))
    .filter(({ approval, status }) =>
      id === undefined ? all === true || status === 'pending' : approval.id === id,
    );
  const entries = new Map<string, JsonObject>();
  await scanEntriesAt(
    opened.reader,
    asked.map(({ approval }) => approval.index),
    ({ bytes, start, end, whole }) => {
      const parsed = whole ? parseLine(bytes.subarray(start, end)) : undefined;
      if (parsed === undefined || !('entry' in parsed)) return;
      entries.set(textAt(parsed.entry, 'id') ?? '', parsed.entry);
    },
  );
  return asked.map(({ approval, status }) =>
    listedApproval(approval, status, entries.get(approval.id), id !== undefined),
  );
}
