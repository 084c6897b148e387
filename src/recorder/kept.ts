/** Names that a token is given, and that every record of its calls has to keep (core/policy/compile/kept.ts). */
import { TallyError } from '../core/error.ts';
import { shown } from '../core/policy/hosts.ts';
import { isKept } from '../core/redact/kept.ts';

export function requireKept(what: 'agent' | 'user', name: string | undefined): void {
  if (name === undefined || isKept(name)) return;
  throw new TallyError(
    'USAGE',
    `no record would keep the name of the ${what} ${shown(name)}: it looks like personal data or a secret, which is redacted`,
    {
      hint:
        what === 'user'
          ? 'give the user a short id under `users:` in the policy file, with the address as its email'
          : 'give the agent another name',
    },
  );
}
