/** The thread of the alert rules as the recorder's thread sees it: what it is told, what it asks for, how it ends. */
import { Worker } from 'node:worker_threads';
import { DEFAULT_RULES } from '../../core/alert/defaults.ts';
import type { Raised } from '../../core/alert/event.ts';
import type { Signal } from '../../core/alert/kinds/kind.ts';
import type { AlertRule } from '../../core/alert/rule.ts';
import { isTallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import type { Deliveries } from '../../sink/deliveries.ts';
import type { Message } from '../../sink/driver.ts';
import type { Answer, Asked, FromRules, RulesTask, ToRules } from './protocol.ts';

const PRODUCER = { surface: 'server', assurance: 'enforced' } as const;

export interface RulesThread {
  /** False between a thread that ended by itself and the next one. */
  watching(): boolean;
  signal(signal: Signal): void;
  rules(): readonly AlertRule[];
  /** As of its last turn. */
  open(): readonly Raised[];
  /** Durable entries that it has not looked at yet. */
  behind(): number;
  /** When the log was last verified. */
  verified(at?: number): number;
  /** Bounded in time. What it could not save is derived again by the next start. */
  close(): Promise<void>;
}

export function startRules(host: {
  /** Of the log, and of the state of its alerts. */
  readonly directory: string;
  readonly state: string;
  readonly recorder: Pick<LocalRecorder, 'record' | 'onDurable' | 'now' | 'origin' | 'failure'>;
  readonly deliveries: Pick<Deliveries, 'take' | 'send'>;
  readonly resend: boolean;
  onAlert(message: Message): void;
  onWarning(line: string): void;
}): RulesThread {
  const { recorder, deliveries, onWarning } = host;
  const durable = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  const counter = new BigInt64Array(durable);
  const feed = recorder.onDurable(({ first, count }) => {
    Atomics.store(counter, 0, BigInt(first + count));
  });
  Atomics.store(counter, 0, BigInt(feed.from));
  let looked = 0;
  let verified = recorder.now();
  let rules: readonly AlertRule[] = DEFAULT_RULES;
  let open: readonly Raised[] = [];
  let worker: Worker | undefined;
  let again: NodeJS.Timeout | undefined;
  let closing = false;
  let ended = Promise.resolve();

  async function answer(ask: Asked): Promise<Answer> {
    try {
      if (ask.what === 'record') await recorder.record(ask.event, PRODUCER);
      else if (ask.what === 'take') await deliveries.take(ask.messages, ask.reached);
      else await deliveries.send(ask.message);
      return { done: true };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const over = recorder.failure() !== undefined || (isTallyError(error) && error.code === 'LOG_CLOSED');
      return { done: false, why, ended: over };
    }
  }

  function start(resend: boolean): void {
    const { directory, state } = host;
    const task: RulesTask = { directory, state, origin: recorder.origin, resend, durable };
    const started = new Worker(workerFile(), { workerData: task });
    worker = started;
    const tell = (message: ToRules): void => started.postMessage(message);
    started.on('message', (message: FromRules) => {
      switch (message.kind) {
        case 'ask':
          void answer(message.ask).then((said) => tell({ kind: 'answer', n: message.n, answer: said }));
          return;
        case 'alert':
          return host.onAlert(message.message);
        case 'warning':
          return onWarning(message.line);
        case 'state':
          looked = message.looked;
          verified = message.verified ?? verified;
          rules = message.rules ?? rules;
          open = message.open ?? open;
      }
    });
    let why = 'its thread ended';
    started.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error);
    });
    ended = new Promise((resolve) => {
      started.on('exit', () => {
        worker = undefined;
        if (!closing) {
          onWarning(`nothing looks for alerts for ${LIMITS.alertRestartMs / 1000} s: ${why}`);
          again = setTimeout(() => start(false), LIMITS.alertRestartMs).unref();
        }
        resolve();
      });
    });
  }

  start(host.resend);
  return {
    watching: () => worker !== undefined,
    signal: (signal) => worker?.postMessage({ kind: 'signal', signal } satisfies ToRules),
    rules: () => rules,
    open: () => open,
    behind: () => Math.max(0, Number(Atomics.load(counter, 0)) - looked),
    verified(at) {
      if (at !== undefined) {
        verified = at;
        worker?.postMessage({ kind: 'verified', at } satisfies ToRules);
      }
      return verified;
    },
    async close() {
      closing = true;
      clearTimeout(again);
      worker?.postMessage({ kind: 'stop' } satisfies ToRules);
      const late = setTimeout(() => void worker?.terminate(), LIMITS.alertCloseMs);
      await ended;
      clearTimeout(late);
      feed.end();
    },
  };
}

/** Beside this file, under the name that it has after a build as well. */
function workerFile(): URL {
  const { href } = new URL('./worker.ts', import.meta.url);
  return new URL(import.meta.url.endsWith('.ts') ? href : href.replace(/\.ts$/, '.js'));
}
