/** What the thread of the alert rules is told and asked, and what it tells and asks. All of it survives a structured clone. */
import type { Raised } from '../../core/alert/event.ts';
import type { Signal } from '../../core/alert/kinds/kind.ts';
import type { AlertRule } from '../../core/alert/rule.ts';
import type { Event } from '../../core/entry.ts';
import type { Message } from '../../sink/driver.ts';

export interface RulesTask {
  /** Of the log. */
  readonly directory: string;
  /** `alerts/<log>/` of the state directory. */
  readonly state: string;
  /** Name of the log. */
  readonly origin: string;
  readonly resend: boolean;
  /** One 64-bit number that the recorder's thread writes: entries that are durable. No message has to say it. */
  readonly durable: SharedArrayBuffer;
}

export type Asked =
  | { readonly what: 'record'; readonly event: Event }
  | { readonly what: 'take'; readonly messages: readonly Message[]; readonly reached: number }
  | { readonly what: 'send'; readonly message: Message };

export type FromRules =
  | { readonly kind: 'ask'; readonly n: number; readonly ask: Asked }
  | { readonly kind: 'alert'; readonly message: Message }
  | { readonly kind: 'warning'; readonly line: string }
  | {
      readonly kind: 'state';
      readonly looked: number;
      /** With the first of them: what was remembered. */
      readonly verified?: number;
      /** Absent: as before. */
      readonly rules?: readonly AlertRule[];
      readonly open?: readonly Raised[];
    };

/** `ended`: nothing can be recorded any more. */
export type Answer =
  | { readonly done: true }
  | { readonly done: false; readonly why: string; readonly ended: boolean };

export type ToRules =
  | { readonly kind: 'answer'; readonly n: number; readonly answer: Answer }
  | { readonly kind: 'signal'; readonly signal: Signal }
  | { readonly kind: 'verified'; readonly at: number }
  | { readonly kind: 'stop' };
