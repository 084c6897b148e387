/** `secrets` in the machine's configuration. A manifest that came with a repository can ask for more, never for less. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { PROVIDER_SETTINGS } from './provider-shape.ts';

const rule = z.enum(['always', 'agents', 'never']);
const name = z.string().min(1).max(LIMITS.idChars);

export const SecretsSettingSchema = z.strictObject({
  ...PROVIDER_SETTINGS,
  /** Who has to state a purpose. Absent: coding agents. */
  require_reason: rule.optional(),
  /** The same for a profile of any project, where it asks for more. */
  profiles: z.record(name, z.strictObject({ require_reason: rule })).optional(),
  /** What becomes of a person's own access while the log cannot be written. Absent: `open`. */
  failure: z.enum(['open', 'closed']).optional(),
});
export type SecretsSetting = z.infer<typeof SecretsSettingSchema>;
