/**
 * Links by which a person answers a request for approval without a terminal. A link is a capability: it is bound to one
 * request and one approver, ends with the request, and works once, since a request is answered once. It is made of these
 * alone, so that nothing has to be stored: whoever has the key can make it again.
 *
 * `al1.<log_…>.<hex of the approver>.<base36 end>.<hex MAC>`; the MAC covers everything before it.
 */
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from './bytes.ts';
import { equalSecret, hkdfSha256, hmacSha256 } from './hash.ts';
import { LIMITS } from './limits.ts';

/** HKDF label of the key that is made of a tenant's master key. */
const LABEL = 'approval-link';

export interface LinkClaim {
  /** The `approval.request` entry. */
  readonly approval: string;
  /** Whom it was sent to: a user of the policy. */
  readonly approver: string;
  /** Milliseconds since the epoch. */
  readonly endsMs: number;
}

export type CheckedLink =
  | { readonly claim: LinkClaim }
  /** `malformed`: no link at all. `forged`: it says something that this key did not sign. */
  | { readonly refused: 'malformed' | 'forged' }
  | { readonly refused: 'expired'; readonly claim: LinkClaim };

export interface LinkSigner {
  sign(claim: LinkClaim): string;
  check(text: string, nowMs: number): CheckedLink;
}

const LINK = /^(al1\.(log_[0-9A-HJKMNP-TV-Z]{26})\.([0-9a-f]{2,1024})\.([0-9a-z]{1,11}))\.([0-9a-f]{64})$/;

export function linkSigner(masterKey: Uint8Array): LinkSigner {
  const mac = hmacSha256(hkdfSha256(masterKey, LABEL));
  return {
    sign({ approval, approver, endsMs }) {
      const text = `al1.${approval}.${encodeHex(encodeUtf8(approver))}.${endsMs.toString(36)}`;
      return `${text}.${mac(text)}`;
    },
    check(text, nowMs) {
      const [, signed, approval, name, end, given] = LINK.exec(text) ?? [];
      if (signed === undefined || approval === undefined || given === undefined)
        return { refused: 'malformed' };
      if (!equalSecret(mac(signed), given)) return { refused: 'forged' };
      const approver = decodeUtf8(decodeHex(name ?? '') ?? new Uint8Array(0)) ?? '';
      const endsMs = Number.parseInt(end ?? '', 36);
      // Only what this function would have written: one claim, one text.
      if (approver === '' || approver.length > LIMITS.idChars || !Number.isSafeInteger(endsMs))
        return { refused: 'forged' };
      const claim = { approval, approver, endsMs };
      return nowMs < endsMs ? { claim } : { refused: 'expired', claim };
    },
  };
}
