# fish completion for sotto. The options of a verb are read from `sotto VERB --help`, so there is no second list.
function __sotto_options
    set -l words (commandline -opc)
    set -l verb $words[2]
    if test "$verb" = inspect; and contains -- "$words[3]" tokens logits memory
        set verb inspect $words[3]
    else if test "$verb" = bench; and contains -- "$words[3]" ceiling ladder load
        set verb bench $words[3]
    else if test "$verb" = history; and contains -- "$words[3]" show search export delete
        set verb history $words[3]
    end
    sotto $verb --help 2>/dev/null |
        string replace -rf '^ +(?:-., )?(--[a-z0-9-]+)(?: \S+)? +(.*)$' '$1\t$2'
end

complete -c sotto -n __fish_use_subcommand -f -a run -d 'complete one prompt'
complete -c sotto -n __fish_use_subcommand -f -a chat -d 'hold a conversation'
complete -c sotto -n __fish_use_subcommand -f -a talk -d 'hold a spoken conversation'
complete -c sotto -n __fish_use_subcommand -f -a convert -d 'write a model as a GGUF file'
complete -c sotto -n __fish_use_subcommand -f -a export -d 'write a model as a Core ML package'
complete -c sotto -n __fish_use_subcommand -f -a inspect -d 'say what a model file is'
complete -c sotto -n __fish_use_subcommand -f -a bench -d 'measure speed'
complete -c sotto -n __fish_use_subcommand -f -a quality -d 'measure how good a model is'
complete -c sotto -n __fish_use_subcommand -f -a history -d 'show the conversations that were kept'
complete -c sotto -n __fish_use_subcommand -f -a help -d 'explain a verb'
complete -c sotto -n '__fish_seen_subcommand_from inspect' -a 'tokens logits memory'
complete -c sotto -n '__fish_seen_subcommand_from bench' -a 'ceiling ladder load'
complete -c sotto -n '__fish_seen_subcommand_from history; and not __fish_seen_subcommand_from help' -f -a 'show search export delete last'
complete -c sotto -n '__fish_seen_subcommand_from help' -f -a 'run chat talk convert export inspect bench quality history'
complete -c sotto -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -a '(__sotto_options)'
