/** What can be read of one segment, in whichever form it lies there. */
import type { SegmentDamage } from '../../core/ports.ts';

export interface SegmentFile {
  readonly first: number;
  readonly sealed: boolean;
  /** Of the file that is open, whatever lies under its name by now. */
  readonly inode: number;
  /** Bytes of its lines so far. `LOG_DAMAGED` when a sealed one has no table that counts. */
  size(): Promise<number>;
  /** At most `length` bytes from `position` on, fewer only where the lines end. `LOG_DAMAGED` for a damaged frame. */
  readAt(position: number, length: number): Promise<Buffer>;
  /**
   * The same at once, of a file that lies there plain: for some kilobytes, mostly in memory, the way to another thread and
   * back takes longer than the reading, and much longer where others keep the processor busy.
   */
  readNow?(position: number, length: number): Buffer;
  /** The contract of `LogReader.read`. */
  blocks(offset: number, onDamage?: (damage: SegmentDamage) => void): AsyncIterable<Buffer>;
  /** The contract of `LogReader.seek`. */
  seek(index: number): Promise<{ readonly index: number; readonly offset: number }>;
  close(): Promise<void>;
}
