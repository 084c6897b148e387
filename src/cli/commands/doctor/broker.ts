import { get } from 'node:http';
import type { OpResults } from '../../../recorder/ops.ts';
import { type Check, fail, ok, skip } from './check.ts';

const ANSWER_MS = 3_000;

export async function checkBroker(running: OpResults['status'] | undefined): Promise<readonly Check[]> {
  if (running === undefined)
    return [skip('recorder', 'not running (tally up)'), skip('broker', 'not running')];
  const recorder =
    running.failure === undefined
      ? ok('recorder', `running, pid ${running.pid}, ${running.size} entries`)
      : fail('recorder', `it has stopped recording: ${running.failure}`, `kill ${running.pid}; tally up`);
  const url = running.proxy_url;
  if (url === undefined) return [recorder, skip('broker', 'this recorder was started without one')];
  const answer = await health(url);
  return [
    recorder,
    answer === 200
      ? ok('broker', `${url} answers`)
      : fail(
          'broker',
          `${url} does not answer as it should (${answer})`,
          `look at the output of \`tally up\` (pid ${running.pid}), and start it again`,
        ),
  ];
}

function health(url: string): Promise<number | string> {
  return new Promise((resolve) => {
    const request = get(`${url}/health`, { timeout: ANSWER_MS }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    request.on('error', (error) => resolve(error.message));
  });
}
