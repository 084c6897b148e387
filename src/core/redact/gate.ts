/**
 * One cheap pass over the serialised entry that answers "may any rule have something to do here?". It may say yes in
 * vain; it must never say no to a text that the rules would change, because then they do not run. Most entries hold
 * nothing to redact, and pay this pass only.
 */
import { type Anchor, createAnchorTable } from './anchors.ts';
import type { SecretNames } from './keys.ts';
import { nameAnchors } from './name-anchors.ts';
import type { Rule } from './rules.ts';
import { mayHoldNumber } from './runs.ts';
import type { Utf8 } from './text.ts';

/** Over JSON text without white space between tokens. `identities`: how many at signs are identity fields. */
export type Gate = (json: Utf8, identities: number) => boolean;

export function createGate(rules: readonly Rule[], names: SecretNames): Gate {
  let seenAts = 0;
  let allowedAts = 0;
  const anchors: Anchor[] = [...nameAnchors(names)];
  for (const rule of rules) {
    if (rule.anchors === 'at') anchors.push({ text: '@', confirm: () => ++seenAts > allowedAts });
    else if (typeof rule.anchors !== 'string') anchors.push(...rule.anchors);
  }
  const blind = rules.some((rule) => rule.anchors.length === 0);
  const { pairs, third, confirms } = createAnchorTable(anchors);

  return ({ bytes, view, length }, identities) => {
    if (blind) return true;
    seenAts = 0;
    allowedAts = identities;
    // A last odd byte is the text's closing quote or bracket.
    for (let at = 0; at + 1 < length; at += 2) {
      const id = pairs[view.getUint16(at)] as number;
      if (id === 0 || third[(id << 8) | (bytes[at + 2] as number)] === 0) continue;
      if (confirms(id, bytes, at, length)) return true;
    }
    return mayHoldNumber(bytes, length);
  };
}
