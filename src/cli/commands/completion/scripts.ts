/** Each asks the program itself, so that they never name a command that is not there. */
const BASH = `_tally() {
  local IFS=$'\\n'
  COMPREPLY=( $(tally completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1) )
}
complete -o default -o nosort -F _tally tally
`;

const ZSH = `#compdef tally
_tally() {
  local -a found
  found=( "\${(@f)$(tally completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null | sed 's/:/\\\\:/g; s/\\t/:/')}" )
  if (( \${#found[1]} )); then _describe 'tally' found; else _files; fi
}
compdef _tally tally
`;

const FISH = `complete -c tally -f -a '(tally completion words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
complete -c tally -n '__fish_seen_subcommand_from run verify' -F
`;

export const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
