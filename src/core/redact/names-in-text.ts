/**
 * Secret names inside text: `DB_PASSWORD=…` in a command, `"password": "…"` in a JSON document that an argument holds
 * as a string. Built from the same names as the rule for members.
 */
import type { SecretNames } from './keys.ts';
import type { Rule } from './rules.ts';

/** Too short or too common as a word to be taken for a name in running text. */
const ONLY_MEMBERS: ReadonlySet<string> = new Set([
  'session',
  'otp',
  'cvv',
  'cvc',
  'secrets',
  'cookies',
  'passwords',
]);

/** In prose a colon follows many a word, so a bare value behind one has to look like a credential. */
const LOOKS_SECRET = /[0-9]/;
const HARMLESS = /^(?:true|false|null|none|undefined|nil|\*{1,64}|x{3,64})$/i;

export function assignmentRule(secretNames: SecretNames): Rule {
  const names = secretNames.names
    .filter((words) => !ONLY_MEMBERS.has(words.join('')))
    .map((words) => words.join('[_. -]?'))
    // Longer names first: an expression takes the first alternative that fits.
    .sort((a, b) => b.length - a.length);
  const name = `(?:${names.join('|')})`;
  // A quoted value ends at its quote (which may itself be escaped), a bare one at the first separator.
  const expression = new RegExp(
    `${name}(\\\\{0,3}["']?)[ \\t]{0,4}([=:])[ \\t\\r\\n]{0,4}(\\\\{0,3}["']?)([^\\s"'\\\\&,;<>{}()[\\]]{4,1024})`,
    'gi',
  );
  return {
    name: 'assignment',
    anchors: 'names',
    expression,
    part: (match) => {
      const [all, , sign, quote = '', value = ''] = match;
      const plain = HARMLESS.test(value) || (sign === ':' && quote === '' && !LOOKS_SECRET.test(value));
      return plain ? all.length - value.length : [all.length - value.length, all.length];
    },
  };
}
