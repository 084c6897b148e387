/**
 * Command-line managers that are known by name: which of their commands reads, writes, removes, and how they say that
 * there is nothing. Arguments are templates: {item} is the whole name in the store, {field}, {vault} and {user} are what
 * the address or the ref says. A value is given on standard input or not at all.
 */
export interface CommandPreset {
  readonly get: readonly string[];
  readonly set?: readonly string[];
  readonly delete?: readonly string[];
  /** The names of the store, one a line. */
  readonly list?: readonly string[];
  /** {item} where nothing names it. */
  readonly item: string;
  /** Of a ref; any other is refused. */
  readonly coordinates?: readonly ('field' | 'vault' | 'section' | 'version')[];
  /** What placeholders are when nothing says it; an argument with one that is nothing is left out. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** Members of the address: host and user of `scheme://user@host`, and settings after "?". */
  readonly host?: 'vault';
  readonly settings?: readonly string[];
  /** On standard error of a command that failed: there is no such entry. */
  readonly missing?: RegExp;
  /** Exit codes that say so. Without either, a command that failed is a store that failed. */
  readonly missingCodes?: readonly number[];
  readonly locked?: RegExp;
  readonly denied?: RegExp;
  /** It ends its output with a line break that is not of the value. */
  readonly newline: boolean;
  /** What its standard input has to end with, so that reading gives the value back. */
  readonly inputEnd?: string;
  readonly timeoutMs?: number;
}

const PATH = 'secretspec/{project}/{profile}/{key}';
const GPG_LOCKED = /decryption failed|no secret key|pinentry|timeout|inappropriate ioctl/i;

export const PRESETS: { readonly [scheme: string]: CommandPreset } = {
  pass: {
    get: ['pass', 'show', '--', '{item}'],
    set: ['pass', 'insert', '--multiline', '--force', '--', '{item}'],
    delete: ['pass', 'rm', '--force', '--', '{item}'],
    item: PATH,
    settings: ['store_dir'],
    missing: /is not in the password store/,
    locked: GPG_LOCKED,
    newline: true,
    inputEnd: '\n',
  },
  gopass: {
    get: ['gopass', 'show', '--noparsing', '--', '{item}'],
    set: ['gopass', 'insert', '--multiline', '--force', '--', '{item}'],
    delete: ['gopass', 'rm', '--force', '--', '{item}'],
    item: PATH,
    missing: /not in the password store|entry is not|not found/i,
    locked: GPG_LOCKED,
    newline: true,
    inputEnd: '\n',
  },
  onepassword: {
    get: [
      'op',
      'item',
      'get',
      '{item}',
      '--vault={vault}',
      '--fields=label={field}',
      '--reveal',
      '--account={user}',
    ],
    item: PATH,
    coordinates: ['field', 'vault'],
    defaults: { field: 'value' },
    host: 'vault',
    missing: /isn't an item|isn't a field|does not have a field/i,
    locked: /not (?:currently )?signed in|session expired|authorization (?:prompt|timeout)/i,
    denied: /forbidden|don't have access|unauthorized/i,
    newline: true,
  },
  bw: {
    get: ['bw', 'get', 'password', '{item}', '--nointeraction'],
    item: PATH,
    missing: /not found/i,
    locked: /vault is locked|not logged in/i,
    newline: false,
  },
  awssm: {
    get: [
      'aws',
      'secretsmanager',
      'get-secret-value',
      '--secret-id={item}',
      '--query=SecretString',
      '--output=text',
      '--region={vault}',
    ],
    item: PATH,
    host: 'vault',
    missing: /ResourceNotFoundException/,
    locked: /unable to locate credentials|token has expired|sso session/i,
    denied: /AccessDenied|not authorized/i,
    newline: true,
  },
  awsps: {
    get: [
      'aws',
      'ssm',
      'get-parameter',
      '--name={item}',
      '--with-decryption',
      '--query=Parameter.Value',
      '--output=text',
      '--region={vault}',
    ],
    item: `/${PATH}`,
    host: 'vault',
    missing: /ParameterNotFound/,
    locked: /unable to locate credentials|token has expired|sso session/i,
    denied: /AccessDenied|not authorized/i,
    newline: true,
  },
  gcsm: {
    get: ['gcloud', 'secrets', 'versions', 'access', '{version}', '--secret={item}', '--project={vault}'],
    item: 'secretspec-{project}-{profile}-{key}',
    coordinates: ['version'],
    defaults: { version: 'latest' },
    host: 'vault',
    missing: /NOT_FOUND/,
    locked: /not have an active account|reauthentication/i,
    denied: /PERMISSION_DENIED/,
    newline: false,
  },
  // The server’s own program, for those who log in with it: the HTTP provider is `vault://`.
  'vault-cli': {
    get: ['vault', 'kv', 'get', '-mount={vault}', '-field={field}', '{item}'],
    set: ['vault', 'kv', 'put', '-mount={vault}', '{item}', '{field}=-'],
    delete: ['vault', 'kv', 'metadata', 'delete', '-mount={vault}', '{item}'],
    item: PATH,
    coordinates: ['field'],
    defaults: { field: 'value', vault: 'secret' },
    host: 'vault',
    missing: /no value found|not present in secret/i,
    locked: /missing client token|sealed/i,
    denied: /permission denied/i,
    newline: false,
  },
};
