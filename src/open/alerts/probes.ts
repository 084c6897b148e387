/** What alerts are told of the machine, in the background: how much of the disk is free, and whether the log still verifies. */
import type { Signal } from '../../core/alert/kinds/kind.ts';
import type { AlertRule } from '../../core/alert/rule.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import type { AlertOptions } from '../options.ts';

export interface ProbeHost {
  rules(): readonly AlertRule[];
  signal(signal: Signal): void;
  freeBytes(): Promise<number>;
  readonly verify: AlertOptions['verify'];
  readonly drift: AlertOptions['drift'];
  /** When the log was verified last; remembered when it is told. */
  verified(at?: number): number;
  /** Between two looks at what agents do; tests shorten it. */
  readonly driftMs?: number;
  readonly now: Clock;
  onWarning(line: string): void;
}

export function startProbes(host: ProbeHost): { close(): Promise<void> } {
  const stop = new AbortController();
  let verifying: Promise<void> | undefined;
  let judging: Promise<void> | undefined;
  let judged = performance.now();
  let looked = Number.NEGATIVE_INFINITY;
  let lookedWith: readonly AlertRule[] | undefined;
  let told = '';

  async function disk(): Promise<void> {
    // A rule that was changed is held against the disk at once.
    const rules = host.rules();
    if (rules === lookedWith && performance.now() - looked < LIMITS.alertDiskMs) return;
    lookedWith = rules;
    if (!host.rules().some(({ kind }) => kind === 'disk_low')) return;
    looked = performance.now();
    host.signal({ kind: 'disk', at: host.now(), free_bytes: await host.freeBytes() });
  }

  function verification(): void {
    const every = host
      .rules()
      .flatMap((rule) => (rule.kind === 'verification_failed' ? [rule.every_ms] : []));
    // Whoever set the clock forward and back again has put off nothing.
    if (host.verified() > host.now()) host.verified(host.now());
    const due = host.verified() + Math.min(...every);
    if (host.verify === undefined || verifying !== undefined || host.now() < due) return;
    // Also when it cannot be found out: that is no reason to try at every turn.
    host.verified(host.now());
    verifying = host
      .verify(stop.signal)
      .then((found) => {
        if (found !== undefined) host.signal({ kind: 'verification', at: host.now(), ...found });
        else if (!stop.signal.aborted)
          host.onWarning('whether the log verifies could not be found out: tally verify');
      })
      .catch(warn)
      .finally(() => {
        verifying = undefined;
      });
  }

  function drift(): void {
    if (host.drift === undefined || judging !== undefined) return;
    if (performance.now() - judged < (host.driftMs ?? LIMITS.alertDriftMs)) return;
    if (!host.rules().some(({ kind }) => kind === 'baseline_drift')) return;
    judged = performance.now();
    judging = host
      .drift(stop.signal)
      .then((found) => {
        for (const one of found ?? []) host.signal({ kind: 'drift', at: host.now(), ...one });
        if (found === undefined && !stop.signal.aborted)
          host.onWarning(
            'what agents do now could not be compared with what they usually do: tally baseline',
          );
      })
      .catch(warn)
      .finally(() => {
        judging = undefined;
      });
  }

  function warn(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    if (!stop.signal.aborted && why !== told) host.onWarning(`a look at this machine failed: ${why}`);
    told = why;
  }

  const timer = setInterval(() => {
    disk().catch(warn);
    verification();
    drift();
  }, TURN_MS);
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      stop.abort();
      await verifying;
      await judging;
    },
  };
}

const TURN_MS = 1_000;
