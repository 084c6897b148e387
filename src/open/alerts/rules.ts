/** Which alert rules were in force at a place of the log: an entry names the policy's snapshot, and that holds them. */
import { DEFAULT_RULES } from '../../core/alert/defaults.ts';
import type { AlertRule } from '../../core/alert/rule.ts';
import { isTallyError } from '../../core/error.ts';
import type { JsonObject } from '../../core/json.ts';
import { policyFromSnapshot } from '../../core/policy/snapshot.ts';
import type { LogReader } from '../../core/ports.ts';
import { textAt } from '../../core/query/fields.ts';

/** The hash of the policy that is in force from this entry on; undefined when it changes none. */
export function policyNamed(entry: JsonObject): string | undefined {
  const { type } = entry;
  const hash =
    type === 'log.open'
      ? textAt(entry, 'metadata', 'policy', 'hash')
      : type === 'policy.change'
        ? textAt(entry, 'metadata', 'after', 'hash')
        : undefined;
  return hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
}

/** A change is on record before its snapshot is written. */
const WAIT_MS = 1_500;
const RETRY_MS = 50;

/** undefined when they cannot be told: the change never came into force, or a newer version wrote it. */
export async function rulesOf(
  reader: LogReader,
  hash: string,
  options: { readonly mayCome: boolean; readonly onWarning: (line: string) => void },
): Promise<readonly AlertRule[] | undefined> {
  const deadline = performance.now() + (options.mayCome ? WAIT_MS : 0);
  for (;;) {
    const bytes = await reader.objects.get(`policies/${hash}.json`);
    if (bytes !== undefined) {
      try {
        return policyFromSnapshot(bytes).compiled.alerts?.rules ?? DEFAULT_RULES;
      } catch (error) {
        if (!isTallyError(error)) throw error;
        options.onWarning(`the rules of alerts stay as they were: ${error.message}`);
        return undefined;
      }
    }
    if (performance.now() >= deadline) return undefined;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
