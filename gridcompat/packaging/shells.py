"""Completion for bash, zsh and fish: each asks `gridcompat _complete` for words and shows them.

Must not know which words there are.
"""

from __future__ import annotations

import shlex

from gridcompat.packaging import commands

SHELLS = ("bash", "zsh", "fish")
PLACES = {
    "bash": "share/bash-completion/completions/{name}",
    "zsh": "share/zsh/site-functions/_gridcompat",
    "fish": "share/fish/vendor_completions.d/{name}.fish",
}
"""Where each shell looks for them, below a prefix. zsh has one file for all commands."""

_BASH = """\
# Completion of gridcompat's commands. Made by `gridcompat completion bash`.
_gridcompat() {{
    local IFS=$' \t\n' line=${{COMP_LINE:0:COMP_POINT}} words part word found cut own=''
    read -ra words <<< "$line"
    case $line in *[[:space:]]) words+=("") ;; esac
    part=${{words[${{#words[@]}} - 1]}}
    words[0]=${{words[0]##*/}}
    COMPREPLY=()
    while IFS= read -r found; do
        case $found in
        :files) compopt -o filenames; own=-f ;;
        :directories) compopt -o filenames; own=-d ;;
        :users) own=-u ;;
        :programs) own=-c ;;
        :nospace) compopt -o nospace ;;
        *) COMPREPLY+=("${{found%%$'\\t'*}}") ;;
        esac
    done < <({program} _complete "${{words[@]}}" 2>/dev/null)
    [ -z "$own" ] || while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$own" -- "$part")
    # bash replaces only what stands after the last of these.
    cut=${{part%"${{part##*[=:@]}}"}}
    [ -z "$cut" ] || COMPREPLY=("${{COMPREPLY[@]#"$cut"}}")
}}
complete -F _gridcompat {commands}
"""
_ZSH = """\
#compdef {commands}
# Completion of gridcompat's commands. Made by `gridcompat completion zsh`.
_gridcompat() {{
    local found word text
    local -a shown names last
    while IFS= read -r found; do
        case $found in
        :files) _files ;;
        :directories) _files -/ ;;
        :users) _users ;;
        :programs) _command_names -e ;;
        :nospace) last=(-S '') ;;
        *) word=${{found%%$'\\t'*}}; names+=("$word"); shown+=("$word  -- ${{found#*$'\\t'}}") ;;
        esac
    done < <({program} _complete "${{words[1]:t}}" "${{(@)words[2,CURRENT]}}" 2>/dev/null)
    (( $#names )) && compadd -l -d shown "${{last[@]}}" -a names
}}
if [ "$funcstack[1]" = _gridcompat ]; then _gridcompat "$@"; else compdef _gridcompat {commands}; fi
"""
_FISH = """\
# Completion of gridcompat's commands. Made by `gridcompat completion fish`.
function __gridcompat_words
    set -l words (commandline -opc) (commandline -ct)
    set words[1] (string replace -r '.*/' '' -- $words[1])
    for found in ({program} _complete $words 2>/dev/null)
        switch $found
            case :files
                __fish_complete_path (commandline -ct)
            case :directories
                __fish_complete_directories (commandline -ct)
            case :users
                __fish_complete_users
            case :programs
                complete -C (commandline -ct)
            case :nospace
            case '*'
                printf '%s\\n' $found
        end
    end
end
{lines}
"""


def script(shell: str, program: str) -> str:
    """Return what a shell reads; `program` is the absolute path of `gridcompat`."""
    names = " ".join(commands())
    if shell == "fish":
        lines = "\n".join(f"complete -c {name} -f -a '(__gridcompat_words)'" for name in commands())
        return _FISH.format(program=shlex.quote(program), lines=lines)
    return {"bash": _BASH, "zsh": _ZSH}[shell].format(program=shlex.quote(program), commands=names)
