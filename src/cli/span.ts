import { TallyError } from '../core/error.ts';

const SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/** `30d`, `12h`, `90m` as seconds. Throws USAGE. */
export function parseSpan(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhdwy])$/.exec(text) ?? [];
  const seconds = Number(digits) * (SECONDS[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw new TallyError('USAGE', `not a span of time: ${text}`, {
    hint: 'write a number and a unit: 90m, 12h, 30d, 8w, 1y',
  });
}
