/** Longest word that is compared: the distance is quadratic, and the words may be an attacker's. */
const LONGEST = 40;

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known word that was probably meant: at most a third of its letters away. The first of equals. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    if (candidate.length > LONGEST) continue;
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < least && d <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      least = d;
    }
  }
  return best;
}
