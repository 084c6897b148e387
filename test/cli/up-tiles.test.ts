import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../support/home.ts';
import { makeHome, type Started } from './home.ts';

/** Not `fetch`: that one says it is a page. */
function ask(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, { headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    }).on('error', reject);
  });
}

const tilesOf = (started: Started): string | undefined =>
  /tiles\s+(http:\/\/127\.0\.0\.1:\d+\/log\/local)\/checkpoint\n/.exec(started.output())?.[1];

test('tally up serves the log over HTTP to programs on this machine, and to no page', async (t) => {
  const home = makeHome(t);
  const { started } = await home.up();
  const url = tilesOf(started);
  assert.ok(url, started.output());
  // The first checkpoint is of size 0; the entries of the start are signed within a moment.
  const checkpoint = await until(async () => {
    const answer = await ask(`${url}/checkpoint`);
    return answer.text.split('\n')[1] === '0' ? undefined : answer;
  }, 'a checkpoint over entries');
  assert.equal(checkpoint.status, 200);
  assert.match(checkpoint.text, /^\S+\/local\n\d+\n/);
  const size = Number(checkpoint.text.split('\n')[1]);
  assert.equal((await ask(`${url}/tile/entries/000.p/${size}`)).status, 200);
  assert.equal((await ask(`${url}/checkpoint`, { Origin: 'https://evil.example' })).status, 403);
  assert.equal((await ask(`${url}/checkpoint`, { Host: 'evil.example' })).status, 403);
  started.process.kill('SIGTERM');
  assert.equal((await started.ended).code, 0);
});

test('a taken port costs the tiles and a warning, not the recording', async (t) => {
  const home = makeHome(t);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const started = home.start(['up', '--port', '0'], { env: { TALLY_UI_PORT: String(port) } });
  const said = await started.until(/look .*\n/);
  assert.match(
    said,
    new RegExp(
      `warning: .*not served over HTTP: port ${port} of 127\\.0\\.0\\.1 is taken by pid ${process.pid}`,
    ),
  );
  assert.match(said, /broker\s+http/);
  assert.equal(tilesOf(started), undefined);
});

test('tiles are switched off by a flag or by the configuration, and a port that is none is refused', async (t) => {
  const home = makeHome(t);
  const byFlag = await home.up('--no-tiles');
  assert.doesNotMatch(byFlag.started.output(), /tiles/);
  byFlag.started.process.kill('SIGTERM');
  await byFlag.started.ended;
  writeFileSync(join(home.directory, 'config.yaml'), 'tiles: false\n', { mode: 0o600 });
  const byConfig = await home.up();
  assert.doesNotMatch(byConfig.started.output(), /tiles/);
  byConfig.started.process.kill('SIGTERM');
  await byConfig.started.ended;
  writeFileSync(join(home.directory, 'config.yaml'), 'tiles: true\n', { mode: 0o600 });
  const refused = await home.tally(['up', '--port', '0'], { env: { TALLY_UI_PORT: '99999' } });
  assert.deepEqual([refused.code, refused.error().code], [2, 'BAD_CONFIG']);
});
