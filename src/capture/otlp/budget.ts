/** What one request may hold, whichever encoding it has: its records and values are counted while it is decoded. */
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Decoded, Item, Resource, Scope } from './model.ts';

/** The request is no OTLP. Nothing of it is recorded. */
export function undecodable(what: string): TallyError {
  return new TallyError('BAD_EVENT', `the body is no OTLP: ${what}`, {
    hint: 'send an ExportLogsServiceRequest or ExportTraceServiceRequest in the encoding that Content-Type names',
  });
}

/** Nothing of it is recorded either. */
export function tooMany(): TallyError {
  return new TallyError('ENTRY_TOO_LARGE', `one request holds more than ${LIMITS.otlpValues} values`, {
    hint: 'let the sender batch fewer spans or records: OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BLRP_MAX_EXPORT_BATCH_SIZE',
  });
}

export interface Collected<T> {
  /** Throws ENTRY_TOO_LARGE when the request holds more values than one may. */
  value(): void;
  add(resource: Resource, scope: Scope, record: T): void;
  /** One that is none: the others are taken. */
  refuse(why: string): void;
  done(): Decoded<T>;
}

export function collect<T>(): Collected<T> {
  const items: Item<T>[] = [];
  let values = 0;
  let refused = 0;
  let why: string | undefined;
  const refuse = (reason: string): void => {
    refused++;
    why ??= reason;
  };
  return {
    value() {
      if (++values > LIMITS.otlpValues) throw tooMany();
    },
    add(resource, scope, record) {
      if (items.length < LIMITS.otlpRecords) items.push({ resource, scope, record });
      else refuse(`one request may hold ${LIMITS.otlpRecords} of them`);
    },
    refuse,
    done: () => ({ items, refused, ...(why === undefined ? {} : { why }) }),
  };
}
