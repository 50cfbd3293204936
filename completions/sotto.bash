# bash completion for sotto. The options of a verb are read from `sotto VERB --help`, so there is no second list.
_sotto() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}
    [[ $verb == inspect && ${COMP_WORDS[2]} =~ ^(tokens|logits|memory)$ ]] && verb="inspect ${COMP_WORDS[2]}"
    [[ $verb == bench && ${COMP_WORDS[2]} =~ ^(ceiling|ladder|load)$ ]] && verb="bench ${COMP_WORDS[2]}"
    [[ $verb == history && ${COMP_WORDS[2]} =~ ^(show|search|export|delete)$ ]] && verb="history ${COMP_WORDS[2]}"
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W 'run chat talk convert export inspect bench quality history help --help --version' -- "$word"))
        return
    fi
    case $previous in
    --type) COMPREPLY=($(compgen -W 'q4_0 q8_0 f16 bf16 f32' -- "$word")) ;;
    --head) COMPREPLY=($(compgen -W 'q4_0 q6_k q8_0 f16 bf16 f32' -- "$word")) ;;
    --cache-type) COMPREPLY=($(compgen -W 'f16 q8_0 f32' -- "$word")) ;;
    --bits) COMPREPLY=($(compgen -W '4 8 16' -- "$word")) ;;
    --logits) COMPREPLY=($(compgen -W 'all last' -- "$word")) ;;
    --lookup) COMPREPLY=($(compgen -W 'auto on off' -- "$word")) ;;
    --color) COMPREPLY=($(compgen -W 'auto always never' -- "$word")) ;;
    --resume) COMPREPLY=($(compgen -W 'last' -- "$word")) ;;
    help) COMPREPLY=($(compgen -W 'run chat talk convert export inspect bench quality history' -- "$word")) ;;
    *)
        if [[ $word == -* ]]; then
            # $verb is two words for `inspect tokens`
            COMPREPLY=($(compgen -W "$(${COMP_WORDS[0]} $verb --help 2>/dev/null |
                sed -n 's/^  *\(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p')" -- "$word"))
        else
            compopt -o filenames 2>/dev/null
            [[ $COMP_CWORD -eq 2 && $verb == inspect ]] &&
                COMPREPLY=($(compgen -W 'tokens logits memory' -- "$word"))
            [[ $COMP_CWORD -eq 2 && $verb == bench ]] && COMPREPLY=($(compgen -W 'ceiling ladder load' -- "$word"))
            [[ $COMP_CWORD -eq 2 && $verb == history ]] &&
                COMPREPLY=($(compgen -W 'show search export delete' -- "$word")) && return
            [[ $COMP_CWORD -eq 3 && $verb == history\ * ]] && COMPREPLY=($(compgen -W 'last' -- "$word")) && return
            local IFS=$'\n'
            COMPREPLY+=($(compgen -f -- "$word"))
        fi
        ;;
    esac
}
complete -F _sotto sotto
