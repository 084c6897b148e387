/** What the writer answers when it is asked how it is. */
import type { ForwardState } from '../core/otlp/state.ts';
import type { AlertsPort } from './alerts.ts';
import type { AnchorsPort } from './anchors.ts';
import type { BrokerAddress, Handlers, RecorderStatus, TailAddress } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import type { RetentionPort } from './retention.ts';

export interface StatusOptions {
  readonly recorder: LocalRecorder;
  readonly version: string;
  readonly pid: number;
  /** Where the broker listens, when it runs, and where the log is followed. */
  readonly broker: () => BrokerAddress & TailAddress;
  /** What knows how long things are kept. */
  readonly retention?: RetentionPort;
  /** What shows checkpoints to the outside, where anything is configured to. */
  readonly anchors?: AnchorsPort;
  /** What tells of alerts, where anything does. */
  readonly alerts?: AlertsPort;
  /** How far a collector has the entries; undefined while they go nowhere. */
  readonly otlp?: () => ForwardState | undefined;
}

export function statusHandlers(options: StatusOptions): Pick<Handlers, 'hello' | 'status'> {
  const { recorder } = options;

  async function status(): Promise<RecorderStatus & BrokerAddress & TailAddress> {
    const { compiled, hash, unreadable } = recorder.policy();
    const failure = recorder.failure();
    const sealing = recorder.sealFailure();
    const alerts = options.alerts?.state();
    const otlp = options.otlp?.();
    const kill = recorder.kills.list();
    const { approvals } = recorder;
    const waiting = approvals.list().filter((one) => approvals.status(one) === 'pending').length;
    return {
      tenant: recorder.tenant,
      origin: recorder.origin,
      vkey: recorder.vkey(),
      recorder_id: recorder.recorderId,
      version: options.version,
      pid: options.pid,
      size: recorder.size(),
      signed: recorder.signed(),
      open_actions: recorder.openActions(),
      open_by_source: recorder.openBySource(),
      policy: { version: compiled.version, hash, ...(unreadable === undefined ? {} : { unreadable }) },
      ...(failure === undefined ? {} : { failure: failure.message }),
      ...(kill.length === 0 ? {} : { kill }),
      ...(waiting === 0 ? {} : { approvals_waiting: waiting }),
      ...(sealing === undefined ? {} : { sealing: sealing.message }),
      ...(options.anchors === undefined ? {} : { anchors: options.anchors.states() }),
      ...(alerts === undefined ? {} : { alerts }),
      ...(otlp === undefined ? {} : { otlp }),
      ...(options.retention === undefined ? {} : { retention: options.retention.state() }),
      ...options.broker(),
    };
  }

  return { hello: status, status };
}
