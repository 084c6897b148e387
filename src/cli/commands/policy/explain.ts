import { durationText } from '../../../core/alert/duration.ts';
import type { Decision } from '../../../core/entry.ts';
import { suppose } from '../../../core/policy/suppose.ts';
import { machineOwner } from '../../../open/whoami.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { textWidth, wrap } from '../../output/width.ts';
import { askRunning } from '../../running.ts';
import { type CallOptions, callOf, stateOf } from './call-options.ts';
import { compileFile } from './compile.ts';
import { layerWords } from './explain-words.ts';

export interface ExplainOptions extends CallOptions {
  readonly policy?: string;
  readonly json?: boolean;
}

interface Explained {
  readonly decision: Decision;
  readonly version: string;
  readonly hash: string;
  readonly from: 'recorder' | 'file';
}

/** By the recorder that runs, with all that it knows; by the file alone where none does, or something is supposed. */
async function explained(context: Context, options: ExplainOptions): Promise<Explained> {
  const call = callOf(options);
  const state = stateOf(options);
  if (options.policy === undefined && state === undefined && call.role === undefined) {
    const answer = await askRunning(context, (ask) => ask('policy.explain', { call }));
    if (answer !== undefined) return { decision: answer.decision, ...answer.policy, from: 'recorder' };
  }
  const policy = await compileFile(context, options.policy ?? context.paths.policyFile);
  const { decision } = suppose(policy, call, {
    owner: machineOwner(),
    nowMs: context.now(),
    ...(state === undefined ? {} : { state }),
  });
  return { decision, version: policy.compiled.version, hash: policy.hash, from: 'file' };
}

export async function explain(context: Context, options: ExplainOptions): Promise<void> {
  const { decision, version, hash, from } = await explained(context, options);
  const layers = decision.layers.map((layer) => ({ ...layer, words: layerWords(layer, decision) }));
  if (options.json === true) {
    await context.stdout.line(
      toJson({
        ...decision,
        layers,
        policy: { version, hash },
        state: from === 'recorder' ? 'recorder' : 'supposed',
      }),
    );
    return;
  }
  await print(context, { decision, version, hash, from }, layers);
}

type Told = Decision['layers'][number] & { readonly words: string };

async function print(
  { stdout, stderr }: Context,
  { decision, version, from }: Explained,
  layers: readonly Told[],
): Promise<void> {
  const { style, width } = stdout;
  const { outcome, reason, rule, wanted } = decision;
  const paint = outcome === 'allow' ? style.green : outcome === 'stop' ? style.red : style.yellow;
  const named = layers.reduce((most, { layer }) => Math.max(most, textWidth(safe(layer))), 0);
  await stdout.line(`${style.bold(paint(outcome))}${reason === undefined ? '' : `  ${safe(reason)}`}`);
  if (rule !== undefined) await stdout.line(style.dim(`rule ${safe(rule)}`));
  await stdout.line();
  for (const { layer, result, words } of layers) {
    const mark = result === 'pass' ? style.green('✓') : result === 'fail' ? paint('✗') : style.dim('–');
    const indent = named + 4;
    const lines = wrap(safe(words), width === undefined ? undefined : Math.max(16, width - indent));
    for (const [i, line] of lines.entries()) {
      const head = i === 0 ? `${mark} ${safe(layer).padEnd(named)}  ` : ' '.repeat(indent);
      await stdout.line(`${head}${result === 'skip' ? style.dim(line) : line}`);
    }
  }
  await stdout.line();
  if (wanted !== undefined)
    await stdout.say(
      `who may approve: ${wanted.approvers.map(safe).join(', ')}; within ${durationText(wanted.ttl_ms)}`,
    );
  if (decision.enforced === false)
    await stdout.line(style.yellow('only observed: it would go on (mode: observe)'));
  await stderr.say(
    from === 'recorder'
      ? `# by version ${safe(version)}, with what the recorder has counted, switched off and approved; nothing was recorded`
      : `# by version ${safe(version)} alone: no calls before it, nothing spent, switched off or approved but what you suppose`,
    stderr.style.dim,
  );
}
