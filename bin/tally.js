#!/usr/bin/env node
// Old syntax on purpose: an old Node must reach the version check and print one clear line, not a syntax error.
var major = parseInt(process.versions.node.split('.')[0], 10);
if (major < 24) {
  runUnderOwnNode();
} else {
  quicken()
    .then(() => import('../dist/cli/main.js'))
    .then(
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

/**
 * Most of a short command is loading itself. What the engine compiled is kept in the user's own cache directory, which
 * nobody else can write. NODE_DISABLE_COMPILE_CACHE switches that off.
 */
function quicken() {
  var env = process.env;
  var first = process.argv[2];
  if (first === undefined || first.charAt(0) === '-') return Promise.resolve();
  return Promise.all([import('node:module'), import('node:path'), import('node:os'), import('node:fs')])
    .then((modules) => {
      if (env.NODE_COMPILE_CACHE !== undefined) return;
      var join = modules[1].join;
      var base = env.TALLY_HOME
        ? join(env.TALLY_HOME, 'cache')
        : join(env.XDG_CACHE_HOME || join(modules[2].homedir(), '.cache'), 'tallystick');
      modules[3].mkdirSync(base, { recursive: true, mode: 448 });
      var stat = modules[3].statSync(base);
      // Code is run from it: only where nobody else can write.
      if (stat.uid === process.getuid() && (stat.mode & 18) === 0)
        modules[0].enableCompileCache(join(base, 'compiled'));
    })
    .catch(() => {
      // A home that cannot be written: it is compiled anew each time.
    });
}

/** A checkout brings a Node of its own: `npm link` makes a command that is started by whatever Node is older. */
function runUnderOwnNode() {
  Promise.all([import('node:child_process'), import('node:fs'), import('node:url')]).then((modules) => {
    var own = modules[2].fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
    if (!modules[1].existsSync(own)) {
      process.stderr.write(
        'tally: Node ' +
          process.versions.node +
          ' is too old; Tallystick needs Node 24 or newer. In a checkout, `npm ci` brings one.\n',
      );
      process.exitCode = 1;
      return;
    }
    var args = [modules[2].fileURLToPath(import.meta.url)].concat(process.argv.slice(2));
    var child = modules[0].spawn(own, args, { stdio: 'inherit' });
    ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((name) => {
      process.on(name, () => child.kill(name));
    });
    child.on('exit', (code, signal) => {
      if (signal === null) process.exit(code);
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  });
}
