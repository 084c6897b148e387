/**
 * A body that streams past cannot have anything put into it, since its first bytes are upstream before its last ones are
 * here. What was meant as a credential would go out as a text that no upstream understands, so a placeholder of this run
 * in it is told.
 *
 * Only placeholders of this run count, as they are written plainly: a file that speaks of others is a file.
 */
import { LIMITS } from '../../core/limits.ts';
import { checkFor, PLACEHOLDER_CHARS, placeholdersIn } from './placeholder.ts';

export interface Watch {
  /** The credential whose placeholder ends in this chunk, if there is one. */
  readonly push: (chunk: Buffer) => string | undefined;
}

/** Costs one pass over the bytes. */
export function watchFor(runToken: string | undefined): Watch | undefined {
  if (runToken === undefined) return undefined;
  const isOfRun = checkFor(runToken);
  let tail = '';
  let checked = 0;
  return {
    push(chunk) {
      const text = tail + chunk.toString('latin1');
      const seen = tail.length;
      tail = text.slice(-(PLACEHOLDER_CHARS - 1));
      for (const found of placeholdersIn(text, 'plain')) {
        if (found.end <= seen) continue;
        // A body made of nothing but foreign placeholders must not cost a MAC each.
        if (++checked > LIMITS.placeholdersPerCall) return undefined;
        if (isOfRun(found)) return found.ref;
      }
      return undefined;
    },
  };
}
