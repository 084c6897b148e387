/** What a time stamping authority is asked (RFC 3161 section 2.4.1). */
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { MessageImprint, TimeStampReq, TimeStampReqVersion } from '@peculiar/asn1-tsp';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import { sha256 } from '../../core/hash.ts';

export const SHA256_OID = '2.16.840.1.101.3.4.2.1';
export const NONCE_BYTES = 16;

/**
 * DER of a request for a token over SHA-256 of `data`, with the certificates that verify it. `nonce` is random; its top
 * bit is cleared and the next one set, so that it is one positive INTEGER without leading zeros. Gives back the nonce as
 * it stands in the request.
 */
export function encodeRequest(
  data: Uint8Array,
  random: Uint8Array,
): { readonly der: Uint8Array; readonly nonce: Uint8Array } {
  const nonce = Uint8Array.from(random);
  nonce[0] = ((nonce[0] ?? 0) & 0x3f) | 0x40;
  const request = new TimeStampReq({
    version: TimeStampReqVersion.v1,
    messageImprint: new MessageImprint({
      // NULL is written out: some authorities refuse an algorithm without parameters.
      hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA256_OID, parameters: null }),
      hashedMessage: new OctetString(Uint8Array.from(sha256(data)).buffer),
    }),
    nonce: nonce.buffer,
    certReq: true,
  });
  return { der: new Uint8Array(AsnConvert.serialize(request)), nonce };
}
