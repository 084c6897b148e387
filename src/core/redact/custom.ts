/**
 * Patterns that a user adds. JavaScript's expressions backtrack, and an expression such as `(a+)+b` would let anyone
 * who writes an entry's text stop the recorder. So only a part of the syntax is taken, in which the number of ways to
 * match at one place can be counted and is bounded: no `*`, `+`, `{n,}`, look-around or back-reference, and a group
 * whose inside varies is not repeated.
 */
import { TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import type { Rule } from './rules.ts';

export interface CustomPattern {
  /** Stands in the marker: "[REDACTED:name]". */
  readonly name: string;
  readonly pattern: string;
  readonly ignoreCase?: boolean;
}

/** What is known about a piece of an expression. */
interface Piece {
  readonly min: number;
  readonly max: number;
  /** Ways to match at one place; the engine may try all of them. */
  readonly ways: number;
  /** Texts one of which is in every match; undefined: none known. The gate looks for them. */
  readonly anchors: readonly string[] | undefined;
  /** Set when it matches exactly this. */
  readonly literal?: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Shorter matches would redact nearly everything. */
const FEWEST_CHARS = 3;
const FEWEST_ANCHOR_CHARS = 2;

/** Throws `BAD_CONFIG` with the place in the pattern and what to write instead. */
export function customRule({ name, pattern, ignoreCase = false }: CustomPattern): Rule {
  if (!NAME.test(name))
    throw bad(`"${name}" is no name for a redaction rule`, 'use letters, digits, ".", "_" and "-"');
  const piece = parse(pattern, name);
  if (piece.min < FEWEST_CHARS)
    throw bad(`${name}: it matches texts of fewer than ${FEWEST_CHARS} characters`);
  if (piece.max > LIMITS.patternChars)
    throw bad(`${name}: it matches more than ${LIMITS.patternChars} characters`);
  if (piece.ways > LIMITS.patternWays) {
    throw bad(
      `${name}: it can match one place in ${piece.ways} ways; at most ${LIMITS.patternWays} are allowed`,
      'use fewer or tighter ranges',
    );
  }
  return {
    name,
    anchors: (piece.anchors ?? []).map((text) => (ignoreCase ? { text, ignoreCase } : { text })),
    expression: compile(name, pattern, ignoreCase ? 'gi' : 'g'),
  };
}

/** What the parser below lets through and the engine does not: a class such as [b-a]. */
function compile(name: string, pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch (error) {
    throw bad(`${name}: ${error instanceof Error ? error.message : 'not an expression'}`);
  }
}

function parse(pattern: string, name: string): Piece {
  let at = 0;

  const fail = (what: string, hint?: string): TallyError =>
    bad(`${name}: ${what} at character ${at + 1} of its pattern`, hint);

  function alternatives(): Piece {
    const branches = [sequence()];
    while (pattern[at] === '|') {
      at++;
      branches.push(sequence());
    }
    const [only] = branches;
    return branches.length === 1 && only !== undefined ? only : oneOf(branches);
  }

  function sequence(): Piece {
    const pieces: Piece[] = [];
    while (at < pattern.length && pattern[at] !== '|' && pattern[at] !== ')') pieces.push(repeated(atom()));
    return inOrder(pieces);
  }

  function atom(): Piece {
    const char = pattern[at++] ?? '';
    if (char === '(') return group();
    if (char === '[') return characterClass();
    if (char === '\\') return escaped();
    if (char === '^' || char === '$') return PLACE;
    if (char === '.') return ONE;
    if ('*+?{'.includes(char)) {
      at--;
      throw fail(`"${char}" repeats nothing, or without an end`, 'write bounded repeats such as {1,64}');
    }
    return literal(char);
  }

  function group(): Piece {
    if (pattern.startsWith('?:', at)) at += 2;
    else if (pattern[at] === '?') throw fail('look-around and named groups are not taken');
    const inside = alternatives();
    if (pattern[at] !== ')') throw fail('a group is not closed');
    at++;
    return inside;
  }

  function characterClass(): Piece {
    if (pattern[at] === '^') at++;
    while (at < pattern.length && pattern[at] !== ']') at += pattern[at] === '\\' ? 2 : 1;
    if (at >= pattern.length) throw fail('a character class is not closed');
    at++;
    return ONE;
  }

  function escaped(): Piece {
    const char = pattern[at++] ?? '';
    if (char === 'b' || char === 'B') return PLACE;
    if ('dDwWsStrnfv'.includes(char) && char !== '') return ONE;
    if (/^[^A-Za-z0-9]$/.test(char)) return literal(char);
    throw fail(`"\\${char}" is not taken`);
  }

  function repeated(piece: Piece): Piece {
    const counts = /^(?:\?|\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\})/.exec(pattern.slice(at, at + 12));
    if (counts === null) {
      if (at < pattern.length && '*+{'.includes(pattern[at] ?? '')) {
        throw fail(`"${pattern[at]}" repeats without an end`, 'write bounded repeats such as {1,64}');
      }
      return piece;
    }
    if (piece === PLACE) throw fail('a place between characters is repeated');
    const [whole, least, comma, most] = counts;
    if (comma !== undefined && most === undefined)
      throw fail('a repeat has no end', 'write bounded repeats such as {1,64}');
    at += whole.length;
    if (pattern[at] === '?') at++;
    const from = whole === '?' ? 0 : Number(least);
    const to = whole === '?' ? 1 : Number(most ?? least);
    if (from > to) throw fail('a repeat ends before it starts');
    if (to > 1 && (piece.ways > 1 || piece.min !== piece.max))
      throw fail('a group whose inside varies is repeated', 'repeat single characters');
    return {
      min: piece.min * from,
      max: piece.max * to,
      ways: (to - from + 1) * piece.ways,
      anchors: from > 0 ? piece.anchors : undefined,
    };
  }

  const whole = alternatives();
  if (at < pattern.length) throw fail('a ")" closes nothing');
  return whole;
}

/** A place between characters. */
const PLACE: Piece = { min: 0, max: 0, ways: 1, anchors: undefined };
const ONE: Piece = { min: 1, max: 1, ways: 1, anchors: undefined };

/** Only what stands in JSON text as it is can be looked for there. */
function literal(char: string): Piece {
  return /^[ !#-[\]-~]$/.test(char) ? { ...ONE, anchors: [char], literal: char } : ONE;
}

function oneOf(branches: readonly Piece[]): Piece {
  const anchors = branches.map((branch) => branch.anchors);
  return {
    min: Math.min(...branches.map((branch) => branch.min)),
    max: Math.max(...branches.map((branch) => branch.max)),
    ways: branches.reduce((sum, branch) => sum + branch.ways, 0),
    anchors: anchors.every((list) => list !== undefined) ? anchors.flat() : undefined,
  };
}

function inOrder(pieces: readonly Piece[]): Piece {
  let run = '';
  const found: (readonly string[])[] = [];
  for (const piece of pieces) {
    if (piece.literal !== undefined) run += piece.literal;
    else {
      if (run !== '') found.push([run]);
      run = '';
      if (piece.anchors !== undefined) found.push(piece.anchors);
    }
  }
  if (run !== '') found.push([run]);
  const shortest = (list: readonly string[]): number => Math.min(...list.map((text) => text.length));
  const best = found
    .filter((list) => shortest(list) >= FEWEST_ANCHOR_CHARS)
    .sort((a, b) => shortest(b) - shortest(a))[0];
  const whole = pieces.length > 0 && pieces.every((piece) => piece.literal !== undefined);
  return {
    min: pieces.reduce((sum, piece) => sum + piece.min, 0),
    max: pieces.reduce((sum, piece) => sum + piece.max, 0),
    ways: pieces.reduce((product, piece) => product * piece.ways, 1),
    anchors: best,
    ...(whole ? { literal: run } : {}),
  };
}

function bad(message: string, hint?: string): TallyError {
  return new TallyError('BAD_CONFIG', `redaction rule ${message}`, {
    hint: hint ?? 'write fixed text and bounded repeats, such as EMP-[0-9]{4,8}',
  });
}
