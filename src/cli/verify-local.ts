/**
 * What only the log of this machine is held against: it wrote every checkpoint and every rotation itself, and remembers
 * them in heads/ in a known order. So it can tell what is older than it may be, and what was taken out of heads/.
 */
import type { AppendOnlyVerdict, HeadVerdict, Report } from '../core/tlog/verify-report.ts';
import type { OpenedReader } from '../reader.ts';
import { few } from './output/few.ts';
import { type LocalHead, lostRotations, pinnedVkey } from './remembered.ts';

export interface LocalVerdict {
  readonly append_only: AppendOnlyVerdict;
  /** How to mend what is told here, provided that nothing else is wrong. */
  readonly mend: readonly string[];
}

/**
 * A walk that holds, while this machine does not remember its notes: whoever kept a retired key could have made others,
 * and a start is refused. Called after the verification, so that a rotation meanwhile is remembered by now.
 */
export async function judgeRemembered(
  opened: OpenedReader,
  { signatures, size }: Pick<Report, 'signatures' | 'size'>,
): Promise<Pick<Report, 'signatures'> & Pick<LocalVerdict, 'mend'>> {
  if (signatures.status !== 'pass') return { signatures, mend: [] };
  const lost = await lostRotations(opened, size ?? 0);
  if (lost.length === 0) return { signatures, mend: [] };
  const { name: log } = opened;
  const gone = lost.map((name) => `heads/${log}/${name}`);
  const because = `this machine no longer remembers rotations of its key: gone is ${few(gone, gone.length)}, so a start is refused, and a history by a retired key could not be told from this one`;
  const fromFirst = signatures.note === undefined;
  const note = fromFirst ? because : `${because}; ${signatures.note}`;
  return {
    signatures: { ...signatures, status: 'incomplete', note },
    mend: [
      fromFirst
        ? `the notes beside the log lead from its first key to the newest: copy ${few(
            lost.map((name) => `logs/${log}/${name}`),
            lost.length,
          )} into heads/${log}/keys/ (hold them against a backup of heads/ where there is one), and verify again.`
        : `put ${few(gone, gone.length)} back from a backup, or verify with the first key of the log.`,
    ],
  };
}

/** `append_only` of `report` with what this machine remembers of its own log. */
export async function judgeLocal(
  opened: OpenedReader,
  report: Pick<Report, 'origin' | 'append_only' | 'signatures' | 'size'>,
  heads: readonly LocalHead[],
): Promise<LocalVerdict> {
  const { append_only } = report;
  const name = `heads/${opened.name}/checkpoint`;
  const head = append_only.heads.find((one) => one.ground === 'local' && one.name === name);
  if (head === undefined) return { append_only: await withoutHead(opened, append_only), mend: [] };
  const origin = heads.find(({ log }) => log === opened.name)?.origin;
  // A sound one of another log is told by log.json, which contradicts it.
  if (head.status === 'incomplete' && (origin === undefined || origin === report.origin))
    return withDamagedHead(name, head, append_only);
  return withOlderCheckpoint(opened.name, head, report) ?? { append_only, mend: [] };
}

/** A pinned key says that this log was seen before; its head is remembered with it, so somebody took the head away. */
async function withoutHead(opened: OpenedReader, verdict: AppendOnlyVerdict): Promise<AppendOnlyVerdict> {
  const vkey = await pinnedVkey(opened, { current: true }, '');
  if (vkey === undefined || verdict.status === 'fail') return verdict;
  return {
    ...verdict,
    status: 'incomplete',
    note: `the key of this log is remembered, its head is not: heads/${opened.name}/checkpoint is gone, so a rollback would not show`,
  };
}

/** It shows nothing, neither that the log was rolled back nor that it was not. */
function withDamagedHead(file: string, head: HeadVerdict, verdict: AppendOnlyVerdict): LocalVerdict {
  const because = `${file} is damaged (${head.note ?? 'it cannot be read'}): a rollback cannot be excluded`;
  return {
    append_only: verdict.status === 'fail' ? verdict : { ...verdict, note: because },
    mend: [
      `put ${file} back from a backup, or from a checkpoint of this log that you kept elsewhere; when there is none, \`tally log continue --reason …\` starts a log that cites this one.`,
    ],
  };
}

/**
 * The checkpoint is replaced before the head is remembered, so no crash leaves it older than the head: an older one was
 * put there, even where all entries are. One that nobody's key signed is told by the signatures.
 */
function withOlderCheckpoint(
  log: string,
  head: HeadVerdict,
  { append_only, signatures, size }: Pick<Report, 'append_only' | 'signatures' | 'size'>,
): LocalVerdict | undefined {
  const remembered = head.size ?? 0;
  if (head.status !== 'pass' || size === undefined || size >= remembered || signatures.status === 'fail')
    return undefined;
  const because = `the log's checkpoint is of ${size} entries, older than the one of ${remembered} that this machine remembers; the entries are there, and an older checkpoint was put in its place`;
  const known = head.note === undefined;
  const failed: HeadVerdict = {
    ...head,
    status: 'fail',
    note: known ? because : `${because}; ${head.note}`,
  };
  return {
    append_only: {
      status: 'fail',
      heads: append_only.heads.map((one) => (one === head ? failed : one)),
      // What failed already has the first word.
      note:
        append_only.status === 'fail' && append_only.note !== undefined
          ? append_only.note
          : `head: local: ${because}`,
    },
    mend: known
      ? [
          `heads/${log}/checkpoint is the newer checkpoint itself, and the entries fit it: keep a copy of logs/${log}/checkpoint, copy heads/${log}/checkpoint in its place, and verify again.`,
        ]
      : [],
  };
}
