/**
 * One response on its way back: decoded when the upstream compressed it, scrubbed, sent with back-pressure. Where no
 * credential went out, none can come back: such a response passes as it is, and as it comes.
 *
 * A response starts out held: for one turn of the event loop, or for LIMITS.holdResponseMs when its length is known and
 * small or its body has to be decoded. If it is complete by then it goes out in one piece with its length, and a
 * credential found in it is told in the header X-AS-Redacted. Otherwise it is streamed, chunk by chunk as it comes; what
 * is found then can only be told in a trailer of that name, because the headers are gone. The log knows in both cases.
 *
 * The hash in the log is of the body as the caller gets it: decoded, scrubbed, before chunked framing.
 */
// reason for length: the states of one response, which share nearly everything
import { createHash, type Hash, hash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { LIMITS } from '../../core/limits.ts';
import { codingsOf, decodersFor } from './decode.ts';
import {
  BROKEN,
  cutShort,
  decodeFailure,
  type Failure,
  noEnd,
  STALLED,
  unknownCoding,
  upstreamFailure,
} from './failure.ts';
import {
  buffersOf,
  type ResponseHead,
  responseHead,
  sendHints,
  trailerPairs,
  withoutCodedBody,
} from './response-head.ts';
import { NO_SCRUBBER, type Scrubber } from './scrub.ts';

/** What happened, once it is over. */
export interface RelayEnd {
  /** Undefined: the whole response was handed to the caller. */
  readonly failure: Failure | undefined;
  /** The upstream's, once its head had come. */
  readonly statusCode: number | undefined;
  readonly location: string | undefined;
  /** The caller has a head already: nothing but closing its connection can tell it of a failure. */
  readonly headSent: boolean;
  readonly bytes: number;
  readonly sha256: string | undefined;
}

export interface RelayOptions {
  readonly response: ServerResponse;
  readonly method: string;
  readonly host: string;
  /** NO_SCRUBBER: the response passes as it is, with its content coding and its length. */
  readonly scrubber: Scrubber;
  /** The caller speaks to the upstream through us, and not to us. */
  readonly forwarded: boolean;
  /** Headers of our own. */
  readonly extra: readonly string[];
  readonly stallMs: number;
  /** The request is about to be written to a connection. */
  readonly onStart: () => void;
  /** The connection that the answer comes on was reset: the client takes that for its end where it has no other. */
  readonly wasReset: () => boolean;
  /**
   * Called once, before the last bytes go out or the connection is cut. Answers, or resolves to, whether the end may be shown as a
   * success; the relay then sends the last bytes, else it destroys the caller's connection.
   */
  readonly onEnd: (end: RelayEnd) => boolean | Promise<boolean>;
  /** An exception that only a bug can cause. The caller's connection is already cut. */
  readonly onBug: (error: unknown) => void;
}

export interface Relay {
  readonly handler: Dispatcher.DispatchHandler;
  /** The caller is gone, or we are closing, or the upload failed: ends as this failure unless it already ended. */
  fail(failure: Failure): void;
  /** What comes from here on is not for it. False: it had ended already. */
  leave(): boolean;
}

const REDACTED = 'X-AS-Redacted';
/** Beyond this a copy costs more than a system call. */
const ONE_WRITE_BYTES = 16_384;

export function createRelay(options: RelayOptions): Relay {
  const { response, scrubber, host } = options;
  const verbatim = scrubber === NO_SCRUBBER;
  let controller: Dispatcher.DispatchController | undefined;
  let head: ResponseHead | undefined;
  let status = 0;
  let bodiless = false;
  /** Interim responses so far. */
  let early = 0;
  let held: Buffer[] | undefined = [];
  let heldBytes = 0;
  let release: NodeJS.Immediate | undefined;
  let releaseLater: NodeJS.Timeout | undefined;
  let stalled: NodeJS.Timeout | undefined;
  let digest: Hash | undefined;
  let bytes = 0;
  let decoders: readonly Duplex[] = [];
  let trailers: readonly Buffer[] = [];
  let over = false;
  // 'close' follows, and tells the same; without a listener the event would end the process.
  response.on('error', () => response.destroy());

  function stopTimers(): void {
    clearImmediate(release);
    clearTimeout(releaseLater);
    clearTimeout(stalled);
  }

  function finish(failure: Failure | undefined, sha256: string | undefined): boolean | Promise<boolean> {
    over = true;
    stopTimers();
    const end: RelayEnd = {
      failure,
      statusCode: status === 0 ? undefined : status,
      location: head?.location,
      headSent: response.headersSent,
      bytes,
      sha256,
    };
    return options.onEnd(end);
  }

  function fail(failure: Failure): void {
    if (over) return;
    for (const decoder of decoders) decoder.destroy();
    guarded(() => finish(failure, digest?.digest('hex')));
  }

  /** A bug of ours must not leave the caller with half a response that looks whole, nor end the process. */
  function broken(error: unknown): void {
    response.destroy();
    options.onBug(error);
  }

  /** Runs it, and meets what it throws now or later. */
  function guarded(step: () => unknown): void {
    try {
      const result = step();
      if (result instanceof Promise) result.catch(broken);
    } catch (error) {
      broken(error);
    }
  }

  function writeHead(length: string | undefined): void {
    if (head === undefined) return;
    const streamed = length === undefined && !bodiless;
    response.writeHead(status, [
      ...(decoders.length === 0 ? head.pairs : withoutCodedBody(head.pairs)),
      ...(length === undefined ? [] : ['content-length', length]),
      ...(scrubber.hits().count > 0 ? [REDACTED, 'true'] : []),
      ...(streamed && !verbatim && response.req.httpVersionMinor > 0 ? ['Trailer', REDACTED] : []),
      // Nobody could tell the rest of the body from the next request.
      ...(response.req.complete ? [] : ['connection', 'close']),
      ...options.extra,
    ]);
  }

  /**
   * What the upstream would have sent may be told only where the caller expects no body: told to a caller whose own
   * request was a GET (X-AS-Method made it a HEAD), the next answer would be read as this one's body.
   */
  function bodilessLength(): string | undefined {
    if (status === 204) return undefined;
    return response.req.method === 'HEAD' || status === 304 ? head?.contentLength : '0';
  }

  /** From here on everything is sent as it comes. */
  function stream(): void {
    const waiting = held;
    if (waiting === undefined || over) return;
    held = undefined;
    stopTimers();
    try {
      writeHead(bodiless ? bodilessLength() : verbatim ? head?.contentLength : undefined);
      digest = createHash('sha256');
      if (waiting.length === 0) response.flushHeaders();
      for (const chunk of waiting) send(chunk);
    } catch (error) {
      fail(BROKEN);
      broken(error);
    }
  }

  function releaseUnlessSmall(): void {
    const small = !verbatim && Number(head?.contentLength) <= LIMITS.heldResponseBytes;
    // Decoders take some turns of the loop, and a body that does not decode can still be told as a 502.
    if (small || decoders.length > 0) releaseLater = setTimeout(stream, LIMITS.holdResponseMs);
    else stream();
  }

  function send(chunk: Buffer): void {
    digest?.update(chunk);
    bytes += chunk.length;
    if (response.write(chunk) || stalled !== undefined) return;
    source()?.pause();
    stalled = setTimeout(() => fail(STALLED), options.stallMs);
    response.once('drain', () => {
      clearTimeout(stalled);
      stalled = undefined;
      source()?.resume();
    });
  }

  /** What the bytes come from. */
  function source(): { pause(): void; resume(): void } | undefined {
    return decoders.at(-1) ?? controller;
  }

  function take(chunk: Buffer): void {
    const clean = scrubber.push(chunk);
    if (over || clean.length === 0) return;
    if (held === undefined) {
      send(clean);
      return;
    }
    held.push(clean);
    heldBytes += clean.length;
    if (heldBytes > LIMITS.heldResponseBytes) stream();
  }

  function decodeWith(codings: readonly string[]): void {
    decoders = decodersFor(codings);
    for (const [i, decoder] of decoders.entries()) {
      decoder.on('error', (error) => {
        fail(decodeFailure(error, host));
        controller?.abort(new Error('the body does not decode'));
      });
      const next = decoders[i + 1];
      if (next === undefined) decoder.on('data', take).on('end', () => guarded(end));
      else decoder.pipe(next);
    }
  }

  function end(): unknown {
    if (over) return undefined;
    const last = scrubber.end();
    return held === undefined ? endStream(last) : endHeld(last, held);
  }

  /** Undefined, or resolves when it was shown, or is not to be. */
  function whenShown(sha256: string | undefined, show: () => void): Promise<void> | undefined {
    const shown = finish(undefined, sha256);
    if (shown === true) show();
    return shown instanceof Promise ? shown.then((may) => (may ? show() : undefined)) : undefined;
  }

  function endHeld(last: Buffer, parts: readonly Buffer[]): Promise<void> | undefined {
    const whole =
      last.length === 0 && parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat([...parts, last]);
    bytes = whole.length;
    const sha256 = bodiless ? undefined : hash('sha256', whole, 'hex');
    return whenShown(sha256, () => {
      writeHead(bodiless ? bodilessLength() : String(whole.length));
      // As text, head and body are one write to the socket; as bytes they would be two.
      if (whole.length <= ONE_WRITE_BYTES) response.end(whole.toString('latin1'), 'latin1');
      else response.end(whole);
    });
  }

  function endStream(last: Buffer): Promise<void> | undefined {
    digest?.update(last);
    bytes += last.length;
    const pairs = trailerPairs(trailers, scrubber.headers);
    return whenShown(digest?.digest('hex'), () => {
      if (scrubber.hits().count > 0) pairs.push([REDACTED, 'true']);
      if (pairs.length > 0) response.addTrailers(pairs);
      response.end(last);
    });
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (over) started.abort(new Error('the caller is gone'));
      else options.onStart();
    },
    onResponseStart(_controller, statusCode) {
      if (over) return;
      const raw = buffersOf(controller?.rawHeaders);
      // 1xx: the final response follows.
      if (statusCode < 200) {
        early++;
        // They are written whether the caller reads them or not.
        if (statusCode === 103 && options.forwarded && early <= LIMITS.earlyHints)
          sendHints(response, raw, scrubber.headers);
        if (early <= LIMITS.interimResponses) return;
        fail(noEnd(host));
        controller?.abort(new Error('too many interim responses'));
        return;
      }
      status = statusCode;
      bodiless = options.method === 'HEAD' || statusCode === 204 || statusCode === 304;
      head = responseHead(raw, scrubber.headers, options.forwarded);
      const { codings, unknown } = codingsOf(bodiless || verbatim ? undefined : head.contentEncoding);
      if (unknown !== undefined || (!bodiless && head.transferCoded)) {
        fail(unknownCoding(host));
        controller?.abort(new Error('unknown content coding'));
        return;
      }
      if ((bodiless || verbatim) && head.contentEncoding !== undefined)
        head.pairs.push('content-encoding', head.contentEncoding);
      decodeWith(codings);
      // Most small responses are complete when this callback returns.
      queueMicrotask(() => {
        if (!over) release = setImmediate(releaseUnlessSmall);
      });
    },
    onResponseData(_controller, chunk) {
      if (over) return;
      const [first] = decoders;
      if (first === undefined) take(chunk);
      else if (!first.write(chunk)) {
        controller?.pause();
        first.once('drain', () => controller?.resume());
      }
    },
    onResponseEnd() {
      if (!over && !bodiless && head?.framed === false && options.wasReset()) {
        fail(cutShort(host));
        return;
      }
      trailers = buffersOf(controller?.rawTrailers);
      const [first] = decoders;
      if (first === undefined) guarded(end);
      else first.end();
    },
    onResponseError(_controller, error) {
      fail(upstreamFailure(error, host));
    },
  };
  return {
    handler,
    fail,
    leave() {
      if (over) return false;
      over = true;
      stopTimers();
      return true;
    },
  };
}
