/** The bytes of a planned request. */
import type { Quirk, RequestPlan, Way } from './plans.ts';

export interface World {
  /** Of the upstream that is called: plain HTTP, and TLS. */
  readonly plainPort: number;
  readonly tlsPort: number;
  /** Of one that speaks no HTTP, and that the policy has tunnelled. */
  readonly rawPort: number;
  readonly brokerPort: number;
  readonly runToken: string;
  /** What stands for the credential in this run, and in another one. */
  readonly placeholder: string;
  readonly foreign: string;
}

/** The path says which request it is: "/f/17/0", and "/s/17/0" for the one that hides in its body. */
export const pathOf = (connection: number, at: number, kind: 'f' | 's' = 'f'): string =>
  `/${kind}/${connection}/${at}`;

const HOSTS: Partial<Record<Quirk, string>> = {
  'decimal-host': '2130706433',
  'octal-host': '0177.0.0.1',
  'mapped-host': '[::ffff:127.0.0.1]',
  'short-host': '127.1',
};

function proof({ proof: kind }: RequestPlan, way: Way, world: World): string[] {
  const good = `Basic ${Buffer.from(`run:${world.runToken}`).toString('base64')}`;
  const name = way === 'addressed' ? 'X-AS-Session-Token' : 'Proxy-Authorization';
  const value = way === 'addressed' ? world.runToken : good;
  // Inside of a CONNECT the one around it counts.
  if (way === 'tunnel') return kind === 'garbage' ? [`${name}: Basic !!!`] : [];
  switch (kind) {
    case 'none':
      return [];
    case 'run':
      return [`${name}: ${value}`];
    case 'garbage':
      return [`${name}: ${Buffer.from(String(world.plainPort * 7)).toString('base64')}`];
    case 'twice':
      return [`${name}: ${value}`, `${name}: ${value}x`];
  }
}

function credential({ credential: kind }: RequestPlan, world: World): string[] {
  switch (kind) {
    case 'none':
      return [];
    case 'named':
      return ['X-AS-Inject-Bearer: KEY'];
    case 'placeholder':
      return [`Authorization: Bearer ${world.placeholder}`];
    case 'foreign':
      return [`X-Api-Key: ${world.foreign}`];
    case 'unknown':
      return ['X-AS-Inject-Header-X-Api-Key: NO_SUCH_KEY'];
  }
}

interface Body {
  readonly headers: readonly string[];
  readonly bytes: Buffer;
}

function content({ size, json }: RequestPlan): Buffer {
  return Buffer.from(json ? JSON.stringify({ text: 'x'.repeat(size) }) : 'y'.repeat(size));
}

const chunk = (bytes: Buffer, length = bytes.length.toString(16)): Buffer =>
  Buffer.concat([Buffer.from(`${length}\r\n`), bytes, Buffer.from('\r\n')]);

function bodyOf(plan: RequestPlan, hidden: Buffer): Body {
  const type = plan.json ? ['Content-Type: application/json'] : ['Content-Type: text/plain'];
  const bytes = content(plan);
  const chunked = [...type, 'Transfer-Encoding: chunked'];
  const last = Buffer.from('0\r\n\r\n');
  switch (plan.body) {
    case 'none':
      return { headers: [], bytes: Buffer.alloc(0) };
    case 'whole':
      return { headers: [...type, `Content-Length: ${bytes.length}`], bytes };
    case 'chunked':
      return {
        headers: chunked,
        bytes: Buffer.concat([chunk(bytes.length === 0 ? Buffer.from('-') : bytes), last]),
      };
    case 'short':
      return { headers: [...type, `Content-Length: ${bytes.length + 7}`], bytes };
    case 'long':
      return { headers: [...type, `Content-Length: ${Math.floor(bytes.length / 2)}`], bytes };
    case 'bad-chunk':
      return {
        headers: chunked,
        bytes: Buffer.concat([chunk(bytes, `${bytes.length.toString(16)}zz`), last]),
      };
    case 'endless-chunk':
      return { headers: chunked, bytes: Buffer.concat([Buffer.from('fffffffffffffffff\r\n'), bytes]) };
    case 'request':
      return { headers: [...type, `Content-Length: ${hidden.length}`], bytes: hidden };
  }
}

