import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { linkSigner } from '../../src/core/approval-link.ts';

const CLAIM = {
  approval: 'log_01M7Y5DTQ0AAAAAAAAAAAAAAAA',
  approver: 'u_boss@example.com',
  endsMs: 2_000_000_000_000,
};

describe('an approval link', () => {
  const signer = linkSigner(randomBytes(32));
  const link = signer.sign(CLAIM);

  it('says what it was made for, until it ends', () => {
    assert.deepEqual(signer.check(link, CLAIM.endsMs - 1), { claim: CLAIM });
    assert.deepEqual(signer.check(link, CLAIM.endsMs), { refused: 'expired', claim: CLAIM });
    assert.equal(signer.sign(CLAIM), link, 'made again it is the same');
  });

  it('is good by its own key only, and with none of its characters altered', () => {
    assert.deepEqual(linkSigner(randomBytes(32)).check(link, 0), { refused: 'forged' });
    for (let at = 0; at < link.length; at++) {
      const other = link[at] === '1' ? '2' : '1';
      assert.ok(
        'refused' in signer.check(link.slice(0, at) + other + link.slice(at + 1), 0),
        `character ${at}`,
      );
      assert.ok(
        'refused' in signer.check(link.slice(0, at) + link.slice(at + 1), 0),
        `without character ${at}`,
      );
    }
  });

  it('holds any user’s id, and any other text is refused', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }),
        fc.string(),
        (approver, noise) => {
          const made = signer.sign({ ...CLAIM, approver });
          const checked = signer.check(made, 0);
          if (Buffer.byteLength(approver) <= 512 && approver.length <= 256)
            assert.equal('claim' in checked ? checked.claim.approver : undefined, approver);
          assert.ok('refused' in signer.check(noise, 0));
          assert.ok('refused' in signer.check(made + noise, 0) || noise === '');
        },
      ),
    );
  });
});
