/*
 * The completion scripts for bash, zsh and fish. They may be read twice, evaluate nothing, and quote what they insert:
 * directory names may have any characters. Each asks `iris-ports complete -- <words>`, which prints a value, a tab and a
 * description a line, and `:<directive>` at the end, for PowerShell. If there is no value, file names are completed.
 */

/** It needs neither the package bash-completion nor a new bash (macOS has 3.2). */
export const BASH_SCRIPT = `# bash completion for iris-ports
__iris_ports_complete() {
    local line=\${COMP_LINE:0:COMP_POINT} words value
    IFS=$' \\t' read -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local word=\${words[\${#words[@]}-1]}
    # Readline replaces only what follows the last = or : of a word.
    local kept=\${word%"\${word##*[=:]}"}
    COMPREPLY=()
    while IFS=$'\\t' read -r value _; do
        [[ $value == -*=* || $word != -*=* ]] || value=\${word%%=*}=$value
        [[ -n $value && $value != :* && $value == "$word"* ]] && COMPREPLY+=("$(printf %q "\${value#"$kept"}")")
    done < <(iris-ports complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F __iris_ports_complete iris-ports
`;

/** It starts the completion system if nothing has: on macOS, zsh has no configuration that would. */
export const ZSH_SCRIPT = `#compdef iris-ports
_iris_ports() {
    local value description
    local -a values lines
    while IFS=$'\\t' read -r value description; do
        [[ $value == :* ]] && continue
        values+=("$value")
        lines+=("$value\${description:+  -- $description}")
    done < <(iris-ports complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)
    [[ $PREFIX != -*=* ]] || compset -P 1 '*='
    compadd -l -d lines -a values || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
compdef _iris_ports iris-ports
`;

export const FISH_SCRIPT = `# fish completion for iris-ports
function __iris_ports_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor | string unescape)
    set -l option (string match --regex -- '^-[^=]*=' "$word")
    set -l values (iris-ports complete -- $words[2..-1] "$word" 2>/dev/null | string match --invert ':*')
    set --global __iris_ports_values "$option"$values
    test -n "$values"
end
complete --command iris-ports --erase
complete --command iris-ports --condition __iris_ports_complete --no-files --arguments '$__iris_ports_values'
`;
