/**
 * Parts of a CMS SignedData byte for byte. What was decoded and is written anew may come out as other bytes, and then
 * neither a hash nor a signature over it fits.
 *
 *     SignedData = SEQUENCE { version, digestAlgorithms, content, certificates [0], crls [1], signerInfos SET }
 *     SignerInfo = SEQUENCE { version, sid, digestAlgorithm, signedAttrs [0], … }
 */
import { X509Certificate } from 'node:crypto';
import { type BaseBlock, fromBER, Sequence, Set as SetOf } from 'asn1js';
import { LIMITS } from '../../core/limits.ts';

/** Undefined when there are too many. Throws for one that is no certificate. */
export function certificatesIn(signedData: Uint8Array): readonly X509Certificate[] | undefined {
  const set = tagged(partsOf(fromBER(signedData).result), 0);
  const found = partsOf(set).filter((part) => part instanceof Sequence);
  if (found.length > LIMITS.timeStampCertificates) return undefined;
  return found.map((part) => new X509Certificate(Buffer.from(part.valueBeforeDecodeView)));
}

/** Of the first signer, with their own tag and length. */
export function signedAttributesIn(signedData: Uint8Array): Uint8Array | undefined {
  const signers = partsOf(fromBER(signedData).result).findLast((part) => part instanceof SetOf);
  const [first] = partsOf(signers);
  return tagged(partsOf(first), 0)?.valueBeforeDecodeView;
}

function partsOf(block: unknown): readonly BaseBlock[] {
  const valueBlock = isObject(block) ? block.valueBlock : undefined;
  const parts = isObject(valueBlock) ? valueBlock.value : undefined;
  return Array.isArray(parts) ? parts : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** The part with the context-specific tag `[n]`. */
function tagged(parts: readonly BaseBlock[], n: number): BaseBlock | undefined {
  return parts.find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === n);
}
