/** Requests about anchors: show them the newest checkpoint now, and changes of what is configured. */
import type { AnchorRun, AnchorState } from '../core/anchor-state.ts';
import { LIMITS } from '../core/limits.ts';
import { doneFor, operatorEvent } from './asked.ts';
import type { Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

/** The recorder is handed what talks to the outside. */
export interface AnchorsPort {
  /** Waits for `waitMs` at most; what is under way then is told to be running. */
  run(name: string | undefined, waitMs: number): Promise<readonly AnchorRun[]>;
  states(): readonly AnchorState[];
}

export function anchorHandlers(
  recorder: LocalRecorder,
  anchors: AnchorsPort | undefined,
): Pick<Handlers, 'anchor.run' | 'anchor.change'> {
  return {
    async 'anchor.run'({ name }) {
      return { runs: (await anchors?.run(name, LIMITS.anchorRunAnswerMs)) ?? [] };
    },
    async 'anchor.change'({ change, name, type, place }, client) {
      const event = operatorEvent('config.change', client, { anchor: change, name, type, place });
      const { id } = await recorder.record(event, doneFor(client));
      return { id };
    },
  };
}
