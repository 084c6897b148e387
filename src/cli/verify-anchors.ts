/** What verification asks of the anchors of this machine, and what it makes of the answers. */
import { type GatheredEvidence, gatherEvidence } from '../anchor/evidence.ts';
import type { AnchorSettings } from '../anchor/setting.ts';
import { isTallyError } from '../core/error.ts';
import type { AnchorWatch } from '../core/query/anchored.ts';
import { type AnchorEvidence, judgeAnchors } from '../core/tlog/verify-anchors.ts';
import type { AnchoredVerdict, Report } from '../core/tlog/verify-report.ts';
import { loadConfig } from '../open/config.ts';
import type { OpenedReader } from '../reader.ts';
import type { Context, Env } from './context.ts';

export interface AnchorRequest {
  readonly settings: AnchorSettings;
  /** Why the configuration could not be read: then nothing is configured, and that has to be said. */
  readonly problem?: string;
  readonly env: Env;
}

export function anchorRequest({ paths, env }: Pick<Context, 'paths' | 'env'>): AnchorRequest {
  try {
    return { settings: loadConfig(paths.configFile), env };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return { settings: { anchors: [] }, problem: error.message, env };
  }
}

/** Before the checkpoint of the log is read. */
export async function evidenceOf(
  { reader }: Pick<OpenedReader, 'reader'>,
  origin: string,
  request: AnchorRequest | undefined,
): Promise<GatheredEvidence | undefined> {
  if (request === undefined) return undefined;
  const { settings, env, problem } = request;
  const gathered = await gatherEvidence({ objects: reader.objects, origin, settings, env });
  if (problem === undefined) return gathered;
  const notes = [...gathered.evidence.notes, `what is configured cannot be read: ${problem}`];
  return { ...gathered, evidence: { ...gathered.evidence, notes } };
}

export function anchoredOf(
  report: Report,
  evidence: AnchorEvidence | undefined,
  watch: AnchorWatch,
  published: boolean,
): AnchoredVerdict {
  if (evidence === undefined) return report.anchored;
  if (published) return anchoredOutside(report, evidence);
  const { entries } = watch;
  const { heads } = report.append_only;
  const more = watch.more();
  const notes =
    more === 0
      ? evidence.notes
      : [...evidence.notes, `${more} more receipts were not held against their entries`];
  return judgeAnchors({ evidence: { ...evidence, notes }, entries, heads, signed: report.size ?? 0 });
}

/**
 * Receipts lie beside the log, and a published one has none: entries that tell of them accuse nobody there, and what only
 * receipts could show is not asked. What an anchor outside holds is held against it as ever.
 */
function anchoredOutside({ append_only, size }: Report, evidence: AnchorEvidence): AnchoredVerdict {
  const { quorum: _, ...rest } = evidence;
  const configured = evidence.configured.filter(({ type }) => type === 'git' || type === 'file');
  const note = 'a published log holds no receipts of anchors, so those are not judged here';
  if (configured.length === 0) return { status: 'neutral', note: [note, ...evidence.notes].join('; ') };
  const notes = [...evidence.notes, note];
  const { heads } = append_only;
  return judgeAnchors({ evidence: { ...rest, configured, notes }, entries: [], heads, signed: size ?? 0 });
}
