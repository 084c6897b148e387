#!/usr/bin/env node
// Old syntax on purpose: an old Node must reach the version check and print one clear line, not a syntax error.
var major = parseInt(process.versions.node.split('.')[0], 10);
if (major < 24) {
  process.stderr.write(
    'tally: Node ' +
      process.versions.node +
      ' is too old; Tallystick needs Node 24 or newer. In a checkout, `npm ci` brings one: use `npx tally` or `npm start`.\n',
  );
  process.exitCode = 1;
} else {
  import('../dist/cli/main.js').then(
    (cli) => cli.main(process.argv),
    (error) => {
      process.stderr.write(
        'tally: cannot load the program: ' +
          String(error) +
          '\nhint: run `npm run build` in a checkout, or reinstall tallystick.\n',
      );
      process.exitCode = 1;
    },
  );
}
