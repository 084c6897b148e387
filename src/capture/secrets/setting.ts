/** What the machine's configuration says of secrets, as it is asked for (setting-shape.ts). */
import type { FailureMode } from './access.ts';
import type { RequireReason } from './manifest/types.ts';
import { strictest } from './reason.ts';
import type { SecretsSetting } from './setting-shape.ts';

/** For agents a purpose is asked unless the machine's own configuration says otherwise. */
export function reasonRule(
  { require_reason = 'agents', profiles }: SecretsSetting,
  profile: string | undefined,
  project: RequireReason | undefined,
): RequireReason {
  const here =
    profile !== undefined && profiles !== undefined && Object.hasOwn(profiles, profile)
      ? profiles[profile]?.require_reason
      : undefined;
  return strictest(require_reason, here, project);
}

export function failureMode({ failure = 'open' }: SecretsSetting): FailureMode {
  return failure;
}
