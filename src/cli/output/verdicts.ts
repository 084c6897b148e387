/** The text of `tally verify`: one line a verdict, then what it stands on, then how to mend it. */
import type { PayloadsVerdict } from '../../core/payload/judge.ts';
import type { SnapshotsVerdict } from '../../core/query/snapshots.ts';
import type { IntegrityVerdict, Status, TilesVerdict } from '../../core/tlog/verify-report.ts';
import type { Verification } from '../verifying.ts';
import { completenessLines } from './completeness.ts';
import { few, NAMED } from './few.ts';
import { headTexts } from './heads.ts';
import { grouped } from './progress.ts';
import { prunedText } from './pruned.ts';
import { safe } from './safe.ts';
import type { Style } from './style.ts';
import { besideLabels, verdictLine } from './verdict-line.ts';
import { wrap } from './width.ts';

export function verdictLines(report: Verification, style: Style, width?: number): string[] {
  const {
    integrity,
    tiles,
    chain,
    append_only,
    signatures,
    anchored,
    completeness,
    recovery,
    snapshots,
    payloads,
    log_json,
    pruned,
  } = report;
  const { indent, room } = besideLabels(width);
  const line = (status: Status, label: string, text: string): string =>
    verdictLine(status, label, text, style, width);
  /** What is missing does not count against a log when nobody asked: a cross beside exit code 0 would be no answer. */
  const asked = (status: Status): Status =>
    status === 'incomplete' && completeness.findings === undefined ? 'neutral' : status;
  const lines = [
    line(integrity.status, 'integrity', integrityText(report)),
    ...(pruned === undefined ? [] : [line(pruned.status, 'pruned', prunedText(pruned))]),
    ...(tiles.status === 'pass' ? [] : [line('neutral', 'tiles', tilesText(tiles))]),
    line(
      chain.status,
      'chain',
      chain.status === 'fail'
        ? `entries do not follow the one before: ${few(chain.breaks.map(String), chain.break_count)}`
        : 'every entry names the hash of the one before it',
    ),
    line(append_only.status, 'append-only', safe((append_only.note ?? '').replace(/^append-only /, ''))),
    ...headTexts(append_only.heads).flatMap((text) => wrap(text, room).map((part) => `${indent}${part}`)),
    line(signatures.status, 'signatures', signatureText(report)),
    // Nobody is asked to have anchors: what they lack has no cross, but is said.
    anchored.status === 'incomplete'
      ? line('neutral', 'anchored', `incomplete: ${safe(anchored.note)}`)
      : line(anchored.status, 'anchored', safe(anchored.note)),
    line(asked(completeness.status), 'completeness', completenessText(report)),
  ];
  if (recovery.status !== 'pass' || recovery.empty.length > 0)
    lines.push(line(asked(recovery.status), 'recovery', recoveryText(recovery)));
  if (snapshots !== undefined && snapshots.status !== 'pass') {
    lines.push(line(snapshots.status, 'policies', snapshotsText(snapshots)));
  }
  if (payloads.cited > 0) lines.push(line(payloads.status, 'payloads', payloadsText(payloads)));
  if (log_json !== undefined) lines.push(line('fail', 'log.json', safe(log_json)));
  const { findings } = completeness;
  const found = findings === undefined ? [] : completenessLines(findings, style, width);
  return [...lines, ...(found.length === 0 ? [] : ['', ...found]), '', ...wrap(summary(report), width)];
}

function integrityText({ integrity, size, pruned }: Verification): string {
  const first = integrity.first_bad;
  const parts = [
    first === undefined ? undefined : `first bad entry: ${first}`,
    integrity.bad_count > 0 ? `altered: ${few(integrity.bad.map(badText), integrity.bad_count)}` : undefined,
    integrity.missing_count > 0 ? `missing: ${missingText(integrity)}` : undefined,
    integrity.extra_count > 0
      ? `not part of the log: lines before ${few(
          integrity.extra.map(({ before }) => String(before)),
          integrity.extra_count,
        )}`
      : undefined,
    integrity.note === undefined ? undefined : safe(integrity.note),
  ].filter((part) => part !== undefined);
  if (parts.length > 0) return parts.join('; ');
  const gone = pruned?.entries ?? 0;
  if (gone === 0) return `all ${grouped(size ?? 0)} signed entries are the ones that were signed`;
  return `all ${grouped((size ?? 0) - gone)} signed entries from ${gone} on are the ones that were signed; of the ${grouped(gone)} before, their hashes are`;
}

/** A mark of their own would outshout the entries, which may be proven by the root. */
function tilesText({ damaged, damaged_count, absent_count }: TilesVerdict): string {
  const names = damaged.map(({ level, index }) => `${level}/${index}`);
  const parts = [
    damaged_count > 0 ? `damaged: ${few(names, damaged_count)}` : undefined,
    absent_count > 0 ? `absent: ${grouped(absent_count)}` : undefined,
  ].filter((part) => part !== undefined);
  return `tiles incomplete: ${parts.join('; ')}; the start of the recorder makes those of the open segment again, and is refused without older ones`;
}

