# zsh -f capture.zsh SCRIPT LINE: prints each word that the completion of SCRIPT offers
# at the end of LINE. Completion exists only in the line editor, and so on a terminal.
zmodload zsh/zpty || exit 1
zpty editor zsh -f -i
send() { zpty -w editor "$1" }
send 'PROMPT=; RPROMPT=; autoload -Uz compinit; compinit -u -D'
send "source ${(q)1}"
send 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return
    fi
    local -a found
    local word
    builtin compadd -A found "$@"
    for word in "${found[@]}"; do print -r -- "OFFERED:$word"; done
}'
send 'finish() { print -r -- "THE""END"; exit }'
send 'zle -N finish; bindkey "^X" finish; bindkey "^I" complete-word'
send 'print -r -- "RE""ADY"'
zpty -r editor text '*READY*'
zpty -n -w editor "$2"$'\t\x18'
zpty -r editor text '*THEEND*'
print -r -- "$text"
