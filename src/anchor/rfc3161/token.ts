/**
 * Time-stamp tokens (RFC 3161, RFC 5652, RFC 5816): checked on arrival, and again by whoever verifies later. Decoding is
 * the library's, signatures and certificates are node:crypto's; what makes a token one about exactly these bytes stands
 * here.
 */
import type { X509Certificate } from 'node:crypto';
import { id_signedData, SignedData, type SignerInfo } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import { TimeStampResp, TSTInfo } from '@peculiar/asn1-tsp';
import { encodeHex, equalBytes } from '../../core/bytes.ts';
import { sha256 } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import { chainProblem, type Trust } from './chain.ts';
import { certificatesIn, signedAttributesIn } from './raw.ts';
import { SHA256_OID } from './request.ts';
import { signatureProblem, TST_INFO } from './signature.ts';

export type TokenCheck =
  | {
      readonly ok: true;
      /** RFC 3339, what the authority signed. */
      readonly time: string;
      /** Subject of the certificate that signed. */
      readonly tsa: string;
      /** Whether that certificate leads to one that the caller trusts; false when it was given none. */
      readonly trusted: boolean;
    }
  | { readonly ok: false; readonly why: string };

export interface TokenQuestion {
  /** The TimeStampResp as it came. */
  readonly response: Uint8Array;
  /** What it has to be about. */
  readonly data: Uint8Array;
  /** The one that was asked with; without it only that there is one. */
  readonly nonce?: Uint8Array;
  /** Certificates that the chain has to end in; without it the token holds by its own word only. */
  readonly trust: Trust | undefined;
}

class Refused extends Error {}

function refuse(why: string): never {
  throw new Refused(why);
}

/** Never throws. */
export function checkToken(question: TokenQuestion): TokenCheck {
  try {
    return check(question);
  } catch (error) {
    if (error instanceof Refused) return { ok: false, why: error.message };
    // The decoder has many errors, one for each way to be no token; a stack exhausted by nesting is one of them.
    return { ok: false, why: 'the answer is no time-stamp response' };
  }
}

function check({ response, data, nonce, trust }: TokenQuestion): TokenCheck {
  if (response.length > LIMITS.timeStampBytes) refuse(`it has more than ${LIMITS.timeStampBytes} bytes`);
  const { status, timeStampToken: token } = AsnConvert.parse(response, TimeStampResp);
  // 0 granted, 1 granted with modifications (RFC 3161 section 2.4.2).
  if (Number(status.status) > 1)
    refuse(`the authority refuses: status ${Number(status.status)}${told(status.statusString)}`);
  if (token?.contentType !== id_signedData) refuse('it holds no token');
  const signed = AsnConvert.parse(token.content, SignedData);
  const content = signed.encapContentInfo.eContent?.single?.buffer;
  if (signed.encapContentInfo.eContentType !== TST_INFO || content === undefined)
    refuse('what it signs is no time stamp');
  const info = AsnConvert.parse(content, TSTInfo);
  checkInfo(info, data, nonce);
  const [signer, ...others] = signed.signerInfos;
  if (signer === undefined || others.length > 0) refuse('it is not signed by exactly one authority');
  const raw = new Uint8Array(token.content);
  const certificates = certificatesIn(raw) ?? refuse('it brings too many certificates');
  const certificate =
    certificates.find((one) => isNamed(signer, one)) ?? refuse('its certificate is not in it');
  const at = info.genTime;
  const problem =
    signatureProblem({
      signer,
      attributes: signedAttributesIn(raw),
      content: new Uint8Array(content),
      certificate,
    }) ?? chainProblem({ certificate, others: certificates, at, trust });
  if (problem !== undefined) refuse(problem);
  return {
    ok: true,
    time: at.toISOString(),
    tsa: certificate.subject.replaceAll('\n', ', '),
    trusted: trust !== undefined,
  };
}

function told(text: Iterable<string> | undefined): string {
  const [first] = text ?? [];
  return first === undefined ? '' : `: ${first.slice(0, 200)}`;
}

function checkInfo(info: TSTInfo, data: Uint8Array, nonce: Uint8Array | undefined): void {
  if (Number(info.version) !== 1) refuse('it is of an unknown version');
  const { hashAlgorithm, hashedMessage } = info.messageImprint;
  if (
    hashAlgorithm.algorithm !== SHA256_OID ||
    !equalBytes(new Uint8Array(hashedMessage.buffer), sha256(data))
  )
    refuse('it is about something else than this checkpoint');
  if (info.nonce === undefined) refuse('it has no nonce');
  if (nonce !== undefined && !equalBytes(new Uint8Array(info.nonce), nonce))
    refuse('its nonce is not the one that it was asked with: it may be an old one');
  if (Number.isNaN(info.genTime.getTime())) refuse('it has no time');
}

function isNamed({ sid }: SignerInfo, certificate: X509Certificate): boolean {
  const by = sid.issuerAndSerialNumber;
  // By key identifier: which of them signed is then told by ESS and by the signature itself.
  if (by === undefined) return true;
  const serial = encodeHex(new Uint8Array(by.serialNumber)).replace(/^0+/, '');
  return serial === certificate.serialNumber.toLowerCase().replace(/^0+/, '');
}
