import type { Random } from './ports.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const HALF = 2 ** 40;

/** Two digits at a time: an id is made for every entry. */
const PAIRS: readonly string[] = Array.from(
  { length: 1024 },
  (_, pair) => ALPHABET.charAt(pair >> 5) + ALPHABET.charAt(pair & 31),
);

/** `chars` is even. */
function base32(value: number, chars: number): string {
  let text = '';
  for (let rest = value, i = 0; i < chars; i += 2) {
    const pair = rest % 1024;
    text = PAIRS[pair] + text;
    rest = (rest - pair) / 1024;
  }
  return text;
}

function fiveBytes(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 5; i++) value = value * 256 + (bytes[i] ?? 0);
  return value;
}

/** 48 bits of milliseconds and 80 given bits, as a ULID writes them. */
export function encodeCrockford(ms: number, tenBytes: Uint8Array): string {
  return base32(ms, 10) + base32(fiveBytes(tenBytes, 0), 8) + base32(fiveBytes(tenBytes, 5), 8);
}

/**
 * ULIDs: 48 bits of milliseconds, 80 bits of randomness, 26 characters of Crockford base 32. Within one source they
 * are strictly increasing: the same millisecond, or a clock that went back, increments the last value.
 */
export function ulidSource(random: Random): (nowMs: number) => string {
  let time = -1;
  let timeText = '';
  let high = 0;
  let highText = '';
  let low = 0;
  return (nowMs) => {
    if (nowMs > time) {
      time = nowMs;
      timeText = base32(time, 10);
      const bytes = random(10);
      high = fiveBytes(bytes, 0);
      highText = base32(high, 8);
      low = fiveBytes(bytes, 5);
    } else if (++low === HALF) {
      low = 0;
      if (++high === HALF) {
        high = 0;
        timeText = base32(++time, 10);
      }
      highText = base32(high, 8);
    }
    return timeText + highText + base32(low, 8);
  };
}
