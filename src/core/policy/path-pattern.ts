/**
 * Patterns of paths. "*" stands for any text within a segment, "**" for any text across segments; "**" as a segment of
 * its own may also be no segment at all. Time is bounded by the product of the lengths.
 *
 * The attacker writes the path, and hopes that the upstream reads another one than we do. So a path is held against a
 * pattern in every reading that a server may have of it: as it is written, and with its escapes, backslashes and dot
 * segments resolved, until there are none. All of them have to match.
 */
import { LIMITS } from '../limits.ts';

export interface PathPattern {
  readonly text: string;
  /** Of readings (`readingsOf`), each in itself. */
  matches(readings: readonly string[]): boolean;
}

/** Escapes within escapes: nobody means that, so a path with more of them matches nothing. */
const RESOLVED = 3;

const RESOLVABLE = /%[0-9a-f]{2}|\\|\/\.\.?(?:\/|$)/i;

/** Resolved once. Undefined: it is no path. */
function resolved(path: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    // Not UTF-8: a server may take it for anything.
    return undefined;
  }
  const kept: string[] = [];
  // A backslash is a slash to some servers.
  const segments = decoded.replaceAll('\\', '/').split('/');
  for (const [i, segment] of segments.entries()) {
    if (segment === '..') kept.pop();
    const dots = segment === '.' || segment === '..';
    if (!dots) kept.push(segment);
    else if (i === segments.length - 1) kept.push('');
  }
  const whole = kept.join('/');
  return whole.startsWith('/') ? whole : `/${whole}`;
}

/** Undefined: no pattern matches it. Nearly always there is one, the path itself. */
export function readingsOf(path: string | undefined): readonly string[] | undefined {
  if (path === undefined || !path.startsWith('/') || path.length > LIMITS.alertPathChars) return undefined;
  const readings = [path];
  for (let last = path; RESOLVABLE.test(last); ) {
    const next = readings.length > RESOLVED ? undefined : resolved(last);
    if (next === undefined) return undefined;
    readings.push(next);
    last = next;
  }
  return readings;
}

type Stars = 'within' | 'across' | 'segments';
type Token = { readonly text: string } | { readonly stars: Stars };

const STARS = /\/\*\*(?=\/)|\*+/g;

function starsOf(text: string): Stars {
  if (text.startsWith('/')) return 'segments';
  return text.length > 1 ? 'across' : 'within';
}

/** "/a/**" in three parts: what stands as it is, and what stands for any text. */
function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  let from = 0;
  for (const { 0: stars, index } of pattern.matchAll(STARS)) {
    if (index > from) tokens.push({ text: pattern.slice(from, index) });
    tokens.push({ stars: starsOf(stars) });
    from = index + stars.length;
  }
  if (from < pattern.length) tokens.push({ text: pattern.slice(from) });
  return tokens;
}

/** Every place that the tokens so far may reach, token by token. */
function matcher(pattern: string): (path: string) => boolean {
  const tokens = tokensOf(pattern);
  return (path) => {
    let at: readonly number[] = [0];
    for (const token of tokens) {
      at = 'text' in token ? after(path, at, token.text) : anywhere(path, at, token.stars);
      if (at.length === 0) return false;
    }
    return at.at(-1) === path.length;
  };
}

const after = (path: string, at: readonly number[], text: string): readonly number[] =>
  at.filter((place) => path.startsWith(text, place)).map((place) => place + text.length);

/** Where any text ends that begins at one of the places. Places are in order, here and there. */
function anywhere(path: string, at: readonly number[], stars: Stars): readonly number[] {
  const out: number[] = [];
  for (const place of at) {
    const end = endOf(path, place, stars);
    for (let p = Math.max(place, (out.at(-1) ?? -1) + 1); p <= end; p++) out.push(p);
    if (end === path.length) break;
  }
  return out;
}

function endOf(path: string, place: number, stars: Stars): number {
  if (stars === 'within') return nextSlash(path, place);
  // A segment of its own: nothing, or a slash and any text.
  return stars === 'across' || path[place] === '/' ? path.length : place;
}

function nextSlash(path: string, from: number): number {
  const slash = path.indexOf('/', from);
  return slash === -1 ? path.length : slash;
}

/** A pattern means a path however it is escaped. */
function formsOf(pattern: string): readonly string[] {
  const forms = new Set([pattern]);
  try {
    forms.add(decodeURIComponent(pattern)).add(encodeURI(pattern));
  } catch {
    // No escapes that mean anything: then it is what it is.
  }
  return [...forms];
}

export function pathPattern(text: string): PathPattern {
  const matchers = formsOf(text).map(matcher);
  return {
    text,
    matches: (readings) => readings.every((reading) => matchers.some((matches) => matches(reading))),
  };
}
