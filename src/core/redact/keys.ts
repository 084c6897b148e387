/**
 * Member names whose value is a credential whatever it looks like. Names are split into words, so that
 * `clientSecret`, `client_secret`, `Client-Secret` and `CLIENT SECRET` are one name. The credential has to be what the
 * name ENDS in (`stripe_api_key`, `new_password`), give or take a suffix that changes nothing (`password_2`,
 * `authorization_header`): `token_count`, `max_tokens`, `agent_token_id` and `args_hash` are about something else.
 */
import { TallyError } from '../error.ts';

/** Each is one or more words; they may stand apart or run together. User lists add to these. */
export const SECRET_NAMES: readonly string[] = [
  'password',
  'passwords',
  'passwd',
  'passphrase',
  'passcode',
  'pwd',
  'db pass',
  'smtp pass',
  'user pass',
  'secret',
  'secrets',
  'token',
  'access tokens',
  'auth tokens',
  'refresh tokens',
  'api tokens',
  'api key',
  'api keys',
  'access key',
  'private key',
  'secret key',
  'signing key',
  'encryption key',
  'master key',
  'shared key',
  'account key',
  'auth key',
  'session key',
  'authorization',
  'cookie',
  'cookies',
  'session',
  'otp',
  'cvv',
  'cvc',
];

/** Words after a credential's name that leave it one. */
const SUFFIXES: ReadonlySet<string> = new Set([
  ...[
    'header',
    'value',
    'plain',
    'text',
    'plaintext',
    'data',
    'raw',
    'base64',
    'b64',
    'encoded',
    'string',
    'str',
  ],
  ...['new', 'old', 'current', 'previous', 'confirm', 'confirmation', 'confirmed', 'again'],
  ...['prod', 'production', 'live', 'test', 'dev', 'staging'],
]);

/** A longer name is data, not a name. Also bounds what the gate reads around a hit. */
export const KEY_NAME_CHARS = 128;

/** Answers are remembered, since the same names come with every event; and forgotten, since they come from outside. */
const REMEMBERED = 4_096;

export interface SecretNames {
  readonly has: (name: string) => boolean;
  /** Every name that `has` accepts contains one of these words unbroken, in any case. */
  readonly stems: readonly string[];
  /** The names themselves, as words. */
  readonly names: readonly (readonly string[])[];
}

/** Throws `BAD_CONFIG` for an added name without a word of two ASCII letters or digits at its end. */
export function createSecretNames(added: readonly string[] = []): SecretNames {
  const names = [...SECRET_NAMES, ...added].map(wordsOf);
  /** Joined name → its last word, which has to stand unbroken. */
  const known = new Map<string, string>();
  names.forEach((words, i) => {
    const stem = words.at(-1);
    if (stem === undefined || stem.length < 2) {
      throw new TallyError('BAD_CONFIG', `"${added[i - SECRET_NAMES.length]}" is no member name to redact`, {
        hint: 'a name ends in a word of at least two ASCII letters or digits, such as api_key',
      });
    }
    known.set(words.join(''), stem);
  });
  const longest = Math.max(...[...known.keys()].map((name) => name.length));
  const remembered = new Map<string, boolean>();

  function decide(words: readonly string[]): boolean {
    let last = words.length - 1;
    while (last > 0 && isSuffix(words[last] ?? '')) last--;
    // Suffixes may be names themselves, so every end is tried.
    for (let end = words.length - 1; end >= last; end--) if (endsAt(words, end)) return true;
    return false;
  }

  function endsAt(words: readonly string[], end: number): boolean {
    let tail = '';
    for (let at = end; at >= 0 && tail.length < longest; at--) {
      tail = (words[at] ?? '') + tail;
      const stem = known.get(tail);
      if (stem !== undefined && words[end]?.endsWith(stem)) return true;
    }
    return false;
  }

  return {
    names,
    stems: [...new Set(known.values())],
    has(name) {
      if (name.length > KEY_NAME_CHARS) return false;
      const before = remembered.get(name);
      if (before !== undefined) return before;
      const answer = decide(wordsOf(name));
      if (remembered.size >= REMEMBERED) remembered.clear();
      remembered.set(name, answer);
      return answer;
    },
  };
}

function isSuffix(word: string): boolean {
  return SUFFIXES.has(word) || /^\d{1,4}$/.test(word);
}

/** Lower-case words: split at all but ASCII letters and digits, between aB, between ABc's A and Bc, between a1 and 1a. */
function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([A-Za-z])(?=[0-9])|([0-9])(?=[A-Za-z])/g, '$1$2 ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}
