/**
 * X.509 certificates as RFC 5280 profiles them: our own authority, and the leaves that it signs. Loaded on first use,
 * because the shapes of ASN.1 take longer to load than most commands take to run.
 *
 * Strict verifiers (Python with VERIFY_X509_STRICT, Go) want the key identifiers, a critical basicConstraints and a key
 * usage; all of them are there.
 */
import { hash, type KeyObject, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
/** RFC 5280 appendix A.1, ub-common-name. */
const COMMON_NAME_CHARS = 64;

export interface Span {
  readonly from: Date;
  readonly until: Date;
}

export interface Issuer {
  readonly name: string;
  /** P-256. */
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

interface PublicParts {
  readonly info: SubjectPublicKeyInfo;
  readonly id: Buffer;
}

/** One process signs for one key with one key, so nearly every leaf finds both here. */
const known = new WeakMap<KeyObject, PublicParts>();

/** `id`: RFC 7093 section 2, method 1: the leftmost 160 bits of SHA-256 of the public key. */
function partsOf(key: KeyObject): PublicParts {
  const found = known.get(key);
  if (found !== undefined) return found;
  const info = AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo);
  const id = hash('sha256', new Uint8Array(info.subjectPublicKey), 'buffer').subarray(0, 20);
  const parts = { info, id };
  known.set(key, parts);
  return parts;
}

function nameOf(common: string): Name {
  const value = new AttributeValue({ utf8String: common });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })])]);
}

function extension(id: string, value: object, critical = false): Extension {
  return new Extension({
    extnID: id,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}

/** RFC 5280 section 4.1.2.2: positive, and at most 20 bytes. 126 random bits name no two alike. */
function serialOf(random: Uint8Array): ArrayBuffer {
  const serial = Uint8Array.from(random.subarray(0, 16));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial.buffer;
}

function signed(
  issuer: Issuer,
  subject: string,
  key: KeyObject,
  span: Span,
  random: Uint8Array,
  extensions: readonly Extension[],
): string {
  const algorithm = new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 });
  const tbs = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialOf(random),
    signature: algorithm,
    issuer: nameOf(issuer.name),
    validity: new Validity({ notBefore: span.from, notAfter: span.until }),
    subject: nameOf(subject),
    subjectPublicKeyInfo: partsOf(key).info,
    extensions: new Extensions([...extensions]),
  });
  const signature = sign('sha256', new Uint8Array(AsnConvert.serialize(tbs)), issuer.key);
  const certificate = new Certificate({
    tbsCertificate: tbs,
    signatureAlgorithm: algorithm,
    signatureValue: Uint8Array.from(signature).buffer,
  });
  return pemOf(new Uint8Array(AsnConvert.serialize(certificate)));
}

function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Signed by itself. It may sign leaves, and no authority below it. */
export function authorityCertificate(issuer: Issuer, span: Span, random: Uint8Array): string {
  return signed(issuer, issuer.name, issuer.publicKey, span, random, [
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
    extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign), true),
    extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(partsOf(issuer.publicKey).id)),
  ]);
}

const OF_EVERY_LEAF = [
  extension(id_ce_basicConstraints, new BasicConstraints({ cA: false }), true),
  extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature), true),
  extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth])),
];

/** For a server of that name or address, and for nothing else. */
export function leafCertificate(
  issuer: Issuer,
  host: string,
  key: KeyObject,
  span: Span,
  random: Uint8Array,
): string {
  const name = new GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host });
  const keyId = new KeyIdentifier(partsOf(issuer.publicKey).id);
  return signed(issuer, host.length <= COMMON_NAME_CHARS ? host : 'a longer name', key, span, random, [
    ...OF_EVERY_LEAF,
    extension(id_ce_subjectAltName, new SubjectAlternativeName([name])),
    extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(partsOf(key).id)),
    extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier: keyId })),
  ]);
}
