/** Rules for credentials that say what they are: vendor prefixes, tokens, private keys. */
import { type Anchor, afterBoundary } from './anchors.ts';
import type { Rule } from './rules.ts';

const anchors = (...texts: readonly string[]): readonly Anchor[] => texts.map((text) => ({ text }));

/** A word with a hyphen or two is no key: real ones mix letters and digits. */
const hasDigit = (match: RegExpExecArray): readonly [number, number] | number =>
  /[0-9]/.test(match[0]) ? [0, match[0].length] : 1;

export const CREDENTIAL_RULES: readonly Rule[] = [
  {
    // Encrypted keys carry headers with hyphens; a key cut off before its END is a key all the same.
    name: 'private-key',
    anchors: anchors('-----BEGIN '),
    expression:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,65536}(?:-----END [A-Z0-9 ]{0,60}-----)?/g,
  },
  {
    // The boundary matters: without it a long run of "eyJ" would be tried at each of them.
    name: 'jwt',
    anchors: anchors('eyJ'),
    expression:
      /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{4,16384}(?:\.[A-Za-z0-9_-]{0,8192}){0,3}/g,
  },
  {
    // The part before the point is the token's id, which may be logged.
    name: 'tally-token',
    anchors: ['agt_', 'run_'].map((text) => ({
      text,
      confirm: (bytes, at, end) => at + 30 < end && bytes[at + 30] === 0x2e,
    })),
    expression: /(?:agt|run)_[0-9A-HJKMNP-TV-Z]{26}\.[A-Za-z0-9_-]{43}/g,
    part: (match) => [31, match[0].length],
  },
  {
    name: 'aws-key',
    anchors: anchors('AKIA', 'ASIA'),
    expression: /(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  },
  {
    name: 'github-token',
    anchors: anchors('ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'),
    expression: /gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}/g,
  },
  {
    name: 'gitlab-token',
    anchors: anchors('glpat-', 'gldt-', 'glrt-', 'glptt-', 'glcbt-', 'glft-'),
    expression: /gl(?:pat|dt|rt|ptt|cbt|ft)-[A-Za-z0-9_-]{20,255}/g,
  },
  {
    name: 'slack-token',
    anchors: anchors(
      'xoxa-',
      'xoxb-',
      'xoxc-',
      'xoxd-',
      'xoxe-',
      'xoxe.',
      'xoxo-',
      'xoxp-',
      'xoxr-',
      'xoxs-',
      'xapp-',
    ),
    expression: /(?:xox[abcdeoprs]|xapp)-[A-Za-z0-9%-]{10,512}|xoxe\.[A-Za-z0-9.-]{10,512}/g,
  },
  {
    name: 'slack-webhook',
    anchors: anchors('hooks.slack.com/'),
    expression: /hooks\.slack\.com\/(?:services|workflows|triggers)\/[A-Za-z0-9_/-]{20,128}/g,
  },
  {
    name: 'stripe-key',
    anchors: anchors('sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'whsec_'),
    expression: /[sr]k_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{20,255}/g,
  },
  {
    name: 'google-key',
    anchors: anchors('AIza', 'ya29.', 'GOCSPX-'),
    expression: /AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,2048}|GOCSPX-[A-Za-z0-9_-]{20,64}/g,
  },
  {
    name: 'anthropic-key',
    anchors: anchors('sk-ant-'),
    expression: /sk-ant-[A-Za-z0-9_-]{16,255}/g,
  },
  {
    name: 'openai-key',
    anchors: [{ text: 'sk-', confirm: afterBoundary }],
    expression: /(?<![A-Za-z0-9_-])sk-[A-Za-z0-9_-]{20,255}/g,
    part: hasDigit,
  },
  {
    name: 'npm-token',
    anchors: anchors('npm_'),
    expression: /npm_[A-Za-z0-9]{36}/g,
  },
  {
    name: 'sendgrid-key',
    anchors: anchors('SG.'),
    expression: /(?<![A-Za-z0-9_-])SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,128}/g,
  },
  {
    name: 'twilio-key',
    anchors: [
      {
        text: 'SK',
        confirm: (bytes, at, end) => at + 34 <= end && isHex(bytes[at + 2]) && isHex(bytes[at + 33]),
      },
    ],
    expression: /(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])/g,
  },
  {
    name: 'vendor-token',
    anchors: anchors(
      'hf_',
      'pypi-',
      'dop_v1_',
      'shpat_',
      'shpca_',
      'shppa_',
      'shpss_',
      'AGE-SECRET-KEY-1',
      'lin_api_',
    ),
    expression:
      /(?<![A-Za-z0-9])(?:hf_[A-Za-z0-9]{30,64}|pypi-[A-Za-z0-9_-]{50,512}|dop_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}|AGE-SECRET-KEY-1[A-Z0-9]{40,80}|lin_api_[A-Za-z0-9]{32,64})/g,
  },
  {
    name: 'authorization',
    anchors: [
      { text: 'bearer ', ignoreCase: true },
      { text: 'basic ', ignoreCase: true },
    ],
    expression: /(?<![A-Za-z0-9])(?:bearer|basic) {1,4}[A-Za-z0-9._~+/=-]{12,4096}/gi,
    part: (match) => {
      const from = match[0].lastIndexOf(' ') + 1;
      return /[0-9=]/.test(match[0].slice(from)) ? [from, match[0].length] : 1;
    },
  },
];

function isHex(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66));
}