/** Lines that a quirk adds, before or after the others. */
function oddLines(quirk: Quirk, world: World): string[] {
  switch (quirk) {
    case 'length-and-chunked':
      return ['Content-Length: 4', 'Transfer-Encoding: chunked'];
    case 'two-lengths':
      return ['Content-Length: 3', 'Content-Length: 4'];
    case 'coding-list':
      return ['Transfer-Encoding: chunked, identity'];
    case 'coding-odd':
      return ['Transfer-Encoding: \x0bchunked'];
    case 'folded':
      return ['X-Folded: one\r\n Transfer-Encoding: chunked'];
    case 'bare-cr':
      return ['X-Odd: a\rTransfer-Encoding: chunked'];
    case 'huge-header':
      return [`X-Huge: ${'h'.repeat(20_000)}`];
    case 'many-headers':
      return Array.from({ length: 2_500 }, (_, i) => `X-${i}: ${i}`);
    case 'nul':
      return ['X-Nul: a\x00b'];
    case 'not-utf8':
      return ['X-Latin: \xff\xfe\xc3'];
    case 'space-before-colon':
      return ['Content-Length : 5'];
    case 'upgrade':
      return [
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==',
      ];
    case 'expect':
      return ['Expect: 100-continue'];
    case 'expect-odd':
      return ['Expect: 999-never'];
    case 'override':
      return ['X-HTTP-Method-Override: DELETE'];
    case 'origin':
      return ['Origin: https://page.example', 'Sec-Fetch-Site: cross-site'];
    case 'control-header':
      return [`X-AS-Target-URL: http://127.0.0.1:${world.plainPort}/f/0/9`, 'X-AS-Inject-Bearer: KEY'];
    case 'connection-names':
      return ['Connection: Content-Length, Host, Authorization, close'];
    default:
      return [];
  }
}

export function bytesOf(plan: RequestPlan, way: Way, connection: number, at: number, world: World): Buffer {
  const { quirk } = plan;
  const port = way === 'tunnel' ? world.tlsPort : world.plainPort;
  const host = HOSTS[quirk] ?? (way === 'tunnel' ? 'localhost' : '127.0.0.1');
  const authority = `${quirk === 'userinfo' ? 'user:pass@' : ''}${host}:${port}`;
  const end = quirk === 'fragment' ? '#part' : '';
  const path = `${quirk === 'dot-segments' ? '/f/../.' : ''}${pathOf(connection, at)}?q=${at}${end}`;
  const url = `http://${authority}${path}`;
  const hidden = Buffer.from(
    `GET http://127.0.0.1:${world.plainPort}${pathOf(connection, at, 's')} HTTP/1.1\r\nHost: 127.0.0.1:${world.plainPort}\r\n\r\n`,
  );
  const body = bodyOf(plan, hidden);
  const version =
    quirk === 'http-1.0'
      ? ' HTTP/1.0'
      : quirk === 'http-0.9'
        ? ''
        : quirk === 'http-2'
          ? ' HTTP/2.0'
          : ' HTTP/1.1';
  const target = way === 'addressed' ? '/proxy' : way === 'absolute' ? url : path;
  const named = way === 'addressed' ? `127.0.0.1:${world.brokerPort}` : `${host}:${port}`;
  const hosts = {
    'no-host': [],
    'two-hosts': [`Host: ${named}`, 'Host: other.example'],
    'other-host-header': ['Host: other.example'],
  } as Partial<Record<Quirk, string[]>>;
  const lines = [
    `${plan.method} ${target}${version}`,
    ...(hosts[quirk] ?? [`Host: ${named}`]),
    ...(way === 'addressed' ? [`X-AS-Target-URL: ${url}`] : []),
    ...proof(plan, way, world),
    ...credential(plan, world),
    ...body.headers,
    ...oddLines(quirk, world),
  ];
  const newline = quirk === 'bare-lf' ? '\n' : '\r\n';
  return Buffer.concat([Buffer.from(`${lines.join(newline)}${newline}${newline}`, 'latin1'), body.bytes]);
}
