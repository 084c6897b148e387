/** Every decoder and every checker of proofs that meets bytes of others. A new one gets a line in one of these lists. */
import type { Target } from './target.ts';
import { claudeAgentTargets } from './targets/claude-agent.ts';
import { fileTargets } from './targets/files.ts';
import { forwardedTargets } from './targets/forwarded.ts';
import { inputTargets } from './targets/input.ts';
import { logTargets } from './targets/logs.ts';
import { noteTargets } from './targets/notes.ts';
import { otlpTargets } from './targets/otlp.ts';
import { pluginTargets } from './targets/plugins.ts';
import { heardTargets } from './targets/plugins-heard.ts';
import { proofTargets } from './targets/proofs.ts';
import { tokenTargets } from './targets/tokens.ts';

/** By the file in `targets/` that has them. */
export const GROUPS = {
  notes: noteTargets,
  proofs: proofTargets,
  logs: logTargets,
  files: fileTargets,
  input: inputTargets,
  forwarded: forwardedTargets,
  tokens: tokenTargets,
  otlp: otlpTargets,
  plugins: pluginTargets,
  'plugins-heard': heardTargets,
  'claude-agent': claudeAgentTargets,
} as const satisfies Readonly<Record<string, readonly Target[]>>;

export const TARGETS: readonly Target[] = Object.values(GROUPS).flat();
