import type { CommandModule } from 'yargs';
import type { Common } from '../ask.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

interface Args extends Common {
  readonly shell: Shell;
}

export const completion: CommandModule<object, Args> = {
  command: 'completion <shell>',
  describe: 'print the script with which bash, zsh or fish completes verbs, options, devices and policies',
  builder: (yargs) =>
    yargs
      .positional('shell', { choices: SHELLS, demandOption: true, describe: 'for which' })
      .example('$0 completion bash > /etc/bash_completion.d/hedgerow', 'bash, for everybody')
      .example('$0 completion zsh > /usr/share/zsh/vendor-completions/_hedgerow', 'zsh')
      .example('$0 completion fish > ~/.config/fish/completions/hedgerow.fish', 'fish') as never,
  handler: (args) => {
    process.stdout.write(scriptFor(args.shell));
  },
};

/** The script that a shell is to read. */
export function scriptFor(shell: Shell): string {
  return { bash: BASH, zsh: ZSH, fish: FISH }[shell];
}

/** Bash takes words apart at colons, of which a MAC has five: they are put together, and what was typed is taken off. */
const BASH = String.raw`# Hedgerow: completion for bash
_hedgerow() {
  local at=$COMP_CWORD typed=${'$'}{COMP_WORDS[COMP_CWORD]} quote='' word
  while (( at > 1 )) && [[ $typed == :* || ${'$'}{COMP_WORDS[at-1]} == *: ]]; do
    (( at -= 1 ))
    typed=${'$'}{COMP_WORDS[at]}$typed
  done
  case $typed in
    \"*|\'*) quote=${'$'}{typed:0:1}; typed=${'$'}{typed:1} ;;
    *\\*) typed=${'$'}{typed//\\/} ;;
  esac
  local cut=${'$'}{typed%"${'$'}{typed##*:}"}
  COMPREPLY=()
  while IFS= read -r word; do
    word=${'$'}{word:${'$'}{#cut}}
    if [[ -z $quote ]]; then printf -v word '%q' "$word"; fi
    COMPREPLY+=("$word")
  done < <(hedgerow --complete "${'$'}{COMP_WORDS[@]:1:at-1}" "$typed" 2>/dev/null)
}
complete -o bashdefault -o default -F _hedgerow hedgerow
`;

const ZSH = `#compdef hedgerow
# Hedgerow: completion for zsh
_hedgerow() {
  local -a found
  found=("${'$'}{(@f)$(hedgerow --complete "${'$'}{(@Q)words[2,CURRENT-1]}" "${'$'}{(Q)PREFIX}" 2>/dev/null)}")
  if (( ${'$'}{#found} )) && [[ -n $found[1] ]]; then
    compadd -M 'm:{a-zA-Z}={A-Za-z}' -a found
  else
    _default
  fi
}
if [[ ${'$'}{zsh_eval_context[-1]} == loadautofunc ]]; then
  _hedgerow "$@"
else
  compdef _hedgerow hedgerow
fi
`;

const FISH = `# Hedgerow: completion for fish
function __hedgerow_complete
    set -l words (commandline -opc)
    hedgerow --complete $words[2..-1] (commandline -ct | string collect --allow-empty) 2>/dev/null
end
complete -c hedgerow -n 'not __fish_seen_subcommand_from import export' -f
complete -c hedgerow -a '(__hedgerow_complete)'
`;
