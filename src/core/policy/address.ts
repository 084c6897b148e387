/**
 * Which addresses a call may go to. The attacker controls the name, its DNS answers and the notation of an address,
 * and wants a request (with a credential in it) to reach something that only this machine can reach.
 *
 * Our own parser, because the core has no node:net and because anything that two parsers read differently is a hole:
 * only the canonical kinds of text are accepted here, all else is "not an address" and is blocked. Ranges: IANA's
 * special-purpose registries (RFC 6890 and its updates), RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
 */

import { invariant } from '../error.ts';

/** Eight 16-bit groups, or one 32-bit number. */
export type Address =
  | { readonly family: 4; readonly value: number }
  | { readonly family: 6; readonly groups: readonly number[] };

export type AddressKind =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link_local'
  | 'cgnat'
  | 'unique_local'
  | 'metadata'
  | 'multicast'
  | 'unspecified'
  | 'broadcast'
  | 'documentation'
  | 'benchmarking'
  | 'reserved'
  | 'ipv4_mapped'
  | 'nat64'
  | '6to4'
  | 'teredo'
  | 'unparsable';

const ZERO = 0x30;
const DOT = 0x2e;
const COLON = 0x3a;

/**
 * Strict dotted decimal from `at` to the end: four numbers without leading zeros ("010" is 8 to some resolvers and 10
 * to others). By character codes, as this runs for every address of every call.
 */
function parseV4(text: string, at = 0): number | undefined {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (octet < 0 || ++dots > 3) return undefined;
      value = value * 256 + octet;
      octet = -1;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || octet === 0) return undefined;
    octet = octet < 0 ? digit : octet * 10 + digit;
    if (octet > 255) return undefined;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : undefined;
}

function hexDigit(code: number): number {
  if (code >= ZERO && code <= 0x39) return code - ZERO;
  const letter = (code | 0x20) - 0x61;
  return letter >= 0 && letter <= 5 ? letter + 10 : -1;
}

/** The longest text without a zone: eight groups with the last two in dotted decimal. */
const V6_CHARS = 45;

/** RFC 4291 §2.2 text, with at most one "::" that stands for at least one group, and an optional zone. */
function parseV6(text: string): readonly number[] | undefined {
  const zone = text.indexOf('%');
  if (zone !== -1 && !/^%[0-9a-z._-]{1,32}$/i.test(text.slice(zone))) return undefined;
  const end = zone === -1 ? text.length : zone;
  if (end > V6_CHARS) return undefined;
  const groups: number[] = [];
  let gap = -1;
  let at = 0;
  while (at < end) {
    if (text.charCodeAt(at) === COLON) {
      // A "::" at the start, or the second colon of one inside.
      if (gap !== -1 || (at === 0 && text.charCodeAt(1) !== COLON)) return undefined;
      gap = groups.length;
      at += at === 0 ? 2 : 1;
      continue;
    }
    const start = at;
    let value = 0;
    for (; at < end && at - start < 5; at++) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (at < end && text.charCodeAt(at) === DOT) {
      const v4 = parseV4(zone === -1 ? text : text.slice(0, end), start);
      if (v4 === undefined) return undefined;
      groups.push(v4 >>> 16, v4 & 0xffff);
      at = end;
      break;
    }
    if (at === start || at - start > 4) return undefined;
    groups.push(value);
    if (at === end) break;
    if (text.charCodeAt(at) !== COLON || at + 1 === end) return undefined;
    at++;
  }
  if (gap === -1) return groups.length === 8 ? groups : undefined;
  if (groups.length > 7) return undefined;
  groups.splice(gap, 0, ...ZEROS.slice(groups.length));
  return groups;
}

const ZEROS: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0];

export function parseAddress(text: string): Address | undefined {
  if (text.includes(':')) {
    const groups = parseV6(text);
    return groups === undefined ? undefined : { family: 6, groups };
  }
  const value = parseV4(text);
  return value === undefined ? undefined : { family: 4, value };
}

/** Dotted decimal of a 32-bit number. */
export function formatV4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

type Range4 = readonly [base: number, mask: number, kind: AddressKind];
type Range6 = readonly [base: readonly number[], masks: readonly number[], kind: AddressKind];

/** The table below is ours: a mistake in it has to be loud. */
function cidrParts(cidr: string): readonly [address: Address, bits: number] {
  const [base = '', bits = ''] = cidr.split('/');
  const address = parseAddress(base);
  invariant(address !== undefined, `${cidr} is a range`);
  return [address, Number(bits)];
}

function range4(cidr: string, kind: AddressKind): Range4 {
  const [address, bits] = cidrParts(cidr);
  invariant(address.family === 4, `${cidr} is a range of IPv4`);
  return [address.value | 0, bits === 0 ? 0 : -1 << (32 - bits), kind];
}

function range6(cidr: string, kind: AddressKind): Range6 {
  const [address, bits] = cidrParts(cidr);
  invariant(address.family === 6, `${cidr} is a range of IPv6`);
  const masks: number[] = [];
  for (let left = bits; left > 0; left -= 16)
    masks.push(left >= 16 ? 0xffff : (0xffff << (16 - left)) & 0xffff);
  return [address.groups, masks, kind];
}

