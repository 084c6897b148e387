import type { Output } from './stream.ts';
import { formatDuration } from './time.ts';
import { fit } from './width.ts';

export interface Progress {
  /** Units done so far, of all that were announced. */
  update(done: number, total?: number): void;
  /** Wipes the bar; what comes next on standard error starts on a clean line. */
  end(): void;
}

const REPAINT_MS = 100;
/** Work that is over before this shows no bar at all. */
const PATIENCE_MS = 300;
const BAR = 24;
const SILENT: Progress = { update: () => undefined, end: () => undefined };

/** A bar with rate and time left on standard error; nothing at all unless that is a terminal. */
export function createProgress(
  stderr: Output,
  label: string,
  unit: string,
  now: () => number = () => performance.now(),
): Progress {
  if (!stderr.isTTY) return SILENT;
  const started = now();
  let painted = 0;
  let shown = false;
  return {
    update(done, total) {
      const at = now();
      if (at - started < PATIENCE_MS || at - painted < REPAINT_MS) return;
      painted = at;
      shown = true;
      const text = describeProgress(label, unit, done, total, at - started);
      // The last column stays free: some terminals wrap when it is written.
      void stderr.write(`\r\u001b[2K${fit(text, (stderr.width ?? 80) - 1)}`);
    },
    end() {
      if (shown) void stderr.write('\r\u001b[2K');
      shown = false;
    },
  };
}

export function describeProgress(
  label: string,
  unit: string,
  done: number,
  total: number | undefined,
  elapsedMs: number,
): string {
  const rate = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0;
  const speed = `${grouped(Math.round(rate))} ${unit}/s`;
  if (total === undefined || total <= 0) return `${label}  ${grouped(done)} ${unit}  ${speed}`;
  const share = Math.min(1, done / total);
  const full = Math.round(share * BAR);
  const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
  const left = rate > 0 ? `  ${formatDuration(((total - done) / rate) * 1000)} left` : '';
  return `${label}  ${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${speed}${left}`;
}

/** 1234567 → "1,234,567" */
export function grouped(n: number): string {
  return n.toLocaleString('en-US');
}

/** `512 B`, `1.4 kB`, `83 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
