/** What is said of a bundle: when it was made, and when it was verified. */
import type { BundleManifest } from '../../core/export/manifest.ts';
import type { Context } from '../context.ts';
import { counted } from '../facts.ts';
import { hintLine } from '../output/failure.ts';
import { grouped } from '../output/progress.ts';
import { safe, toJson } from '../output/safe.ts';
import { verdictLine } from '../output/verdict-line.ts';
import { GROUNDS } from '../output/verdicts.ts';
import { wrap } from '../output/width.ts';
import { say } from './say.ts';
import type { BundleReport } from './verify-bundle.ts';

export interface MadeBundle {
  readonly manifest: BundleManifest;
  readonly sha256: string;
  readonly missing: readonly string[];
  readonly altered: readonly string[];
}

export interface ToldBundle extends MadeBundle {
  readonly target: string;
  readonly recorded: string | undefined;
  readonly json: boolean;
}

export async function tellBundle(context: Context, told: ToldBundle): Promise<void> {
  const { stdout, stderr } = context;
  const { manifest, target, recorded, sha256, missing, altered } = told;
  const { counts, checkpoint, vkeys, gaps } = manifest;
  const { dim, red } = stderr.style;
  const vkey = vkeys[0]?.vkey ?? '';
  if (altered.length > 0) context.exit(6);
  if (told.json)
    await stdout.line(
      toJson({
        status: altered.length > 0 ? 'damaged' : 'ok',
        ...counts,
        missing_snapshots: missing,
        altered_snapshots: altered,
        checkpoint,
        vkey,
        manifest_sha256: sha256,
        out: target,
        recorded: recorded ?? null,
      }),
    );
  await say(
    stderr,
    `${counted(counts.entries, 'entry', 'entries')} of ${counted(counts.rows, 'row')} in ${safe(target)}, each proven under the checkpoint of ${grouped(checkpoint.size)} entries`,
    dim,
  );
  if (recorded !== undefined)
    await say(stderr, `recorded as ${recorded}, with the hash of manifest.json`, dim);
  if (counts.unsigned > 0)
    await stderr.line(
      `${counted(counts.unsigned, 'entry', 'entries')} left out: no checkpoint covers them yet`,
    );
  if (gaps.log_gap_count > 0)
    await say(
      stderr,
      `the log has ${counted(gaps.log_gap_count, 'gap')}: times in which nothing could be written`,
    );
  if (missing.length > 0)
    await say(stderr, `${counted(missing.length, 'policy snapshot')} that entries cite are not in this log`);
  for (const hash of altered)
    await stderr.line(
      `${red('damaged:')} the policy snapshot ${hash} was altered after it was cited, and is left out`,
    );
  await stderr.line(dim(`its reader runs: tally verify ${safe(target)} --key ${safe(vkey)}`));
}

export async function tellVerified(context: Context, report: BundleReport, json: boolean): Promise<void> {
  const { stdout, stderr } = context;
  context.exit(report.exit_code);
  if (json) return stdout.line(toJson(report));
  const { integrity, signatures, snapshots, manifest, matching, completeness, key, range, gaps } = report;
  const line = (status: Parameters<typeof verdictLine>[0], label: string, text: string): string =>
    verdictLine(status, label, safe(text), stdout.style, stdout.width);
  const every =
    integrity.entries === 1 ? 'its one entry is' : `all ${grouped(integrity.entries)} entries are`;
  const by = key === null ? '' : `by ${signatures.signed_by.join(', ')}: ${GROUNDS[key.ground]}`;
  await stdout.line(
    [
      line(
        integrity.status,
        'integrity',
        integrity.note ??
          `${every} what was signed at ${integrity.entries === 1 ? 'its place' : 'their places'}`,
      ),
      line(signatures.status, 'signatures', signatures.status === 'pass' ? by : (signatures.note ?? '')),
      line(snapshots.status, 'policies', snapshots.note ?? 'every policy snapshot is the one that was cited'),
      line(
        manifest.status,
        'manifest',
        manifest.note ?? 'counts, range and the hashes of the files are right',
      ),
      line(matching.status, 'filter', matching.note ?? ''),
      line(completeness.status, 'completeness', completeness.note ?? ''),
      '',
      ...wrap(
        safe(`a bundle of ${report.origin ?? 'an unknown log'}: ${filterText(report.filter)}`),
        stdout.width,
      ),
      ...(range?.first === undefined
        ? []
        : wrap(
            safe(
              `entries ${range.first.index} to ${range.last?.index ?? '?'}, of ${range.size}; ${range.first.ts ?? '?'} to ${range.last?.ts ?? '?'}`,
            ),
            stdout.width,
          )),
      ...(gaps === null || gaps.log_gap_count === 0
        ? []
        : wrap(
            `the log it is from has ${counted(gaps.log_gap_count, 'gap')}: times in which nothing could be written`,
            stdout.width,
          )),
    ].join('\n'),
  );
  for (const text of mending(report)) await stderr.line(hintLine(text, stderr));
}

function filterText(filter: BundleReport['filter']): string {
  const parts = Object.entries(filter).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return parts.length === 0 ? 'everything' : parts.join(', ');
}

function mending({ exit_code, signatures, origin, snapshots }: BundleReport): string[] {
  if (exit_code === 6)
    return [
      'this is not what the log signed: get the bundle again from whoever runs the log, and keep this one',
    ];
  if (signatures.status !== 'pass')
    return [
      `give the key of ${origin ?? 'the log'}, from its owner: --key VKEY (\`tally key list\` prints it there)`,
    ];
  return snapshots.status === 'incomplete'
    ? ['decisions whose policy is not here cannot be replayed from this bundle']
    : [];
}
