/** Times and sizes as people write them in the policy file: `90s`, `10m`, `6h`, `1d`; `500MiB`, `2GiB`. */
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const UNIT_BYTES: Readonly<Record<string, number>> = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Milliseconds; undefined for a text that is no time. */
export function durationMs(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  const ms = UNIT_MS[unit];
  return ms === undefined ? undefined : Number(digits) * ms;
}

/** The shortest text with the same meaning: `10m`, not `600s`. */
export function durationText(ms: number): string {
  if (ms === 0) return '0s';
  const unit = ['d', 'h', 'm', 's'].find((name) => ms % (UNIT_MS[name] ?? 1) === 0);
  return unit === undefined ? `${ms}ms` : `${ms / (UNIT_MS[unit] ?? 1)}${unit}`;
}

/** Bytes; undefined for a text that is no size. */
export function sizeBytes(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,5})([KMGT]iB)$/.exec(text) ?? [];
  const bytes = UNIT_BYTES[unit];
  return bytes === undefined ? undefined : Number(digits) * bytes;
}

/** `1.5 GiB`, for messages. */
export function sizeText(bytes: number): string {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB'].find((name) => bytes >= (UNIT_BYTES[name] ?? 1));
  return unit === undefined ? `${bytes} bytes` : `${(bytes / (UNIT_BYTES[unit] ?? 1)).toFixed(1)} ${unit}`;
}
