/** One client of the live tail: its connection, how far it is, and what waits for it. */
import type { Socket } from 'node:net';
import { LIMITS } from '../../core/limits.ts';
import { createFrames, heartbeat } from '../../core/live/frames.ts';
import type { LiveRequest } from '../../core/live/params.ts';

export interface Subscriber {
  readonly request: LiveRequest;
  /** The first entry that was not sent to it, or found not to be for it. */
  next: number;
  /** More would wait for it than may, with `bytes` more: it has to take some of that first. */
  readonly full: (bytes: number) => boolean;
  readonly gone: () => boolean;
  send(bytes: Uint8Array): void;
  /** Resolves when it has taken what waits, or is gone. */
  drained(): Promise<void>;
  /** Looks after it now and then: a sign of life where it is quiet, an end where it takes nothing. */
  tend(now: number): void;
  end(reason: string): void;
  onGone(then: () => void): void;
}

/** After a farewell, for it to arrive. */
const FAREWELL_MS = 1_000;

/** The response's head was sent on `socket`, which carries nothing but events from here on. */
export function createSubscriber(socket: Socket, request: LiveRequest, from: number): Subscriber {
  let sentAt = performance.now();
  let sent = 0;
  /** When it was last seen to have taken something, and how much it had by then. */
  let takenAt = sentAt;
  let taken = 0;
  // We look after it ourselves; a failed write ends in `close`, and there is nobody to tell.
  socket.setTimeout(0);
  socket.on('error', () => socket.destroy());

  const subscriber: Subscriber = {
    request,
    next: from,
    full: (bytes) => socket.writableLength > 0 && socket.writableLength + bytes > LIMITS.liveBacklogBytes,
    gone: () => socket.destroyed || socket.writableEnded,
    send(bytes) {
      if (subscriber.gone()) return;
      sentAt = performance.now();
      sent += bytes.length;
      socket.write(bytes);
    },
    drained: () =>
      new Promise((resolve) => {
        if (subscriber.gone() || !socket.writableNeedDrain) return resolve();
        const done = (): void => {
          socket.off('drain', done);
          socket.off('close', done);
          resolve();
        };
        socket.on('drain', done);
        socket.on('close', done);
      }),
    tend(now) {
      if (subscriber.gone()) return;
      const soFar = sent - socket.writableLength;
      if (soFar !== taken || socket.writableLength === 0) {
        taken = soFar;
        takenAt = now;
      }
      if (now - takenAt >= LIMITS.liveStallMs) socket.destroy();
      else if (now - sentAt >= LIMITS.liveHeartbeatMs && socket.writableLength === 0)
        subscriber.send(heartbeat(subscriber.next - 1));
    },
    end(reason) {
      if (subscriber.gone()) return;
      const frames = createFrames(256);
      frames.event(
        'end',
        { reason, next: subscriber.next },
        subscriber.next > 0 ? subscriber.next - 1 : undefined,
      );
      socket.end(frames.take());
      setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
    },
    onGone: (then) => void socket.once('close', then),
  };
  return subscriber;
}
