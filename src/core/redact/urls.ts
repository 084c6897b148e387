/** Rules for credentials inside addresses and assignments: what stands around them says what they are. */
import type { Anchor } from './anchors.ts';
import type { Rule } from './rules.ts';

/** How far behind "://" a password may end. */
const USER_INFO_CHARS = 512;

/**
 * Query parameters that carry a credential. Names as they stand before the "="; case does not matter.
 */
const PARAMETERS = [
  'x-amz-signature',
  'x-amz-credential',
  'x-amz-security-token',
  'x-goog-signature',
  'x-goog-credential',
  'signature',
  'sig',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'auth_token',
  'session_token',
  'api_key',
  'apikey',
  'api-key',
  'client_secret',
  'secret',
  'password',
  'passwd',
  'pwd',
];

const before = (byte: number | undefined): boolean =>
  byte === 0x3f || byte === 0x26 || byte === 0x3b || byte === 0x23; // ? & ; #

export const URL_RULES: readonly Rule[] = [
  {
    name: 'connection-string',
    anchors: [
      {
        text: '://',
        confirm: (bytes, at, end) => includesAt(bytes, at, Math.min(end, at + USER_INFO_CHARS * 6)),
      },
    ],
    expression: /:\/\/[^\s:@/?#"'<>]{0,128}:[^\s@/"'<>]{1,256}@/g,
    part: (match) => [match[0].indexOf(':', 3) + 1, match[0].length - 1],
  },
  {
    name: 'url-parameter',
    anchors: PARAMETERS.map(
      (name): Anchor => ({
        text: `${name}=`,
        ignoreCase: true,
        confirm: (bytes, at) => before(bytes[at - 1]),
      }),
    ),
    expression: new RegExp(`[?&;#](?:${PARAMETERS.join('|')})=[^\\s&#"'<>]{1,4096}`, 'gi'),
    part: (match) => [match[0].indexOf('=') + 1, match[0].length],
  },
];

function includesAt(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] === 0x40) return true;
  return false;
}
