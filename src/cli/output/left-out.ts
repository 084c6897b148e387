import { counted } from '../facts.ts';
import type { Style } from './style.ts';

/** Who looks around leaves entries, too; what people read leaves them out, and says so. */
export function leftOutLine(reads: number, style: Style): string {
  return style.dim(`${counted(reads, 'reading')} of the log left out (--reads)`);
}
