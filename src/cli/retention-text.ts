/** What is kept, what would go, and what stands against it, in words. */
import type { Hold } from '../core/retention/hold.ts';
import type { EntryRule, PrunePlan } from '../core/retention/plan.ts';
import type { DuePayloads, RetentionPlan } from '../recorder/retention-ops.ts';
import { counted, type Fact, formatBytes } from './facts.ts';
import { safe } from './output/safe.ts';
import { formatTime, type Zone } from './output/time.ts';

/** "kept for 365 days, at most 20.0 GiB, never less than 30 days" */
export function ruleText({ days, bytes, at_least_days: least }: EntryRule): string {
  const parts = [
    days === undefined ? undefined : `kept for ${counted(days, 'day')}`,
    bytes === undefined ? undefined : `at most ${formatBytes(bytes)}`,
    least === undefined ? undefined : `never less than ${counted(least, 'day')}`,
  ].filter((part) => part !== undefined);
  return days === undefined && bytes === undefined ? 'kept for ever' : parts.join(', ');
}

export function entriesText({ from, to, segments, bytes, pack_bytes }: PrunePlan): string {
  if (from === to) return 'nothing is due';
  const packs = pack_bytes === 0 ? '' : ` and ${formatBytes(pack_bytes)} of payloads`;
  return `${counted(to - from, 'entry', 'entries')} (${from}–${to - 1}) in ${counted(segments, 'segment')}, ${formatBytes(bytes)}${packs}`;
}

export function payloadsText({ class: of, days, keys, held }: DuePayloads): string {
  const stays = held === 0 ? '' : `, ${held} held`;
  const name = of === '*' ? 'all other classes' : safe(of);
  return `${name}, after ${counted(days, 'day')}: ${keys === 0 ? 'nothing is due' : counted(keys, 'key')}${stays}`;
}

export function holdLine({ hold_id, reason, ...hold }: Hold, zone: Zone): string {
  const on =
    hold.kind === 'all'
      ? 'everything'
      : hold.kind === 'run'
        ? `run ${hold.run_id}`
        : `subject ${hold.subject_hash.slice(0, 12)}…`;
  const by = hold.by === undefined ? '' : `, by ${hold.by}`;
  return safe(
    `${hold_id}  ${on}, since ${formatTime(hold.since, zone)}${by}${reason === undefined ? '' : `: ${reason}`}`,
  );
}

/** For a list of facts; `would`: it has not been done. */
export function planFacts(plan: RetentionPlan, zone: Zone): readonly Fact[] {
  const { configured, entries, payloads, holds, next, failure } = plan;
  const range =
    entries.from === entries.to || entries.oldest === undefined || entries.kept_from === undefined
      ? undefined
      : `${formatTime(entries.oldest, zone)} up to ${formatTime(entries.kept_from, zone)}`;
  return [
    ['entries', ruleText(configured.entries ?? {})],
    ['would go', entriesText(entries)],
    ['recorded', range],
    ...entries.blocked.map(({ what }): Fact => ['stays', safe(what)]),
    ...(payloads.length === 0
      ? ([['payloads', 'kept as long as their entries']] as const)
      : payloads.map((due, i): Fact => [i === 0 ? 'payloads' : '', payloadsText(due)])),
    ...holds.map((hold, i): Fact => [i === 0 ? 'holds' : '', holdLine(hold, zone)]),
    ['next run', next === undefined ? undefined : formatTime(next, zone)],
    ['not done', failure === undefined ? undefined : safe(failure)],
  ];
}
