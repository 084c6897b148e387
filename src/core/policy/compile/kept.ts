/**
 * Names of users, agents and tools stand in the record of every call, and what is decided next is counted by them. A
 * name that redaction takes for personal data or a secret would be in no record: nobody could tell who it was, and after
 * a restart, when the log is all there is, its calls would count for nobody. So it is refused where it is given.
 */
import { isKept } from '../../redact/kept.ts';
import { shown } from '../hosts.ts';
import type { Complain } from './complain.ts';

export function checkKept(
  what: 'user' | 'agent' | 'tool',
  section: { readonly [name: string]: unknown } | null | undefined,
  complain: Complain,
): void {
  for (const name of Object.keys(section ?? {})) {
    if (isKept(name)) continue;
    complain([`${what}s`, name], {
      problem: `no record would keep the name of the ${what} ${shown(name)}: it looks like personal data or a secret, which is redacted`,
      hint:
        what === 'user' && name.includes('@')
          ? `give the user a short id, with this as its email: u_1: { email: ${name} }`
          : 'give it another name',
    });
  }
}
