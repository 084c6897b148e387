/**
 * Texts that the rules must find. They are put together at run time, so that no file holds anything that looks like a
 * real credential.
 */
import fc from 'fast-check';

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const DIGITS = '0123456789';
const WORD = LOWER + UPPER + DIGITS;

const from = (alphabet: string, minLength: number, maxLength = minLength): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength, maxLength });

const text = (...parts: readonly (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((all) => all.join(''));

/** The digit that makes `digits` pass the Luhn check, computed the other way round than in the source: by trying. */
function withCheckDigit(digits: string): string {
  for (const last of DIGITS) {
    const all = [...digits, last].reverse().map(Number);
    const sum = all.reduce(
      (total, digit, i) => total + (i % 2 === 0 ? digit : ([0, 2, 4, 6, 8, 1, 3, 5, 7, 9][digit] ?? 0)),
      0,
    );
    if (sum % 10 === 0) return digits + last;
  }
  throw new Error('one of ten digits always fits');
}

export const cardDigits: fc.Arbitrary<string> = fc.oneof(
  text('4', from(DIGITS, 14)).map(withCheckDigit),
  text('5', from('12345', 1), from(DIGITS, 13)).map(withCheckDigit),
  text('37', from(DIGITS, 12)).map(withCheckDigit),
  text('6011', from(DIGITS, 11)).map(withCheckDigit),
);

const grouped = (digits: string, separator: string): string =>
  (digits.length === 15 ? digits.match(/^(.{4})(.{6})(.{5})$/) : digits.match(/^(.{4})(.{4})(.{4})(.{4})$/))
    ?.slice(1)
    .join(separator) ?? digits;

export const card = fc
  .tuple(cardDigits, fc.constantFrom('', ' ', '-'))
  .map(([digits, separator]) => grouped(digits, separator));

/** ISO 13616 with the check digits computed by BigInt. */
export const iban = fc
  .tuple(
    fc.constantFrom(['DE', 18], ['GB', 0], ['NO', 11], ['FR', 23], ['BE', 12]),
    from(DIGITS, 30),
    fc.boolean(),
  )
  .map(([[country, length], digits, spaced]) => {
    const account = country === 'GB' ? `WEST${digits.slice(0, 14)}` : digits.slice(0, Number(length));
    const asNumber = [...`${account}${country}00`].map((char) => Number.parseInt(char, 36)).join('');
    const check = String(98n - (BigInt(asNumber) % 97n)).padStart(2, '0');
    const whole = `${country}${check}${account}`;
    return spaced ? (whole.match(/.{1,4}/g) ?? []).join(' ') : whole;
  });

const base64url = `${WORD}-_`;

/** By rule name: texts in which the rule has to find something. */
export const SAMPLES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'private-key': text(
    '-----BEGIN ',
    fc.constantFrom('', 'RSA ', 'EC ', 'OPENSSH ', 'ENCRYPTED '),
    'PRIVATE KEY-----\n',
    from(WORD, 64, 200),
    '\n-----END PRIVATE KEY-----',
  ),
  jwt: text('eyJ', from(base64url, 20, 60), '.', from(base64url, 20, 90), '.', from(base64url, 43)),
  'tally-token': text(
    fc.constantFrom('agt_', 'run_'),
    from('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 26),
    '.',
    from(base64url, 43),
  ),
  'aws-key': text(fc.constantFrom('AKIA', 'ASIA'), from(UPPER + DIGITS, 16)),
  'github-token': fc.oneof(
    text(fc.constantFrom('ghp_', 'gho_', 'ghs_', 'ghu_', 'ghr_'), from(WORD, 36)),
    text('github_', 'pat_', from(WORD, 82)),
  ),
  'gitlab-token': text(
    'gl',
    fc.constantFrom('pat', 'dt', 'rt', 'ptt', 'cbt', 'ft'),
    '-',
    from(base64url, 20),
  ),
  'slack-token': fc.oneof(
    text('xox', fc.constantFrom(...'abcdeoprs'), '-', from(DIGITS, 12), '-', from(WORD, 24)),
    text('xoxe', '.', from(WORD, 30)),
    text('xapp', '-', from(WORD, 30)),
  ),
  'slack-webhook': text(
    'https://hooks.slack',
    '.com/services/T',
    from(UPPER, 8),
    '/B',
    from(UPPER, 8),
    '/',
    from(WORD, 24),
  ),
  'stripe-key': fc.oneof(
    text(fc.constantFrom('sk', 'rk'), '_', fc.constantFrom('live', 'test'), '_', from(WORD, 24)),
    text('whsec', '_', from(WORD, 32)),
  ),
  'google-key': fc.oneof(
    text('AIz', 'a', from(base64url, 35)),
    text('ya2', '9.', from(base64url, 60)),
    text('GOC', 'SPX-', from(base64url, 28)),
  ),
  'anthropic-key': text('sk-', 'ant-', 'api03-', from(base64url, 90)),
  'openai-key': text('sk-', 'proj-', from(WORD, 40), '7'),
  'npm-token': text('npm', '_', from(WORD, 36)),
  'sendgrid-key': text('SG', '.', from(base64url, 22), '.', from(base64url, 43)),
  'twilio-key': text('SK', from('0123456789abcdef', 32)),
  'vendor-token': fc.oneof(
    text('hf', '_', from(WORD, 34)),
    text('pypi', '-', from(base64url, 100)),
    text('dop_', 'v1_', from('0123456789abcdef', 64)),
    text('shp', fc.constantFrom('at', 'ca', 'pa', 'ss'), '_', from('0123456789abcdef', 32)),
    text('AGE-SECRET', '-KEY-1', from(UPPER, 58)),
    text('lin_', 'api_', from(WORD, 40)),
  ),
  authorization: fc.oneof(
    text('Bearer ', from(WORD, 24), '9'),
    text('authorization: basic ', from(WORD, 20), '='),
  ),
  'connection-string': text(
    fc.constantFrom('postgres', 'amqps', 'https'),
    '://',
    from(LOWER, 1, 8),
    ':',
    from(WORD, 3, 20),
    '@',
    from(LOWER, 3, 8),
    '/x',
  ),
  'url-parameter': text(
    fc.constantFrom('/p?a=1&', '?', '/#', 'a;'),
    fc.constantFrom(
      ...[
        'X-Amz-Signature',
        'X-Amz-Credential',
        'X-Amz-Security-Token',
        'X-Goog-Signature',
        'X-Goog-Credential',
      ],
      ...[
        'sig',
        'Signature',
        'token',
        'access_token',
        'refresh_token',
        'id_token',
        'auth_token',
        'session_token',
      ],
      ...['api_key', 'apikey', 'api-key', 'client_secret', 'secret', 'password', 'passwd', 'pwd'],
    ),
    '=',
    from(WORD, 8, 64),
    '&b=2',
  ),
  assignment: fc.oneof(
    text('DB_PASSWORD=', from(LOWER, 8)),
    text('{"api_key": "', from(LOWER, 12), '"}'),
    text('clientSecret: ', from(LOWER, 8), '7'),
    text('{\\"passwd\\":\\"', from(LOWER, 8), '\\"}'),
  ),
  card,
  iban,
  email: text(from(`${LOWER}.`, 1, 12), 'x@', from(LOWER, 2, 10), '.', fc.constantFrom('com', 'co.uk', 'de')),
  phone: fc.oneof(
    text('+', from('123456789', 1), from(DIGITS, 8, 13)),
    text('+49 (0)170 ', from(DIGITS, 7)),
    text('+1-202-', from(DIGITS, 3), '-', from(DIGITS, 4)),
  ),
};

/** What may stand before and after: escapes, letters, quotes, other scripts. */
export const surroundings: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\n',
    '\t',
    '"',
    '\\',
    '\u0000',
    '\u001f',
    'é',
    '\u{1f600}',
    '(',
    ':',
    ',',
    '{"a":"',
    'x',
    '0',
    '-',
    '.',
    '_',
    '/',
    '+',
    '\u2028',
  ),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.string({ unit: 'binary-ascii', maxLength: 8 }),
);

export const anySample: fc.Arbitrary<string> = fc.oneof(...Object.values(SAMPLES));

/** Text with samples, pieces of samples and noise. */
export const mixedText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      surroundings,
      anySample,
      fc.tuple(anySample, fc.nat(60)).map(([sample, cut]) => sample.slice(cut)),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));

/** Secret values as vaults hold them: keys, passwords with awkward characters, pairs, several lines, other scripts. */
export const secretValue: fc.Arbitrary<string> = fc.oneof(
  from(WORD, 6, 40),
  from(`${WORD}+/=`, 20, 64),
  from(`${WORD}!"#$%&'()*+,-./:;<=>?@\\^{|}~ \t\n`, 6, 24),
  text(from(LOWER, 3, 8), ':', from(`${WORD}!$%&/?`, 6, 16)),
  text('-----BEGIN X-----\n', from(WORD, 40, 90), '\n', from(WORD, 20), '\n'),
  fc.string({ unit: 'grapheme', minLength: 6, maxLength: 12 }),
);