/** First match wins, so the single metadata addresses stand before the ranges that hold them. */
const RANGES_4: readonly Range4[] = [
  // Instance metadata hands out the machine's own credentials to whoever asks.
  range4('169.254.169.254/32', 'metadata'), // AWS, Google, Azure, and most others
  range4('169.254.170.2/32', 'metadata'), // AWS ECS task credentials
  range4('169.254.170.23/32', 'metadata'), // AWS EKS pod identity
  range4('169.254.0.23/32', 'metadata'), // Tencent
  range4('169.254.42.42/32', 'metadata'), // Scaleway
  range4('100.100.100.200/32', 'metadata'), // Alibaba, inside the CGNAT range
  range4('168.63.129.16/32', 'metadata'), // Azure's wire server, inside public space
  range4('192.0.0.192/32', 'metadata'), // Oracle
  range4('0.0.0.0/8', 'unspecified'), // 0.0.0.0 reaches loopback on Linux
  range4('10.0.0.0/8', 'private'),
  range4('100.64.0.0/10', 'cgnat'),
  range4('127.0.0.0/8', 'loopback'),
  range4('169.254.0.0/16', 'link_local'),
  range4('172.16.0.0/12', 'private'),
  range4('192.0.0.0/24', 'reserved'),
  range4('192.0.2.0/24', 'documentation'),
  range4('192.88.99.0/24', '6to4'), // relay anycast, deprecated
  range4('192.168.0.0/16', 'private'),
  range4('198.18.0.0/15', 'benchmarking'),
  range4('198.51.100.0/24', 'documentation'),
  range4('203.0.113.0/24', 'documentation'),
  range4('224.0.0.0/4', 'multicast'),
  range4('255.255.255.255/32', 'broadcast'),
  range4('240.0.0.0/4', 'reserved'),
];

const RANGES_6: readonly Range6[] = [
  range6('fd00:ec2::254/128', 'metadata'), // AWS
  range6('fd00:ec2::23/128', 'metadata'), // AWS EKS pod identity
  range6('fd20:ce::254/128', 'metadata'), // Google
  range6('fd00:42::42/128', 'metadata'), // Scaleway
  range6('fd00:a9fe:a9fe::1/128', 'metadata'), // Linode
  range6('fe80::a9fe:a9fe/128', 'metadata'), // OpenStack
  range6('::/128', 'unspecified'),
  range6('::1/128', 'loopback'),
  range6('::ffff:0:0/96', 'ipv4_mapped'),
  range6('64:ff9b::/96', 'nat64'),
  range6('fc00::/7', 'unique_local'),
  range6('fe80::/10', 'link_local'),
  range6('ff00::/8', 'multicast'),
  range6('2001::/32', 'teredo'),
  range6('2001:2::/48', 'benchmarking'),
  range6('2001:db8::/32', 'documentation'),
  range6('3fff::/20', 'documentation'),
  range6('2001::/23', 'reserved'), // IETF protocol assignments: ORCHID, AS112, anycast
  range6('2002::/16', '6to4'),
  range6('2000::/3', 'public'),
  // Everything outside 2000::/3 is not global unicast; 64:ff9b:1::/48 (local NAT64) is here on purpose: where it
  // carries the IPv4 address is the operator's choice, so a metadata address could hide in it.
];

function kindOf4(value: number): AddressKind {
  for (const [base, mask, kind] of RANGES_4) if ((value & mask) === base) return kind;
  return 'public';
}

function kindOf6(groups: readonly number[]): AddressKind {
  for (const [base, masks, kind] of RANGES_6)
    if (masks.every((mask, i) => ((groups[i] ?? 0) & mask) === base[i])) return kind;
  return 'reserved';
}

/** What an address is, and for the two notations that lead to an IPv4 host unchanged, what that host is. */
export interface AddressClass {
  readonly kind: AddressKind;
  readonly embedded?: AddressKind;
}

export function classifyAddress(text: string): AddressClass {
  const address = parseAddress(text);
  if (address === undefined) return { kind: 'unparsable' };
  if (address.family === 4) return { kind: kindOf4(address.value) };
  const kind = kindOf6(address.groups);
  if (kind !== 'ipv4_mapped' && kind !== 'nat64') return { kind };
  return { kind, embedded: kindOf4((address.groups[6] ?? 0) * 65_536 + (address.groups[7] ?? 0)) };
}

/** What `internal: true` lets pass. Cloud metadata is never among it, in any notation. */
const INTERNAL: ReadonlySet<AddressKind> = new Set([
  'loopback',
  'private',
  'link_local',
  'cgnat',
  'unique_local',
]);

/**
 * Why a connection to this address is refused, or undefined when it may be made. `internal`: the policy marks the
 * host as internal. On a network with NAT64 every name resolves into 64:ff9b::/96, so `internal` also lets the
 * embedded public addresses pass.
 */
export function addressRefusal(text: string, internal: boolean): AddressKind | undefined {
  const { kind, embedded } = classifyAddress(text);
  if (kind === 'public') return undefined;
  if (embedded === 'metadata') return 'metadata';
  if (!internal) return kind;
  if (INTERNAL.has(kind)) return undefined;
  if (embedded !== undefined && (embedded === 'public' || INTERNAL.has(embedded))) return undefined;
  return kind;
}

/** True when no policy line can make this address reachable. */
export function isMetadataAddress(text: string): boolean {
  const { kind, embedded } = classifyAddress(text);
  return kind === 'metadata' || embedded === 'metadata';
}

const METADATA_HOSTS: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'metadata.packet.net',
  'metadata.platformequinix.com',
  'rancher-metadata',
]);

/** Names that clouds give to their metadata service. `host` is normalised (hosts.ts). */
export function isMetadataHost(host: string): boolean {
  return METADATA_HOSTS.has(host);
}
