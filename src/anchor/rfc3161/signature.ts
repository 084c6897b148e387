/** The signature on a token, and the attribute in it that says which certificate made it. */
import { createHash, type KeyObject, verify, type X509Certificate } from 'node:crypto';
import type { Attribute, SignerInfo } from '@peculiar/asn1-cms';
import { fromBER, ObjectIdentifier, OctetString, Sequence } from 'asn1js';
import { equalBytes } from '../../core/bytes.ts';
import { SHA256_OID } from './request.ts';

export const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const ATTRIBUTE = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
} as const;
const DIGESTS: Readonly<Record<string, string>> = {
  [SHA256_OID]: 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const RSA = '1.2.840.113549.1.1.1';
const ED25519 = '1.3.101.112';
const SIGNATURES: Readonly<Record<string, { readonly key: 'rsa' | 'ec'; readonly digest: string }>> = {
  '1.2.840.113549.1.1.11': { key: 'rsa', digest: 'sha256' },
  '1.2.840.113549.1.1.12': { key: 'rsa', digest: 'sha384' },
  '1.2.840.113549.1.1.13': { key: 'rsa', digest: 'sha512' },
  '1.2.840.10045.4.3.2': { key: 'ec', digest: 'sha256' },
  '1.2.840.10045.4.3.3': { key: 'ec', digest: 'sha384' },
  '1.2.840.10045.4.3.4': { key: 'ec', digest: 'sha512' },
};

export interface SignedContent {
  readonly signer: SignerInfo;
  /** Its signed attributes as they stand in the message; none, when there are none. */
  readonly attributes: Uint8Array | undefined;
  /** DER of the TSTInfo. */
  readonly content: Uint8Array;
  readonly certificate: X509Certificate;
}

/** Why the signature on `content` does not count; undefined when it holds. Throws for what is no DER. */
export function signatureProblem({
  signer,
  attributes: raw,
  content,
  certificate,
}: SignedContent): string | undefined {
  const { signedAttrs: attributes } = signer;
  if (attributes === undefined || raw === undefined) return 'it has no signed attributes';
  const digest = DIGESTS[signer.digestAlgorithm.algorithm];
  if (digest === undefined) return 'it is hashed by an algorithm that is not accepted';
  const type = only(attributes, ATTRIBUTE.contentType);
  if (!(type instanceof ObjectIdentifier) || type.valueBlock.toString() !== TST_INFO)
    return 'its attributes speak of another kind of content';
  const stated = only(attributes, ATTRIBUTE.messageDigest);
  if (!(stated instanceof OctetString) || !isHashOf(content, stated, digest))
    return 'its time is not the one that was signed';
  if (!namesCertificate(attributes, certificate)) return 'it was not made for the certificate that it brings';
  // RFC 5652 section 5.4: what is signed is a SET OF, not the [0] that stands in the message.
  const message = Uint8Array.from(raw);
  message[0] = SET_OF;
  const signature = new Uint8Array(signer.signature.buffer);
  const { algorithm } = signer.signatureAlgorithm;
  return holds(algorithm, digest, message, certificate.publicKey, signature)
    ? undefined
    : 'its signature does not hold';
}

const SET_OF = 0x31;

/** The one value of the one attribute of that type. */
function only(attributes: readonly Attribute[], type: string): unknown {
  const found = attributes.filter(({ attrType }) => attrType === type);
  const [value, ...more] = found[0]?.attrValues ?? [];
  if (value === undefined || found.length > 1 || more.length > 0) return undefined;
  const { result, offset } = fromBER(value);
  return offset === -1 ? undefined : result;
}

function isHashOf(bytes: Uint8Array, stated: OctetString, digest: string): boolean {
  return equalBytes(stated.valueBlock.valueHexView, createHash(digest).update(bytes).digest());
}

/**
 * ESSCertID (RFC 2634, SHA-1) or ESSCertIDv2 (RFC 5035): without it, a token could be shown with another certificate of
 * the same key, one with another name or other rights.
 *
 *     SigningCertificateV2 = SEQUENCE { SEQUENCE OF SEQUENCE { algorithm DEFAULT sha256, hash, … }, … }
 */
function namesCertificate(attributes: readonly Attribute[], certificate: X509Certificate): boolean {
  const v2 = only(attributes, ATTRIBUTE.signingCertificateV2);
  const ids = partsOf(partsOf(v2 ?? only(attributes, ATTRIBUTE.signingCertificate))[0]);
  // The first is the one that signed; others may name its issuers.
  const [first, second] = partsOf(ids[0]);
  if (v2 === undefined) return first instanceof OctetString && isHashOf(certificate.raw, first, 'sha1');
  if (first instanceof OctetString) return isHashOf(certificate.raw, first, 'sha256');
  const [algorithm] = partsOf(first);
  const digest = algorithm instanceof ObjectIdentifier ? DIGESTS[algorithm.valueBlock.toString()] : undefined;
  return digest !== undefined && second instanceof OctetString && isHashOf(certificate.raw, second, digest);
}

function partsOf(value: unknown): readonly unknown[] {
  return value instanceof Sequence ? value.valueBlock.value : [];
}

/** No SHA-1 and no MD5, whatever the authority uses. RSASSA-PSS is not read. */
function holds(
  algorithm: string,
  stated: string,
  message: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  const kind = key.asymmetricKeyType;
  if (algorithm === ED25519) return kind === 'ed25519' && verify(null, message, key, signature);
  const scheme = algorithm === RSA ? ({ key: 'rsa', digest: stated } as const) : SIGNATURES[algorithm];
  return scheme !== undefined && kind === scheme.key && verify(scheme.digest, message, key, signature);
}
