/** One anchor as `config.yaml` names it: what it is called, what it is, and how often it is shown a checkpoint. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import { WebUrlSchema } from '../net/web-url.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

const url = WebUrlSchema;
const path = z
  .string()
  .max(4_096)
  .refine((text) => text.startsWith('/') && !text.includes('\0'), 'an absolute path');
const every = z
  .string()
  .refine((text) => everyToMs(text) !== undefined, 'a number and a unit, from 10s to 365d: 90s, 10m, 6h, 1d')
  .optional();
const common = {
  name: z.string().regex(NAME, 'small letters, digits and -, at most 64, not starting with -'),
  every,
};

export const AnchorSettingSchema = z.discriminatedUnion('type', [
  z.strictObject({ ...common, type: z.literal('rfc3161'), url, ca: path.optional() }),
  z.strictObject({
    ...common,
    type: z.literal('witness'),
    url,
    vkey: z.string().regex(/^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$/, 'a key: NAME+ID+BASE64'),
  }),
  z.strictObject({
    ...common,
    type: z.literal('git'),
    path,
    remote: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'the name of a remote of that repository')
      .optional(),
    branch: z
      .string()
      .regex(
        /^(?!.*(\.\.|\/\/|\/\.|\.lock$|[./]$))[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/,
        'a branch name of letters, digits and . _ - /',
      )
      .optional(),
  }),
  z.strictObject({ ...common, type: z.literal('file'), path }),
  z.strictObject({
    ...common,
    type: z.literal('webhook'),
    url,
    /** The name of a credential in the vault. */
    secret: z.string().min(1).max(LIMITS.idChars).optional(),
  }),
]);

export type AnchorSetting = z.infer<typeof AnchorSettingSchema>;

/** What the machine's configuration says of anchors. */
export interface AnchorSettings {
  readonly anchors: readonly AnchorSetting[];
  /** So many different witnesses have to cosign. */
  readonly witness_quorum?: number;
}

/** The witnesses among them, by key: what a quorum is made of. */
export function witnessKeys(anchors: readonly AnchorSetting[]): readonly string[] {
  return anchors.flatMap((one) => (one.type === 'witness' ? [one.vkey] : []));
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function everyToMs(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(digits) * (UNIT_MS[unit] ?? 0);
  return ms >= LIMITS.anchorEveryLeastMs && ms <= LIMITS.anchorEveryMostMs ? ms : undefined;
}

/** Public time stamping authorities ask for restraint, and each receipt is two files that are kept. */
const DEFAULT_EVERY: Readonly<Record<AnchorSetting['type'], string>> = {
  witness: '10m',
  rfc3161: '1h',
  git: '10m',
  file: '10m',
  webhook: '10m',
};

/** The shortest time between two checkpoints that this anchor is shown. */
export function everyMs(setting: AnchorSetting): number {
  return everyToMs(everyOf(setting)) ?? LIMITS.anchorEveryMostMs;
}

/** As it would be written: `10m`. */
export function everyOf({ every: own, type }: AnchorSetting): string {
  return own ?? DEFAULT_EVERY[type];
}

/** Where it is, for people and for the log: no query, and of a webhook no path, since services put secrets there. */
export function placeOf(setting: AnchorSetting): string {
  switch (setting.type) {
    case 'rfc3161':
    case 'witness':
      return new URL(setting.url).origin + new URL(setting.url).pathname;
    case 'webhook':
      return `${new URL(setting.url).origin}/…`;
    case 'git':
      return setting.remote === undefined ? setting.path : `${setting.path} → ${setting.remote}`;
    case 'file':
      return setting.path;
  }
}
