/**
 * The command `agentsecrets` for clients of AgentSecrets, which look for it on PATH: a POSIX shell script that hands what
 * it is asked for to tally. What those clients read of its output, and what has no counterpart here, is in
 * docs/broker.md. Everything it is given stays quoted; it evaluates nothing.
 */

/** How a file of ours is known again. */
export const MARK = '# Written by `tally install agentsecrets-shim`.';

/** Between single quotes nothing is special to a shell but the quote itself. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `node`, `program`: absolute paths of what runs tally now; where they are gone, `tally` on PATH does. */
export function shimText(node: string, program: string): string {
  return `#!/bin/sh
${MARK}
# The command of AgentSecrets, done by tally: docs/broker.md. \`tally uninstall agentsecrets-shim DIR\` removes it.
node=${literal(node)}
program=${literal(program)}

run() {
  if [ -x "$node" ] && [ -f "$program" ]; then exec "$node" "$program" "$@"; fi
  exec tally "$@"
}

fail() {
  printf 'agentsecrets (tally): %s\\n' "$1" >&2
  exit "\${2:-2}"
}

none() {
  fail "'$1' has no counterpart here; $2"
}

# Names alone, one a line.
names() {
  listed=$(run secrets list --global) || exit
  printf '%s\\n' "$listed" | sed -e 1d -e 's/ .*//' -e '/^$/d'
}

secrets() {
  case \${1-} in
    list)
      shift
      if [ $# -gt 0 ]; then run secrets list --global "$@"; fi
      found=$(names) || exit
      printf 'Key\\n'
      if [ -n "$found" ]; then printf '%s\\n' "$found"; fi
      ;;
    get)
      [ $# -eq 2 ] || fail 'usage: agentsecrets secrets get KEY'
      found=$(names) || exit
      printf '%s\\n' "$found" | grep -Fqx -e "$2" || fail "secret '$2' not found in keychain" 3
      # As there: the name, never the value.
      printf '\\n%s\\n' "$2"
      ;;
    set)
      shift
      [ $# -gt 0 ] || fail 'usage: agentsecrets secrets set KEY=VALUE'
      printf 'warning: other programs can see a command line; better: tally secrets set KEY\\n' >&2
      for pair in "$@"; do
        case $pair in
          ?*=*) ;;
          *) fail 'a secret is given as KEY=VALUE' ;;
        esac
        # printf is part of the shell: the value is in no other command line.
        printf '%s' "\${pair#*=}" | (run secrets set --global "\${pair%%=*}") || exit
      done
      ;;
    delete)
      shift
      run secrets delete --global "$@"
      ;;
    *) none "secrets \${1-}" 'secrets stay on this machine: tally secrets --help' ;;
  esac
}

proxy() {
  sub=\${1-}
  [ $# -gt 0 ] && shift
  case $sub in
    start)
      # On a terminal it stays until Ctrl-C; a client that starts it waits for it to answer.
      if [ -t 1 ]; then run up "$@"; fi
      run up --background "$@"
      ;;
    stop) run down ;;
    status)
      status=$(run status) || exit
      url=$(printf '%s\\n' "$status" | sed -n 's/^broker  *\\(http[^ ]*\\).*/\\1/p')
      [ -n "$url" ] || fail 'the proxy is not running; start it: agentsecrets proxy start' 1
      printf 'Proxy is running\\nPort: %s\\n' "\${url##*:}"
      ;;
    logs)
      last=20
      secret=
      while [ $# -gt 0 ]; do
        case $1 in
          --last=*) last=\${1#*=} ;;
          --secret=*) secret=\${1#*=} ;;
          --last | --secret)
            [ $# -gt 1 ] || fail "$1 needs a value"
            if [ "$1" = --last ]; then last=$2; else secret=$2; fi
            shift
            ;;
          *) fail "proxy logs has --last and --secret, not $1" ;;
        esac
        shift
      done
      if [ -n "$secret" ]; then run log list -n "$last" --credential "$secret"; fi
      run log list -n "$last"
      ;;
    *) none "proxy $sub" 'there is start, status, stop and logs' ;;
  esac
}

workspace() {
  case "\${1-} \${2-}" in
    'allowlist add')
      shift 2
      for host in "$@"; do (run policy allow "$host") || exit; done
      ;;
    *) none "workspace \${1-} \${2-}" 'what is allowed is in the policy: tally policy --help' ;;
  esac
}

command=\${1-}
[ $# -gt 0 ] && shift
case $command in
  call)
    TALLY_SHIM=agentsecrets
    export TALLY_SHIM
    run call "$@"
    ;;
  log) run log "$@" ;;
  status) run status "$@" ;;
  agent) run agent "$@" ;;
  init) run init "$@" ;;
  env)
    if [ "\${1-}" = -- ]; then shift; fi
    [ $# -gt 0 ] || fail 'usage: agentsecrets env -- COMMAND'
    run secrets run --global -- "$@"
    ;;
  secrets) secrets "$@" ;;
  proxy) proxy "$@" ;;
  workspace) workspace "$@" ;;
  --version | -v | version) run --version ;;
  '' | -h | --help | help)
    printf '%s\\n' 'The command of AgentSecrets, done by tally.' '' \\
      '  agentsecrets call --url URL --bearer KEY …' \\
      '  agentsecrets env -- COMMAND …' \\
      '  agentsecrets proxy start | status | stop | logs' \\
      '  agentsecrets log list | show | summary | tail | export | verify' \\
      '  agentsecrets secrets list | get | set | delete' \\
      '  agentsecrets workspace allowlist add HOST …' \\
      '  agentsecrets agent … | init | status'
    ;;
  *) none "$command" 'see agentsecrets --help, and tally --help' ;;
esac
`;
}
