/**
 * What of a conversation is new. Frameworks hand the whole of it to the model in every turn; on record, what was said
 * stands once, where it was said.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Run } from '../sdk/types.ts';

export interface Message {
  /** `system`, `user`, `assistant`, `tool`; another one is passed over. */
  readonly role: string;
  readonly content: unknown;
}

export interface Conversation {
  /** The messages that the model is about to be given. Tells of them what was not told yet. */
  heard(run: Run, messages: readonly Message[], parent?: string): void;
}

/** Of one agent in one run. What was said before it, in runs of its own, is not told again. */
export function createConversation(): Conversation {
  let told: number | undefined;
  let instruction: unknown;
  return {
    heard(run, messages, parent) {
      const about = parent === undefined ? {} : { parent };
      const [system] = messages.filter(({ role }) => role === 'system' || role === 'developer');
      if (system?.content !== undefined && !isDeepStrictEqual(system.content, instruction)) {
        instruction = system.content;
        run.systemInstruction(system.content, about);
      }
      const said = messages.filter(({ role }) => role !== 'system' && role !== 'developer');
      const answered = said.findLastIndex(({ role }) => role !== 'user');
      // A conversation that became shorter was summed up: only what follows the last answer is new for certain.
      const from = Math.max(answered + 1, told !== undefined && told <= said.length ? told : 0);
      for (const { role, content } of said.slice(from)) if (role === 'user') run.userMessage(content, about);
      told = said.length;
    },
  };
}
