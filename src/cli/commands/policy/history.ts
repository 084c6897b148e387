import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe, toJson } from '../../output/safe.ts';
import { type Cell, type Column, layOut } from '../../output/table.ts';
import { formatRecent } from '../../output/time.ts';
import { recordRead } from '../../record-read.ts';
import { type PolicyVersion, policyVersions } from './versions.ts';

export interface HistoryOptions {
  readonly limit: number;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const HASH_SHOWN = 12;

const COLUMNS: readonly Column[] = [
  { header: '#', align: 'right' },
  { header: 'WHEN' },
  { header: 'VERSION', shrinkTo: 8, weight: 4 },
  { header: 'HOW' },
  { header: 'WHO', shrinkTo: 6, optional: 2 },
  { header: 'BEFORE', optional: 4 },
  { header: 'AFTER', optional: 3 },
  { header: 'WHY', shrinkTo: 16, optional: 1 },
];

export async function history(context: Context, options: HistoryOptions): Promise<void> {
  const opened = await context.openQuery(options.dir === undefined ? {} : { log: options.dir });
  const versions: PolicyVersion[] = [];
  let left = 0;
  try {
    if (opened.query.size === 0) await opened.opened.logInfo();
    await recordRead(context, 'policy history', {}, options.dir);
    for await (const version of policyVersions(opened)) {
      versions.push(version);
      if (options.all === true || versions.length <= options.limit) continue;
      versions.shift();
      left++;
    }
  } finally {
    await opened.close();
  }
  if (options.json === true) return context.stdout.line(toJson({ versions, left_out: left }));
  if (versions.length === 0) return context.stderr.line('The log tells of no policy yet.');
  await print(context, versions, options.utc === true, context.now());
  if (left > 0) await context.stderr.line(`${counted(left, 'older one')}: --all`);
}

const hash = (text: string | undefined): string => (text === undefined ? '-' : text.slice(0, HASH_SHOWN));

async function print(
  { stdout }: Context,
  versions: readonly PolicyVersion[],
  utc: boolean,
  nowMs: number,
): Promise<void> {
  const { style } = stdout;
  const bad = (how: PolicyVersion['how']): boolean => how === 'refused' || how === 'denied';
  const cells = versions.map((one): readonly Cell[] => [
    { text: String(one.index), paint: style.dim },
    { text: safe(formatRecent(one.ts, nowMs, { utc })), paint: style.dim },
    { text: safe(one.version ?? '-') },
    { text: one.how, ...(bad(one.how) ? { paint: style.red } : {}) },
    { text: safe(one.who ?? '-') },
    { text: hash(one.before), paint: style.dim },
    { text: bad(one.how) ? '-' : hash(one.after) },
    { text: safe(one.why ?? one.problem ?? '').split('\n')[0] ?? '' },
  ]);
  const layout = layOut(COLUMNS, cells, stdout.width);
  await stdout.line(layout.header(style.dim));
  for (const row of cells) await stdout.line(layout.row(row));
}
