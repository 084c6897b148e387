/** The request `run.last` where the recorder is in the process that ends: carried out at once, or not at all. */

import type { Event } from '../core/entry.ts';
import { isTallyError } from '../core/error.ts';
import { ACT_ENDS, type ActType } from './act-ops.ts';
import { isOwnAction } from './acts.ts';
import { doneFor } from './asked.ts';
import { asking, checkedFor, roleRefusal } from './asking.ts';
import type { LastEvent } from './lastly.ts';
import type { Client, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import { prepareNow } from './reported.ts';
import { runEnd } from './runs.ts';

/** True: events, ends and the end of the run are durable. False: whoever asks leaves word elsewhere. */
export function lastWords(
  recorder: LocalRecorder,
  { run_id, run_token, events, ends, outcome }: OpParams<'run.last'>,
  asker: Client,
): boolean {
  const client = asking(recorder, asker);
  const identity = recorder.identify({ run_token });
  if (identity.failure !== undefined || identity.run_id !== run_id) return false;
  if (roleRefusal(recorder, client, 'run.last') !== undefined) return false;
  const { surface } = client;
  const ended = ends.flatMap(({ id, end_id, ...rest }): readonly LastEvent[] => {
    const action = recorder.openAction(id);
    if (action === undefined || !isOwnAction(action, run_id, client)) return [];
    const type = ACT_ENDS[action.type as ActType];
    const event: Event = { ...rest, id: end_id, type, phase: 'post_exec', parent_id: id };
    return [{ event, producer: { surface, assurance: action.assurance } }];
  });
  const known: Client = { ...client, checked: checkedFor(recorder, identity) };
  return recorder.lastly.record([
    ...events.flatMap((event) => told(recorder, event, client, run_token)),
    ...ended,
    { event: runEnd(run_id, known, outcome), producer: doneFor(client) },
  ]);
}

function told(
  recorder: LocalRecorder,
  event: OpParams<'run.last'>['events'][number],
  client: Client,
  run_token: string,
): readonly LastEvent[] {
  try {
    return [prepareNow(recorder, event, client, { run_token })];
  } catch (error) {
    // Refused, as it would have been at any other time.
    if (!isTallyError(error)) throw error;
    return [];
  }
}
