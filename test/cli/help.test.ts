import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { foldHelp, portNumber } from '../../src/cli/help.ts';

const HELP = `Examples:
  tally policy check     would the file be taken?
  tally policy explain --url https://api.stripe.com   why, or why not

Usage: tally policy [options] [command]

--json prints the decision with its layers, one after
the other, and the state.

Options:
  -h, --help             display help for command
`;

describe('a port given as an option', () => {
  it('is one that can be listened on, and anything else is a wrong option, not a failure later', () => {
    assert.deepEqual(['0', '8765', '65535'].map(portNumber), [0, 8765, 65_535]);
    for (const text of ['65536', '70000', '-1', '8765x', '', '1e3', ' 1'])
      assert.throws(() => portNumber(text), /from 0 \(any\) to 65535/, text);
  });
});

describe('help', () => {
  it('fits a narrow terminal without a broken word, and what fits stays as it is', () => {
    assert.equal(
      foldHelp(HELP, 40),
      `Examples:
  tally policy check
      would the file be taken?
  tally policy explain --url
    https://api.stripe.com
      why, or why not

Usage: tally policy [options] [command]

--json prints the decision with its
layers, one after the other, and the
state.

Options:
  -h, --help
      display help for command
`,
    );
    assert.equal(foldHelp(HELP, 80), HELP);
    assert.equal(foldHelp(HELP, undefined), HELP);
  });
});
