import type { AnchorRun } from '../../../core/anchor-state.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { listAnchors, noSuchAnchor } from '../../anchors-config.ts';
import type { Context } from '../../context.ts';
import { hintLine } from '../../output/failure.ts';
import { safe, toJson } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';

const FAILED = 1;
const CONFLICT = 6;

/**
 * Through the recorder that runs, which then records the receipts; without one, as the writer itself. The writer answers
 * within seconds what is done by then, so it is asked until all of it is.
 */
export async function run(
  context: Context,
  name: string | undefined,
  options: { readonly json?: boolean },
): Promise<void> {
  const anchors = listAnchors(context.paths);
  if (name !== undefined && anchors.every((anchor) => anchor.name !== name))
    throw noSuchAnchor(name, anchors);
  if (anchors.length === 0) {
    throw new TallyError('NOT_FOUND', 'no anchor is configured', { hint: 'tally anchor add --help' });
  }
  const runs = await untilDone(context, name);
  const failed = runs.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'current');
  if (failed.length > 0)
    context.exit(failed.some(({ failing }) => failing?.code === 'ANCHOR_CONFLICT') ? CONFLICT : FAILED);
  if (options.json === true) return context.stdout.line(toJson({ anchors: runs }));
  for (const one of runs) {
    await context.stdout.line(lineOf(one, context.stdout.style));
    if (one.failing?.hint !== undefined)
      await context.stderr.line(hintLine(one.failing.hint, context.stderr));
  }
}

async function untilDone(context: Context, name: string | undefined): Promise<readonly AnchorRun[]> {
  const session = await context.openSession();
  try {
    const done = new Map<string, AnchorRun>();
    const deadline = performance.now() + LIMITS.anchorAttemptMs;
    for (let wanted: readonly (string | undefined)[] = [name]; ; ) {
      for (const one of wanted) {
        const { runs } = await session.ask('anchor.run', one === undefined ? {} : { name: one });
        for (const result of runs) done.set(result.name, result);
      }
      wanted = [...done.values()].filter(({ outcome }) => outcome === 'running').map((one) => one.name);
      if (wanted.length === 0 || performance.now() > deadline) return [...done.values()];
    }
  } finally {
    await session.close();
  }
}

function lineOf({ name, outcome, last, time, failing }: AnchorRun, style: Style): string {
  const at = `${(last?.size ?? 0).toLocaleString('en-US')} entries`;
  switch (outcome) {
    case 'ok':
      return `${style.green('✔')} ${safe(name)}: ${at}${time === undefined ? '' : `, signed at ${time}`}`;
    case 'current':
      return `${style.green('✔')} ${safe(name)}: it has the newest checkpoint already (${at})`;
    case 'running':
      return `${style.yellow('…')} ${safe(name)}: no answer yet; the recorder goes on, and tally status shows it`;
    case 'failed':
      return `${style.red('✖')} ${safe(name)}: ${safe(failing?.message ?? 'the recorder is closing')}`;
  }
}