function badText({ index, reason, carries }: IntegrityVerdict['bad'][number]): string {
  if (reason === 'index') return `${index} (says it is ${carries ?? 'none'})`;
  return reason === 'bytes' || reason === 'elimination' || reason === 'chain'
    ? String(index)
    : `${index} (${reason.replace('_', ' ')})`;
}

function missingText({ missing, missing_count }: IntegrityVerdict): string {
  const ranges = missing.map(({ from, to }) => (to - from === 1 ? String(from) : `${from}–${to - 1}`));
  const shown = ranges.slice(0, NAMED).join(', ');
  return `${shown}${ranges.length > NAMED ? ' …' : ''} (${grouped(missing_count)} in all)`;
}

function recoveryText({ altered, missing, unacknowledged, empty }: Verification['recovery']): string {
  const parts = [
    altered.length > 0
      ? `altered since it was set aside: ${few(altered.map(safe), altered.length)}`
      : undefined,
    missing.length > 0 ? `set aside and gone: ${few(missing.map(safe), missing.length)}` : undefined,
    unacknowledged.length > 0
      ? `incomplete: set aside and not acknowledged: ${few(unacknowledged.map(safe), unacknowledged.length)}`
      : undefined,
    empty.length > 0 ? `empty, of a start cut short: ${few(empty.map(safe), empty.length)}` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join('; ');
}

function snapshotsText({ altered, missing }: SnapshotsVerdict): string {
  const parts = [
    altered.length > 0 ? `altered after they were cited: ${few(altered, altered.length)}` : undefined,
    missing.length > 0 ? `cited and not there: ${few(missing.map(safe), missing.length)}` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join('; ');
}

function payloadsText(verdict: PayloadsVerdict): string {
  const { status, cited, checked, erased, unreferenced_bytes, note } = verdict;
  const wrong = [
    verdict.altered_count > 0
      ? `altered while their entry stands: ${few(verdict.altered.map(String), verdict.altered_count)}`
      : undefined,
    verdict.missing_count > 0
      ? `gone, and no erasure is on record: ${few(verdict.missing.map(String), verdict.missing_count)}`
      : undefined,
    note === undefined ? undefined : `${note} (${grouped(cited)} cited)`,
  ].filter((part) => part !== undefined);
  if (status !== 'pass') return wrong.join('; ');
  const asides = [
    erased > 0 ? `${grouped(erased)} erased` : undefined,
    unreferenced_bytes > 0 ? `${grouped(unreferenced_bytes)} bytes that no entry cites` : undefined,
  ].filter((part) => part !== undefined);
  const told = `${grouped(checked)} of ${grouped(cited)} are the ones that were recorded`;
  return asides.length === 0 ? told : `${told} (${asides.join(', ')})`;
}

export const GROUNDS = { given: 'the given key', pinned: 'the key remembered on this machine' } as const;

/** Which key signed until when; and what was begun and never came to be. */
export function keysText({ signatures, rotations_begun: begun }: Verification): string[] {
  const spans = (signatures.keys ?? []).map(({ key, from, to }) => {
    const since = from === 0 ? '' : ` from ${grouped(from)}`;
    return `${key}${since}${to === undefined ? '' : ` until ${grouped(to)}`}`;
  });
  return [
    ...(spans.length === 0 ? [] : [`keys: ${spans.join(', ')}`]),
    ...(begun.length === 0
      ? []
      : [`a rotation was begun and not completed: ${few(begun.map(String), begun.length)}`]),
  ];
}

/** After a rotation it is not the trusted key itself that signs. */
function groundText({ vkey, ground }: NonNullable<Verification['key']>, signers: readonly string[]): string {
  const itself = signers.some((signer) => vkey.startsWith(`${signer}+`));
  return itself ? GROUNDS[ground] : `follows by rotations from ${GROUNDS[ground]}`;
}

function signatureText(report: Verification): string {
  const { signatures, key } = report;
  if (signatures.status === 'pass' && key !== null) {
    const parts = [
      `by ${signatures.signed_by.join(', ')}: ${groundText(key, signatures.signed_by)}`,
      ...keysText(report),
    ];
    return safe([...parts, ...(signatures.note === undefined ? [] : [signatures.note])].join('; '));
  }
  return safe([signatures.note ?? '', ...keysText(report)].join('; '));
}

function completenessText({ completeness }: Verification): string {
  const { findings, set_aside } = completeness;
  const lacking = set_aside.length > 0 ? ['entries were set aside by recovery'] : [];
  if (findings === undefined)
    return lacking.length > 0 ? `incomplete: ${lacking.join()}` : 'not asked for (--completeness)';
  const parts = [
    ...lacking,
    findings.without_end_count > 0
      ? `actions without an end: ${few(
          findings.without_end.map(({ index }) => String(index)),
          findings.without_end_count,
        )}`
      : undefined,
    findings.runs_without_end_count > 0
      ? `runs without an end: ${few(findings.runs_without_end.map(safe), findings.runs_without_end_count)}`
      : undefined,
    findings.imported_without_end_count > 0
      ? `imported calls without an end: ${few(
          findings.imported_without_end.map(({ index }) => String(index)),
          findings.imported_without_end_count,
        )}`
      : undefined,
    findings.secrets_outside_runs_count > 0
      ? `secrets that agents used outside of runs: ${few(
          findings.secrets_outside_runs.map(({ index }) => String(index)),
          findings.secrets_outside_runs_count,
        )}`
      : undefined,
    findings.unrecorded_calls_count > 0
      ? `calls of agents that are on no record: ${grouped(findings.unrecorded_calls_count)}, named by ${few(
          findings.unrecorded_calls.map(({ index }) => String(index)),
          findings.unrecorded_calls.length,
        )}`
      : undefined,
    findings.exact ? undefined : 'more was open at once than can be told apart',
    findings.hole_count > 0
      ? `holes in a recorder's numbers: before ${few(
          findings.holes.map(({ before }) => String(before)),
          findings.hole_count,
        )}`
      : undefined,
    findings.gap_count > 0
      ? `times without recording: ${few(findings.gaps.map(String), findings.gap_count)}`
      : undefined,
  ].filter((part) => part !== undefined);
  const asides = [
    findings.open_actions > 0 ? `${grouped(findings.open_actions)} open now` : undefined,
    findings.unknown_ends > 0 ? `${grouped(findings.unknown_ends)} ended unseen` : undefined,
    findings.untold_calls_count > 0
      ? `${grouped(findings.untold_calls_count)} that no transcript has`
      : undefined,
    findings.abrupt_ends > 0
      ? `${grouped(findings.abrupt_ends)} recorder ${findings.abrupt_ends === 1 ? 'start' : 'starts'} without a close`
      : undefined,
  ].filter((part) => part !== undefined);
  const told =
    parts.length === 0 ? 'every action, run and recorder number is accounted for' : parts.join('; ');
  return asides.length === 0 ? told : `${told} (${asides.join(', ')})`;
}

function summary({ origin, entries, size, unsigned, torn_bytes }: Verification): string {
  const parts = [
    `${grouped(entries)} entries`,
    `${grouped(size ?? 0)} signed`,
    `${grouped(unsigned)} not yet signed`,
    ...(torn_bytes > 0 ? [`${grouped(torn_bytes)} bytes of an unfinished line`] : []),
  ];
  return `${safe(origin)}: ${parts.join(', ')}`;
}

/** What to do about it; nothing for a log that is as it should be. */
export function mending(report: Verification): string[] {
  const lines: string[] = (report.mend ?? []).map(safe);
  if (report.exit_code === 6 && lines.length === 0) {
    lines.push(
      'this log is not the one that was written. Keep a copy of the directory as evidence, restore it from a backup, and verify again; after an honest restore `tally log continue --reason …` starts a log that cites this one.',
    );
  }
  if (report.signatures.status === 'neutral') {
    lines.push(
      'give the key that you know from elsewhere: `tally verify --key VKEY` (its owner prints it with `tally key list`).',
    );
  }
  if (report.append_only.status === 'neutral' && report.append_only.heads.length === 0) {
    lines.push(
      'give a checkpoint that you kept: `tally verify --head FILE`; without one a rollback would not show.',
    );
  }
  if (report.append_only.status === 'incomplete' && report.append_only.heads.length === 0) {
    lines.push(
      'put heads/<log>/checkpoint back from a backup, or from a checkpoint of this log that you kept elsewhere; when there is none, `tally log continue --reason …` starts a log that cites this one.',
    );
  }
  if (report.exit_code !== 6 && report.integrity.status === 'incomplete') {
    lines.push(
      'put the file `checkpoint` of the log back from a backup of the same log; on the machine that wrote it heads/<log>/checkpoint is the newest that it remembers.',
    );
  }
  if (report.exit_code !== 6 && report.tiles.status !== 'pass') {
    lines.push(
      'where a start is refused for them: `tally log publish DIR` makes hash tiles from the entries; copy DIR/tile/0, DIR/tile/1 and so on into tile/ of the log, or restore tile/ from a backup.',
    );
  }
  for (const name of report.recovery.unacknowledged.slice(0, NAMED)) {
    lines.push(safe(`look at entries/${name}, then: tally log acknowledge ${name} --reason "…"`));
  }
  return lines;
}
