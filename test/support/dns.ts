/** A DNS server on 127.0.0.1 (RFC 1035 over UDP), whose answers a test makes up, and a resolver that asks it alone. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import type { TestContext } from 'node:test';

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string; readonly name?: string; readonly ttl?: number }
  | { readonly type: 'CNAME'; readonly to: string; readonly name?: string; readonly ttl?: number };

export interface DnsServer {
  /** Every question so far, as "A name". */
  readonly asked: readonly string[];
  /** A and AAAA, as the system's resolver would ask for both. Rejects when there is neither. */
  resolve(host: string): Promise<readonly string[]>;
}

const TYPES = { A: 1, CNAME: 5, AAAA: 28 } as const;
const IN = 1;
const NOT_FOUND = 3;

/** `answer`: the records for a question; undefined: there is no such name. */
export async function dnsServer(
  t: TestContext,
  answer: (name: string, type: 'A' | 'AAAA') => readonly DnsRecord[] | undefined,
): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (message, from) => {
    const { name, end } = readName(message, 12);
    const type = message.readUInt16BE(end) === TYPES.AAAA ? 'AAAA' : 'A';
    asked.push(`${type} ${name}`);
    const records = answer(name, type);
    const question = message.subarray(12, end + 4);
    const head = Buffer.alloc(12);
    message.copy(head, 0, 0, 2);
    // An authoritative answer to a recursive question.
    head.writeUInt16BE(0x8580 | (records === undefined ? NOT_FOUND : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records?.length ?? 0, 6);
    socket.send(
      Buffer.concat([head, question, ...(records ?? []).map((record) => encode(name, record))]),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.after(() => new Promise<void>((resolve) => socket.close(resolve)));
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return {
    asked,
    async resolve(host) {
      const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
      const addresses = found.flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
      const [first] = found;
      if (addresses.length === 0 && first.status === 'rejected') throw first.reason;
      return addresses;
    },
  };
}

function readName(message: Buffer, at: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let end = at;
  for (let length = message[end] ?? 0; length > 0; length = message[end] ?? 0) {
    labels.push(message.toString('latin1', end + 1, end + 1 + length));
    end += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: end + 1 };
}

function writeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.of(0)]);
}

function encode(asked: string, record: DnsRecord): Buffer {
  const data = record.type === 'CNAME' ? writeName(record.to) : addressBytes(record.address);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[record.type], 0);
  fixed.writeUInt16BE(IN, 2);
  fixed.writeUInt32BE(record.ttl ?? 0, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([writeName(record.name ?? asked), fixed, data]);
}

function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  // Through `URL`, which has IPv6 in one form, with dotted decimal already turned into groups.
  const [before = '', after] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [left, right] = [groups(before), groups(after ?? '')];
  const all =
    after === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
