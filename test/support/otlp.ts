/** OTLP requests written by the book, as JSON and as protobuf, for what the real senders never send. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export type Value =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly Value[] } }
  | { readonly kvlistValue: { readonly values: readonly KeyValue[] } }
  | Readonly<Record<string, never>>;
export interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

export interface SpanJson {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: readonly KeyValue[];
  }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly droppedAttributesCount: number;
  readonly status: { readonly code: number; readonly message: string };
}

export interface LogJson {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: Value;
  readonly attributes: readonly KeyValue[];
  readonly eventName: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

interface About {
  readonly resource?: readonly KeyValue[];
  readonly scope?: string;
}

export function tracesJson(spans: readonly SpanJson[], { resource = [], scope = 's' }: About = {}): object {
  return {
    resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ scope: { name: scope }, spans }] }],
  };
}

export function logsJson(records: readonly LogJson[], { resource = [], scope = 's' }: About = {}): object {
  return {
    resourceLogs: [
      { resource: { attributes: resource }, scopeLogs: [{ scope: { name: scope }, logRecords: records }] },
    ],
  };
}

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

function message(writer: BinaryWriter, no: number, fill: (inner: BinaryWriter) => void): void {
  const inner = new BinaryWriter();
  fill(inner);
  writer.tag(no, WireType.LengthDelimited).bytes(inner.finish());
}

const text = (writer: BinaryWriter, no: number, value: string): void => {
  if (value !== '') writer.tag(no, WireType.LengthDelimited).string(value);
};
const bytes = (writer: BinaryWriter, no: number, value: string): void => {
  if (value !== '') writer.tag(no, WireType.LengthDelimited).bytes(hex(value));
};
const varint = (writer: BinaryWriter, no: number, value: number): void => {
  if (value !== 0) writer.tag(no, WireType.Varint).uint32(value);
};

function writeValue(writer: BinaryWriter, value: Value): void {
  if ('stringValue' in value) writer.tag(1, WireType.LengthDelimited).string(String(value.stringValue));
  else if ('boolValue' in value) writer.tag(2, WireType.Varint).bool(value.boolValue === true);
  else if ('intValue' in value) writer.tag(3, WireType.Varint).int64(String(value.intValue));
  else if ('doubleValue' in value) writer.tag(4, WireType.Bit64).double(Number(value.doubleValue));
  else if ('arrayValue' in value) {
    const { values } = value.arrayValue as { values: readonly Value[] };
    message(writer, 5, (list) => {
      for (const one of values) message(list, 1, (inner) => writeValue(inner, one));
    });
  } else if ('kvlistValue' in value) {
    const { values } = value.kvlistValue as { values: readonly KeyValue[] };
    message(writer, 6, (list) => attributes(list, 1, values));
  }
}

function attributes(writer: BinaryWriter, no: number, pairs: readonly KeyValue[]): void {
  for (const { key, value } of pairs)
    message(writer, no, (pair) => {
      text(pair, 1, key);
      message(pair, 2, (inner) => writeValue(inner, value));
    });
}

function wrapped(records: (writer: BinaryWriter) => void, { resource = [], scope = 's' }: About): Uint8Array {
  const writer = new BinaryWriter();
  message(writer, 1, (group) => {
    // What a sender may do: the scopes in front of the resource.
    message(group, 2, (within) => {
      records(within);
      message(within, 1, (inner) => text(inner, 1, scope));
    });
    message(group, 1, (inner) => attributes(inner, 1, resource));
  });
  return writer.finish();
}

export function tracesProtobuf(spans: readonly SpanJson[], about: About = {}): Uint8Array {
  return wrapped((within) => {
    for (const span of spans)
      message(within, 2, (one) => {
        bytes(one, 1, span.traceId);
        bytes(one, 2, span.spanId);
        bytes(one, 4, span.parentSpanId ?? '');
        text(one, 5, span.name);
        varint(one, 6, span.kind);
        one.tag(7, WireType.Bit64).fixed64(span.startTimeUnixNano);
        one.tag(8, WireType.Bit64).fixed64(span.endTimeUnixNano);
        attributes(one, 9, span.attributes);
        varint(one, 10, span.droppedAttributesCount);
        for (const event of span.events)
          message(one, 11, (inner) => {
            inner.tag(1, WireType.Bit64).fixed64(event.timeUnixNano);
            text(inner, 2, event.name);
            attributes(inner, 3, event.attributes);
          });
        for (const link of span.links)
          message(one, 13, (inner) => {
            bytes(inner, 1, link.traceId);
            bytes(inner, 2, link.spanId);
          });
        message(one, 15, (inner) => {
          text(inner, 2, span.status.message);
          varint(inner, 3, span.status.code);
        });
        // A field of a later version.
        one.tag(900, WireType.LengthDelimited).string('later');
      });
  }, about);
}

export function logsProtobuf(records: readonly LogJson[], about: About = {}): Uint8Array {
  return wrapped((within) => {
    for (const record of records)
      message(within, 2, (one) => {
        one.tag(1, WireType.Bit64).fixed64(record.timeUnixNano);
        varint(one, 2, record.severityNumber);
        text(one, 3, record.severityText);
        message(one, 5, (inner) => writeValue(inner, record.body));
        attributes(one, 6, record.attributes);
        one.tag(8, WireType.Bit32).fixed32(record.flags);
        bytes(one, 9, record.traceId);
        bytes(one, 10, record.spanId);
        one.tag(11, WireType.Bit64).fixed64(record.observedTimeUnixNano);
        text(one, 12, record.eventName);
      });
  }, about);
}

const told = (value: Value): Value => value;

/** A span with everything that one can have. */
export function spanJson(more: Partial<SpanJson> = {}): SpanJson {
  return {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentSpanId: '00f067aa0ba902b7',
    name: 'execute_tool order.find',
    kind: 1,
    startTimeUnixNano: '1795176000123456789',
    endTimeUnixNano: '1795176001123456789',
    attributes: [
      { key: 'gen_ai.operation.name', value: told({ stringValue: 'execute_tool' }) },
      { key: 'gen_ai.tool.name', value: told({ stringValue: 'order.find' }) },
      { key: 'n', value: told({ intValue: '-5' }) },
      { key: 'big', value: told({ intValue: '9007199254740993' }) },
      { key: 'x', value: told({ doubleValue: 1.5 }) },
      { key: 'b', value: told({ boolValue: true }) },
      { key: 'l', value: told({ arrayValue: { values: [{ stringValue: 'a' }, {}] } }) },
      { key: 'm', value: told({ kvlistValue: { values: [{ key: 'k', value: { intValue: '1' } }] } }) },
    ],
    events: [
      {
        timeUnixNano: '1795176000223456789',
        name: 'exception',
        attributes: [{ key: 'exception.type', value: told({ stringValue: 'E' }) }],
      },
    ],
    links: [{ traceId: '0af7651916cd43dd8448eb211c80319d', spanId: 'b7ad6b7169203332' }],
    droppedAttributesCount: 3,
    status: { code: 2, message: 'failed' },
    ...more,
  };
}

export function logJson(more: Partial<LogJson> = {}): LogJson {
  return {
    timeUnixNano: '1795176000123456789',
    observedTimeUnixNano: '1795176000123456790',
    severityNumber: 9,
    severityText: 'INFO',
    body: told({ kvlistValue: { values: [{ key: 'content', value: { stringValue: 'hello' } }] } }),
    attributes: [{ key: 'a', value: told({ stringValue: 'b' }) }],
    eventName: 'gen_ai.user.message',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    flags: 1,
    ...more,
  };
}
