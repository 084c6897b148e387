/**
 * `tallystick/sdk`: records an agent that is written in Node, and decides its actions (docs/sdk.md).
 *
 *     import { tally } from 'tallystick/sdk';
 *     await tally.run({ agent: 'support-bot' }, async (run) => { … });
 */
import { standardTally } from './open/sdk.ts';
import type { Tally } from './sdk/types.ts';

export { isTallyError, TallyError } from './core/error.ts';
export { createTally } from './open/sdk.ts';
export { ApprovalPendingError, StoppedError } from './sdk/errors.ts';
export { packs, type Redacting, redact } from './sdk/redact.ts';
export type {
  Acting,
  Action,
  ActKind,
  AgentDecision,
  Common,
  DelegatedToken,
  DelegateOptions,
  Ended,
  FailureMode,
  GuardOptions,
  HumanApproval,
  ModelCall,
  Noted,
  PolicyCheck,
  Receipt,
  RedactionPack,
  RetrievalQuery,
  Run,
  RunOptions,
  Tally,
  TallyOptions,
  ToolCall,
  Usage,
} from './sdk/types.ts';

/** The process's own, by its environment. Nothing is read or opened before it is used. */
export const tally: Tally = {
  run: ((...args: Parameters<Tally['run']>) => standardTally().run(...args)) as Tally['run'],
  current: () => standardTally().current(),
  guardTool: ((...args: Parameters<Tally['guardTool']>) =>
    standardTally().guardTool(...args)) as Tally['guardTool'],
  protect: (name, value) => standardTally().protect(name, value),
  get transport() {
    return standardTally().transport;
  },
  flush: () => standardTally().flush(),
  close: () => standardTally().close(),
};
