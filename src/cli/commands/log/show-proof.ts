/** How `tally log show` tells what was proved about an entry. */
import { grouped } from '../../output/progress.ts';
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import type { ProofState } from '../../prove.ts';
import type { Line } from './show-lines.ts';

const GROUNDS: Readonly<Record<string, string>> = {
  given: 'the given key',
  pinned: 'the key remembered on this machine',
  'self-declared': 'the key that the log names itself, which proves nothing about who made it',
};

export function proofLines(
  { proof, prev }: { readonly proof: ProofState; readonly prev?: string | undefined },
  style: Style,
): Line[] {
  const hashes: Line[] = [
    ['leaf hash', proof.leaf_hash],
    ['prev', safe(prev ?? 'none')],
  ];
  switch (proof.state) {
    case 'published': {
      const { checkpoint, key } = proof;
      const trusted = key.ground !== 'self-declared';
      return [
        ...hashes,
        [
          'proof',
          `${trusted ? style.green('✓ published') : style.yellow('✓ published')}  sequenced, integrated, and under the signed checkpoint of ${grouped(checkpoint.size)} entries`,
        ],
        [
          '',
          `verified now: an inclusion proof of ${proof.proof.length} hashes leads to its root, signed by ${GROUNDS[key.ground]}`,
        ],
        ['', style.dim(safe(key.vkey))],
      ];
    }
    case 'sequenced':
      return [
        ...hashes,
        [
          'proof',
          `${style.yellow('– sequenced')}  durable, not yet under a signature (${grouped(proof.signed)} entries are)`,
        ],
        [
          '',
          proof.chained
            ? 'chained: its prev is the hash of the entry before it'
            : style.red('NOT chained: its prev is not the hash of the entry before it; run `tally verify`'),
        ],
      ];
    case 'unproved':
      return [
        ...hashes,
        [
          'proof',
          `${style.red('✗ unproved')}  ${safe(proof.why)}: this entry, another one or a hash tile was altered or is gone; \`tally verify\` names it`,
        ],
      ];
  }
}
