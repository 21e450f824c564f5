/**
 * The script of each shell: it calls `kvm-hotplug completion words`, which
 * knows commands, options, and the objects of this node.
 *
 * @module
 */

const BASH =
  `# Completion of kvm-hotplug for bash: eval "$(kvm-hotplug completion bash)"
_kvm_hotplug() {
  local line=\${COMP_LINE:0:COMP_POINT} cur prefix= one
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  cur=\${words[-1]}
  # bash itself takes = and : for ends of words.
  [[ $cur == *[=:]* ]] && prefix=\${cur%"\${cur##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r one _; do
    if [[ $one == :files ]]; then
      compopt -o default
      return
    fi
    [[ $one == *[=.] ]] && compopt -o nospace
    # A name may have blanks.
    printf -v one %q "\${one#"$prefix"}"
    COMPREPLY+=("$one")
  done < <("\${words[0]}" completion words -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _kvm_hotplug kvm-hotplug`;

const ZSH = `#compdef kvm-hotplug
# Completion of kvm-hotplug for zsh: source <(kvm-hotplug completion zsh)
_kvm_hotplug() {
  local -a lines plain plain_notes open open_notes
  local one word
  lines=("\${(@f)$("\${words[1]}" completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for one in $lines; do
    word=\${one%%$'\\t'*}
    if [[ $word == :files ]]; then
      _files
      return
    fi
    if [[ $word == *[=.] ]]; then
      open+=($word)
      open_notes+=("\${one/$'\\t'/  -- }")
    else
      plain+=($word)
      plain_notes+=("\${one/$'\\t'/  -- }")
    fi
  done
  (( \${#plain} )) && compadd -l -d plain_notes -- $plain
  (( \${#open} )) && compadd -S '' -l -d open_notes -- $open
}
if [[ $funcstack[1] == _kvm_hotplug ]]; then
  _kvm_hotplug
else
  compdef _kvm_hotplug kvm-hotplug
fi`;

const FISH =
  `# Completion of kvm-hotplug for fish: kvm-hotplug completion fish | source
function __kvm_hotplug_words
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l found ($words[1] completion words -- $words[2..-1] "$current" 2>/dev/null)
  if test "$found" = ":files"
    __fish_complete_path "$current"
  else
    printf '%s\\n' $found
  end
end
complete -c kvm-hotplug -f -a '(__kvm_hotplug_words)'`;

/** By the shell's name. */
export const SCRIPTS: ReadonlyMap<string, string> = new Map(Object.entries({
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
}));
