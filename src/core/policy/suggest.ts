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
    const [a, b] = [word.toLowerCase(), candidate.toLowerCase()];
    const d = isSlip(a, b) ? Math.min(1, distance(a, b)) : distance(a, b);
    if (d < least && d < word.length && d <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      least = d;
    }
  }
  return best;
}

/** Shorter words are a letter away from too many others. */
const SHORTEST = 5;

function* oneLess(word: string): Generator<string> {
  for (let i = 0; i < word.length; i++) yield word.slice(0, i) + word.slice(i + 1);
}

/** True when a letter is left out, added, another one, or two stand the wrong way round. */
function isSlip(a: string, b: string): boolean {
  let from = 0;
  while (from < a.length && a[from] === b[from]) from++;
  const [x, y] = [a.slice(from), b.slice(from)];
  if (x.slice(1) === y || x === y.slice(1) || x.slice(1) === y.slice(1)) return true;
  return x.slice(2) === y.slice(2) && x[0] === y[1] && x[1] === y[0];
}

const withoutDigits = (word: string): string => word.replaceAll(/\d+/g, '');

/**
 * Finds the known word that is one slip away, in time that does not grow with how many there are. Names that differ in
 * their numbers are different names.
 */
export function slipFinder(known: Iterable<string>): (word: string) => string | undefined {
  let shortened: Map<string, string[]> | undefined;
  const build = (): Map<string, string[]> => {
    const map = new Map<string, string[]>();
    const add = (key: string, word: string): void => {
      const words = map.get(key);
      if (words === undefined) map.set(key, [word]);
      else if (words.length < SAME) words.push(word);
    };
    for (const word of known) {
      if (word.length < SHORTEST || word.length > LONGEST) continue;
      add(word, word);
      for (const less of oneLess(word)) add(less, word);
    }
    return map;
  };
  return (word) => {
    if (word.length < SHORTEST || word.length > LONGEST) return undefined;
    shortened ??= build();
    for (const key of [word, ...oneLess(word)])
      for (const candidate of shortened.get(key) ?? [])
        if (candidate !== word && isSlip(word, candidate) && withoutDigits(word) !== withoutDigits(candidate))
          return candidate;
    return undefined;
  };
}

/** Words that are one and the same without a letter: of a thousand such, the first are enough. */
const SAME = 8;
