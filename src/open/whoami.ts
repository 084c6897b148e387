/** The user of the operating system that this process runs as. */
import { userInfo } from 'node:os';
import type { MachineOwner } from '../core/policy/principal.ts';

/** In a container the uid may have no name; that is no reason to fail. */
export function whoAmI(): { username?: string; uid?: number } {
  const uid = process.getuid?.();
  const known = uid === undefined ? {} : { uid };
  try {
    return { ...known, username: userInfo().username };
  } catch {
    // ENOENT from getpwuid_r: the uid has to do.
    return known;
  }
}

/** Whose machine this is: calls that bring no token of a user are this user's (policy.md, identities). */
export function machineOwner(): MachineOwner {
  const { username, uid } = whoAmI();
  return { id: username ?? `uid:${uid ?? 'unknown'}` };
}
