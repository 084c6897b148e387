/** Requests about alerts: a person has seen one, wants to see whether they arrive, or wants them tried again. */
import type { Raised } from '../core/alert/event.ts';
import type { AlertState, AlertTest } from '../core/alert/state.ts';
import { TallyError } from '../core/error.ts';
import { doneFor, operatorEvent } from './asked.ts';
import type { Client, Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

/** The recorder is handed what derives alerts and what delivers them. */
export interface AlertsPort {
  open(): Promise<readonly Raised[]>;
  state(): AlertState | undefined;
  /** Records a marked test and delivers it; throws NOT_FOUND when there is no such destination. */
  test(destination: string | undefined, client: Client): Promise<readonly AlertTest[]>;
  /** Tries again what was given up, and what waits for its next try. */
  retry(destination: string | undefined): Promise<readonly AlertTest[]>;
}

export function alertHandlers(
  recorder: LocalRecorder,
  alerts: AlertsPort | undefined,
): Pick<Handlers, 'alert.change' | 'alert.ack' | 'alert.test' | 'alert.retry'> {
  function port(): AlertsPort {
    if (alerts !== undefined) return alerts;
    throw new TallyError('BAD_CONFIG', 'this recorder was opened without alerts', {
      hint: 'see `alerts` in config.yaml: docs/alerts.md',
    });
  }

  return {
    async 'alert.change'({ change, name, type, place }, client) {
      const event = operatorEvent('config.change', client, { destination: change, name, type, place });
      const { id } = await recorder.record(event, doneFor(client));
      return { id };
    },
    async 'alert.ack'({ alert, reason }, client) {
      const open = (await port().open()).find(({ id }) => id === alert);
      if (open === undefined)
        throw new TallyError('NOT_FOUND', `no alert ${alert} is open`, {
          hint: 'tally alerts list shows those that are',
        });
      const { rule, kind, severity, subject, destinations } = open;
      const event = operatorEvent('alert.close', client, {
        alert,
        rule,
        kind,
        severity,
        subject,
        why: 'acknowledged',
        ...(destinations === undefined ? {} : { destinations }),
      });
      const { id, index } = await recorder.record({ ...event, reason }, doneFor(client));
      return { id, index, rule, subject };
    },
    async 'alert.test'({ destination }, client) {
      return { tests: await port().test(destination, client) };
    },
    async 'alert.retry'({ destination }) {
      return { tried: await port().retry(destination) };
    },
  };
}
