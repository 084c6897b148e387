/** A sink or an anchor that fails, until it works again. Failures to deliver alerts are not among them: alerts never alert about themselves. */

import { field, textAt } from '../../query/fields.ts';
import type { Look } from '../look.ts';
import type { PlainRule } from '../rule.ts';
import { keyOf, type MakeMatcher } from './kind.ts';

export const failing: MakeMatcher<PlainRule> = (rule, teller) => {
  const what = rule.kind === 'anchor_failed' ? 'anchor' : 'sink';

  function told({ entry, ms, index }: Look, name: string): void {
    const reason = textAt(entry, 'metadata', 'reason') ?? 'no reason is on record';
    const conflict = textAt(entry, 'metadata', 'code') === 'ANCHOR_CONFLICT';
    teller.hit({
      key: keyOf(name),
      subject: name,
      message: () =>
        conflict
          ? `the anchor ${name} holds a checkpoint against this log: ${reason}. Before anything else: tally verify`
          : `the ${what} ${name} fails: ${reason}`,
      at: ms,
      evidence: [index],
    });
  }

  return {
    see(look: Look) {
      if (!look.type.startsWith(`${what}.`)) return;
      const name = textAt(look.entry, 'metadata', what);
      if (name === undefined || field(look.entry, 'metadata', 'alert') !== undefined) return;
      if (look.type === `${what}.fail`) told(look, name);
      else if (look.type === `${what}.ok`) teller.resolve(keyOf(name), look.ms);
    },
    save: () => null,
  };
};
