/** Names that a token is given, and that every record of its calls has to keep (core/policy/compile/kept.ts). */
import { TallyError } from '../core/error.ts';
import type { Contract } from '../core/policy/compiled.ts';
import { shown } from '../core/policy/hosts.ts';
import { isKept } from '../core/redact/kept.ts';

type What = 'agent' | 'user' | 'scope' | 'tool' | 'host' | 'credential';

export function requireKept(what: What, name: string | undefined): void {
  if (name === undefined || isKept(name)) return;
  throw new TallyError(
    'USAGE',
    `no record would keep the name of the ${what} ${shown(name)}: it looks like personal data or a secret, which is redacted`,
    {
      hint:
        what === 'user'
          ? 'give the user a short id under `users:` in the policy file, with the address as its email'
          : `give the ${what} another name`,
    },
  );
}

/** A name that is denied and not kept would be denied no more after a restart. */
export function requireKeptBounds({
  scopes,
  contract,
}: {
  readonly scopes?: readonly string[] | undefined;
  readonly contract?: Contract | undefined;
}): void {
  const { tools, hosts, credentials } = contract ?? {};
  const lists: readonly (readonly [What, readonly string[] | undefined])[] = [
    ['scope', scopes],
    ['tool', tools],
    ['host', hosts],
    ['credential', credentials?.allow],
    ['credential', credentials?.deny],
  ];
  for (const [what, names] of lists) for (const name of names ?? []) requireKept(what, name);
}
