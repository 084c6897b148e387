/** One real call: a program's CONNECT, TLS that ends in the broker, a placeholder, and the two entries. */
import { request } from 'node:http';
import { connect as tlsConnect } from 'node:tls';
import type { Context } from '../../context.ts';
import { type Check, fail, ok } from './check.ts';
import { checkPrograms } from './programs.ts';
import { HOST, type Scratch, withScratch } from './scratch.ts';

const PATH = '/doctor';
const LONGEST_MS = 10_000;
const MEND = 'try it with a program: tally run -- curl -sS https://HOST/ (after tally policy allow HOST)';

/** And with it what programs of this machine make of a proxy. */
export async function checkCall(context: Context): Promise<readonly Check[]> {
  try {
    return await withScratch(context, async (scratch) => {
      const started = performance.now();
      const problem = await inTime(attempt(scratch));
      const ms = Math.round(performance.now() - started);
      const where = 'through a broker in a scratch directory';
      if (problem !== undefined) return [fail('call', `${where}: ${problem}`, MEND)];
      return [
        ok('call', `one was made over TLS ${where}, recorded and scrubbed (${ms} ms)`),
        await checkPrograms(context, scratch),
      ];
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [fail('call', `no broker could be had in a scratch directory: ${why}`, MEND)];
  }
}

async function inTime(attempted: Promise<string | undefined>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no end within ${LONGEST_MS / 1000} s`), LONGEST_MS);
  });
  try {
    return await Promise.race([attempted, late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}

/** What was not as it has to be; undefined: all was well. */
async function attempt(scratch: Scratch): Promise<string | undefined> {
  const { recorder, session } = scratch;
  const before = recorder.size();
  const answer = await callThrough(scratch);
  if (!/^HTTP\/1\.1 200 /.test(answer))
    return `it was answered with ${answer.slice(9, 12)}: ${bodyOf(answer)}`;
  if (scratch.arrived(PATH) !== 'with the credential') return 'the credential did not arrive at the upstream';
  if (scratch.shows(answer)) return 'the credential was not taken out of the answer';
  // The second entry may be on its way to the disk still.
  await session.ask('checkpoint', {});
  const entries = recorder.size() - before;
  return entries < 2 ? `it left ${entries} of its two entries` : undefined;
}

const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n')).trim();

/** As a program does it that knows of a proxy and of its authority, and of nothing else. Resolves to the whole answer. */
function callThrough({ url, port, token, placeholder, authority }: Scratch): Promise<string> {
  const proxy = new URL(url);
  const place = `${HOST}:${port}`;
  const basic = Buffer.from(`run:${token}`).toString('base64');
  return new Promise((resolve, reject) => {
    const connecting = request({
      host: proxy.hostname,
      port: proxy.port,
      method: 'CONNECT',
      path: place,
      headers: { host: place, 'proxy-authorization': `Basic ${basic}` },
      agent: false,
    });
    connecting.once('error', reject);
    connecting.once('connect', ({ statusCode }, socket) => {
      if (statusCode !== 200) {
        socket.destroy();
        reject(new Error(`CONNECT was answered with ${statusCode}`));
        return;
      }
      const secure = tlsConnect({ socket, host: HOST, ca: authority.certificate });
      let text = '';
      secure.setEncoding('latin1').on('data', (part: string) => {
        text += part;
      });
      secure.once('error', reject).once('end', () => resolve(text));
      secure.write(
        `GET ${PATH} HTTP/1.1\r\nHost: ${place}\r\nAuthorization: Bearer ${placeholder}\r\nConnection: close\r\n\r\n`,
      );
    });
    connecting.end();
  });
}
