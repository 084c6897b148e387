/**
 * What a server is handed in its environment: keys and tokens, mostly. Servers quote them, in errors for one. Whoever wraps
 * a server knows their values, and the recorder does not, so they are taken out here of whatever is stored.
 */
import { createSecretNames } from '../../core/redact/keys.ts';
import { createRedactor } from '../../core/redact/redact.ts';

/** Takes the values of variables with telling names out of a text, in all their encodings. */
export function environmentHider(
  env: Readonly<Record<string, string | undefined>>,
): (text: string) => string {
  const names = createSecretNames();
  const redactor = createRedactor();
  let any = false;
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || !names.has(name)) continue;
    try {
      any = redactor.setSecret(name, value) || any;
    } catch {
      // Longer than any credential is: a file, and not searched for.
    }
  }
  if (!any) return (text) => text;
  return (text) => {
    const scrubber = redactor.scrubber();
    const bytes = Buffer.from(text);
    const head = scrubber.push(bytes);
    const rest = scrubber.flush();
    return head === bytes && rest.length === 0 ? text : Buffer.concat([head, rest]).toString();
  };
}
