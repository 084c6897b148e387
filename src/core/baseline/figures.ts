/** Figures as words, the same in every locale. */

/** 12345 → "12,345" */
export function whole(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "9 ×", "2.5 ×" */
export function times(factor: number): string {
  if (!Number.isFinite(factor)) return 'far above';
  return `${factor < 9.95 ? trimmed(factor.toFixed(1)) : whole(factor)} ×`;
}

/** "31 %", "0.2 %", "0.04 %" */
export function percent(share: number): string {
  return `${percentNumber(share)} %`;
}

export function percentNumber(share: number): string {
  const n = share * 100;
  if (n === 0 || n >= 9.95) return String(Math.round(n));
  if (n >= 0.095) return trimmed(n.toFixed(1));
  return n < 0.005 ? '<0.01' : trimmed(n.toFixed(2));
}

function trimmed(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** "0.4 ms", "87 ms", "1.2 s", "3 min", "2.5 h" */
export function span(ms: number): string {
  if (ms < 10) return `${trimmed(ms.toFixed(1))} ms`;
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${trimmed((ms / SECOND).toFixed(1))} s`;
  if (ms < HOUR) return `${trimmed((ms / MINUTE).toFixed(1))} min`;
  return `${trimmed((ms / HOUR).toFixed(1))} h`;
}

export function clock(hour: number): string {
  return `${String(hour).padStart(2, '0')}:00 UTC`;
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

export function weekdayName(weekday: number): string {
  return WEEKDAYS[weekday] ?? '?';
}

/** "1 run", "214 runs" */
export function many(n: number, one: string): string {
  return `${whole(n)} ${one}${n === 1 ? '' : 's'}`;
}
