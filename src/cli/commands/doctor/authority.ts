/** The local authority of intercepted hosts, where there is one. Looks only: it is made by the first run that needs it. */
import { readFileSync } from 'node:fs';
import { readCa } from '../../../capture/ca/authority.ts';
import { caPaths } from '../../../capture/ca/files.ts';
import { isTallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { type Check, fail, ok, skip, warn } from './check.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** `state`: the state directory. */
export function checkAuthority(home: { readonly state: string }, now: number): Check {
  try {
    const found = readCa(home);
    if (found === undefined) return skip('authority', 'none yet; the first run that needs it makes it');
    const until = new Date(found.until).toISOString().slice(0, 10);
    if (shownOf(home) !== found.certificate)
      return warn(
        'authority',
        `${caPaths(home).certificate}, which programs are to trust, is not its certificate`,
        'the next tally run writes it anew: tally run -- true',
      );
    if (found.from > now)
      return fail('authority', 'its certificate is not good yet', 'set the clock of this machine');
    if (found.until - now < LIMITS.caRenewDays * DAY_MS)
      return warn(
        'authority',
        `good until ${until}`,
        'the next tally run makes another one: tally run -- true',
      );
    return ok('authority', `${found.name}, good until ${until}; trusted by the programs of tally run only`);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return fail('authority', error.message, error.hint ?? `ls -l ${caPaths(home).directory}`);
  }
}

function shownOf(home: { readonly state: string }): string | undefined {
  try {
    return readFileSync(caPaths(home).certificate, 'utf8');
  } catch {
    // Not there, or not readable: either way not what programs are to trust.
    return undefined;
  }
}
