/**
 * The thread of the alert rules, beside the recorder: reading, parsing and judging entries costs the recorder's thread
 * nothing. It has nothing recorded and delivered but by asking that one.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { fileObjects } from '../../store/file/objects.ts';
import { fileReader } from '../../store/file/reader.ts';
import { createFollower, RecorderEnded } from './follower.ts';
import type { Answer, Asked, FromRules, RulesTask, ToRules } from './protocol.ts';

invariant(parentPort !== null, 'this file is started as a worker');
const port = parentPort;
const { directory, state, origin, resend, durable }: RulesTask = workerData;
const counter = new BigInt64Array(durable);
const waiting = new Map<number, (answer: Answer) => void>();
let asked = 0;

const tell = (message: FromRules): void => port.postMessage(message);

async function ask(what: Asked): Promise<void> {
  const n = asked++;
  const answer = await new Promise<Answer>((resolve) => {
    waiting.set(n, resolve);
    tell({ kind: 'ask', n, ask: what });
  });
  if (answer.done) return;
  throw answer.ended ? new RecorderEnded(answer.why) : new Error(answer.why);
}

/** On Linux a priority belongs to a thread: this one gives way to whoever records. */
function giveWay(): void {
  try {
    setPriority(0, LIMITS.alertNice);
  } catch {
    // Where it may not be set, the scheduler is fair.
  }
}

giveWay();
const follower = await createFollower({
  reader: fileReader(directory),
  objects: fileObjects(state),
  origin,
  resend,
  durable: () => Number(Atomics.load(counter, 0)),
  record: (event) => ask({ what: 'record', event }),
  take: (messages, reached) => ask({ what: 'take', messages, reached }),
  send: (message) => ask({ what: 'send', message }),
  now: Date.now,
  onAlert: (message) => tell({ kind: 'alert', message }),
  onTurn: tellState,
  onWarning: (line) => tell({ kind: 'warning', line }),
});

let told: { looked: number; changes: number; rules: unknown } | undefined;

function tellState(): void {
  const now = { looked: follower.looked(), changes: follower.changes(), rules: follower.rules() };
  if (now.looked === told?.looked && now.changes === told.changes && now.rules === told.rules) return;
  tell({
    kind: 'state',
    looked: now.looked,
    ...(told === undefined ? { verified: follower.verified() } : {}),
    ...(now.rules === told?.rules ? {} : { rules: now.rules }),
    ...(now.changes === told?.changes ? {} : { open: follower.open() }),
  });
  told = now;
}

port.on('message', (message: ToRules) => {
  switch (message.kind) {
    case 'answer':
      waiting.get(message.n)?.(message.answer);
      waiting.delete(message.n);
      return;
    case 'signal':
      return follower.signal(message.signal);
    case 'verified':
      follower.verified(message.at);
      return;
    case 'stop':
      void follower.close().finally(() => port.close());
  }
});
tellState();
follower.start();
