/** How it is told that a sealed segment cannot be read. */
import { TallyError } from '../../core/error.ts';
import type { SegmentDamage } from '../../core/ports.ts';
import { sealedName } from './names.ts';

export function segmentDamaged({ segment, why, lost }: SegmentDamage): TallyError {
  return new TallyError('LOG_DAMAGED', `${sealedName(segment)}: ${why}`, {
    hint: 'run `tally verify`: it names the entries that are lost. Restore the file from a backup of the same log',
    details: { segment, ...(lost === undefined ? {} : { index: lost.from }) },
  });
}
