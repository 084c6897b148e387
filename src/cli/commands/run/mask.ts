/** What a command prints, with the secrets that it was given taken out on the way. */
import { type Readable, Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Matcher } from '../../../core/redact/matcher.ts';
import { createScrubber } from '../../../core/redact/stream.ts';

/** Resolves when `from` has ended; a reader that went away ends it too. `to` stays open. */
export async function maskInto(
  from: Readable | null,
  to: Writable,
  matcher: Matcher | undefined,
): Promise<void> {
  if (from === null || matcher === undefined) return;
  const scrubber = createScrubber(matcher);
  const scrub = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, scrubber.push(chunk));
    },
    flush(done) {
      done(null, scrubber.flush());
    },
  });
  try {
    await pipeline(from, scrub, to, { end: false });
  } catch {
    // Whoever read it went away, and the command finds that out by itself.
    from.destroy();
  }
}
