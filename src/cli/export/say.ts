/** What an export says about itself: whole sentences, wrapped where a terminal would break a word. */
import type { Output } from '../output/stream.ts';
import { wrap } from '../output/width.ts';

export async function say(
  stderr: Output,
  text: string,
  paint: (text: string) => string = (plain) => plain,
): Promise<void> {
  for (const part of wrap(text, stderr.width)) await stderr.line(paint(part));
}
