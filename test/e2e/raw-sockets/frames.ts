/** WebSocket frames (RFC 6455 section 5) as programs send them, and as they must not. */
import fc from 'fast-check';

export interface Frame {
  readonly final: boolean;
  readonly reserved: number;
  readonly opcode: number;
  readonly masked: boolean;
  readonly size: number;
  /** How its length is written: in as few bytes as it takes, in more, or as another one. */
  readonly length: 'short' | 'long' | 'huge';
}

export const frames: fc.Arbitrary<readonly Frame[]> = fc.array(
  fc.record({
    final: fc.boolean(),
    reserved: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(7) }),
    opcode: fc.nat(15),
    masked: fc.boolean(),
    size: fc.oneof(fc.nat(125), fc.nat(3_000), fc.nat(70_000)),
    length: fc.constantFrom('short', 'short', 'long', 'huge'),
  }),
  { maxLength: 4 },
);

export function frameBytes({ final, reserved, opcode, masked, size, length }: Frame): Buffer {
  const mask = masked ? 0x80 : 0;
  const head = [(final ? 0x80 : 0) | (reserved << 4) | opcode];
  const bytes = Buffer.alloc(size, 'frame');
  if (length === 'huge') head.push(mask | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
  else if (length === 'long' || size > 0xffff)
    head.push(mask | 127, 0, 0, 0, 0, 0, (size >> 16) & 0xff, (size >> 8) & 0xff, size & 0xff);
  else if (size > 125) head.push(mask | 126, size >> 8, size & 0xff);
  else head.push(mask | size);
  return Buffer.concat([Buffer.from(head), ...(masked ? [Buffer.of(1, 2, 3, 4)] : []), bytes]);
}
