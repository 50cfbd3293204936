/* The program: a table of verbs, help that teaches, and the version. */
#include "cli/cli.h"

#if SOTTO_VOICE
#include <sotto/voice.h>
#endif

#include <errno.h>

static const sotto_cli_verb verbs[] = {
    {"run", SOTTO_VERB_RUN, 0, sotto_cmd_run, "one answer to one prompt, for scripts and pipes",
     "sotto run -m MODEL [options] [-p TEXT]",
     "  sotto run -m gemma.gguf -p \"Why is the sky blue?\"\n"
     "  git diff | sotto run -m gemma.gguf --system \"Review this change.\" --temp 0\n"
     "  sotto run -m gemma.gguf --raw -p \"Once upon a time\" -n 64 --json\n"},
    {"chat", SOTTO_VERB_CHAT, 0, sotto_cmd_chat, "a typed conversation in the terminal",
     "sotto chat -m MODEL [options]",
     "  sotto chat -m gemma.gguf\n"
     "  sotto chat -m qwen3.gguf --thinking --system \"Answer in one sentence.\"\n"
     "  printf 'Hello\\nAnd in French?\\n' | sotto chat -m gemma.gguf --json\n"},
#if SOTTO_VOICE
    {"talk", SOTTO_VERB_TALK, 0, sotto_cmd_talk, "a spoken conversation",
     "sotto talk [-m MODEL] [options]",
     "  sotto talk                                          microphone and loudspeaker\n"
     "  sotto talk -m gemma.gguf --tools --voice hts\n"
     "  sotto talk --in question.wav --out answer.wav --stats\n"
     "  arecord -q -f S16_LE -r 16000 | sotto talk --in - --raw-rate 16000 --out - | aplay -q\n"},
#endif
    {"convert", SOTTO_VERB_CONVERT, 2, sotto_cmd_convert, "Hugging Face folder or GGUF to a smaller GGUF",
     "sotto convert IN [OUT.gguf] [options]",
     "  sotto convert gemma-2-2b-it/                      writes gemma-2-2b-it-q4_0.gguf\n"
     "  sotto convert gemma-2-2b-it/ small.gguf --type q8_0\n"},
#if SOTTO_COREML
    {"export", SOTTO_VERB_EXPORT, 1, sotto_cmd_export, "a Core ML package for Apple's systems",
     "sotto export MODEL [options]",
     "  sotto export gemma-2b-it/                           Gemma-2B-IT-Stateful-4bit-128.mlpackage\n"
     "  sotto export gemma-2b-it.gguf -o ~/models --context 2048\n"
     "  sotto export gemma-2b-it/ --bits 16 --id google/gemma-2b-it\n"
     "  sotto run -m Gemma-2B-IT-Stateful-4bit-128.mlpackage -p \"Hello\"\n"},
#endif
    {"inspect", SOTTO_VERB_INSPECT, 1, sotto_cmd_inspect, "what a model file is",
     "sotto inspect MODEL [options]",
     "  sotto inspect gemma.gguf --tensors\n"
     "  sotto inspect tokens -m gemma.gguf \"Hello\"         (see sotto inspect tokens --help)\n"
     "  sotto inspect logits -m gemma.gguf --tokens 2,106   (see sotto inspect logits --help)\n"
     "  sotto inspect memory -m gemma.gguf                  (see sotto inspect memory --help)\n"},
    {"inspect tokens", SOTTO_VERB_TOKENS, 1, sotto_cmd_inspect_tokens, "the tokens of a text",
     "sotto inspect tokens -m MODEL [options] [TEXT]",
     "  sotto inspect tokens -m gemma.gguf \"Hello, world\"\n"
     "  sotto inspect tokens -m gemma.gguf --special --json < prompt.txt\n"},
    {"inspect logits", SOTTO_VERB_LOGITS, 0, sotto_cmd_inspect_logits, "the logits after given tokens",
     "sotto inspect logits -m MODEL --tokens N,.. [options]",
     "  sotto inspect logits -m gemma.gguf --tokens 2,106,9 --last --json\n"},
    {"inspect memory", SOTTO_VERB_MEMORY, 1, sotto_cmd_inspect_memory, "the memory that a model needs",
     "sotto inspect memory -m MODEL [options]",
     "  sotto inspect memory -m gemma.gguf\n"
     "  sotto inspect memory -m gemma.gguf -c 32768 --cache-type q8_0\n"},
    {"bench", SOTTO_VERB_BENCH, 0, sotto_cmd_bench, "speed, beside what this machine can do at most",
     "sotto bench -m MODEL | --synthetic SHAPE [options]",
     "  sotto bench -m gemma.gguf\n"
     "  sotto bench --synthetic gemma-2b -p 512 -n 128 -d 0,4096 -t 1,2 --json\n"
     "  sotto bench ceiling                                 (see sotto bench ceiling --help)\n"
     "  sotto bench ladder --synthetic gemma3-1b            (see sotto bench ladder --help)\n"
     "  sotto bench load -m gemma.gguf                      (see sotto bench load --help)\n"},
    {"bench ceiling", SOTTO_VERB_CEILING, 0, sotto_cmd_bench_ceiling, "what this machine can do at most",
     "sotto bench ceiling [options]",
     "  sotto bench ceiling\n"
     "  sotto bench ceiling -t 1,2,4,8 -r 9 --csv > machine.csv\n"},
    {"bench ladder", SOTTO_VERB_LADDER, 0, sotto_cmd_bench_ladder, "what each step towards this engine is worth",
     "sotto bench ladder -m MODEL | --synthetic SHAPE [options]",
     "  sotto bench ladder --synthetic gemma3-1b -c 128,512,2048 -o ladder.svg\n"
     "  sotto bench ladder -m gemma-2b-it/ -p 0 --json       prompts as long as the context\n"},
    {"bench load", SOTTO_VERB_BENCH_LOAD, 0, sotto_cmd_bench_load, "how long until a model says something",
     "sotto bench load -m MODEL | --synthetic SHAPE [options]",
     "  sotto bench load -m gemma.gguf\n"
     "  sotto bench load --synthetic gemma-2b -t 2 -r 9 --json\n"},
    {"history", SOTTO_VERB_HISTORY, 0, sotto_cmd_history, "the conversations that were kept",
     "sotto history [options]",
     "  sotto history                                       the latest first\n"
     "  sotto history show last                             (see sotto history show --help)\n"
     "  sotto history search tea timer                      (see sotto history search --help)\n"
     "  sotto history export 3 -o tea.md                    (see sotto history export --help)\n"
     "  sotto history delete 3                              (see sotto history delete --help)\n"
     "  sotto chat --resume last                            go on with one\n"},
    {"history show", SOTTO_VERB_HISTORY_SHOW, 1, sotto_cmd_history_show, "one of them",
     "sotto history show ID|last [options]",
     "  sotto history show last\n"
     "  sotto history show 3 --json\n"},
    {"history search", SOTTO_VERB_HISTORY_SEARCH, 32, sotto_cmd_history_search, "those in which words occur",
     "sotto history search WORD... [options]",
     "  sotto history search tea timer\n"},
    {"history export", SOTTO_VERB_HISTORY_EXPORT, 1, sotto_cmd_history_export, "one as Markdown or JSON",
     "sotto history export ID|last [options]",
     "  sotto history export last -o talk.md\n"
     "  sotto history export 3 --json -o talk.json          chat's /load reads it\n"},
    {"history delete", SOTTO_VERB_HISTORY_DELETE, 1, sotto_cmd_history_delete, "forget one",
     "sotto history delete ID|last [options]",
     "  sotto history delete 3\n"
     "  sotto history delete last --force\n"},
    {"quality", SOTTO_VERB_QUALITY, 0, sotto_cmd_quality, "how good a model is, alone or against a reference",
     "sotto quality -m MODEL [--against REFERENCE] [options]",
     "  sotto quality -m gemma-q4_0.gguf\n"
     "  sotto quality -m gemma-q4_0.gguf --against gemma-2-2b-it/\n"
     "  sotto quality -m gemma-q4_0.gguf --against gemma-f16.gguf -f essays.txt --json\n"},
};

static void print_general_help(FILE *out) {
    (void)fputs("sotto: language models that run on this machine. Nothing said to it leaves the machine.\n\n"
                "usage: sotto VERB [options]\n\n", out);
    for (size_t i = 0; i < SOTTO_COUNT(verbs); i++)
        (void)fprintf(out, "  %-16s %s\n", verbs[i].name, verbs[i].summary);
    (void)fputs(
        "\nFirst steps\n"
        "  sotto convert gemma-2-2b-it/ gemma.gguf       a 4-bit model from a Hugging Face folder\n"
        "  sotto chat -m gemma.gguf                      talk with it\n"
        "  sotto run -m gemma.gguf -p \"Hello\" --json     the same from a script\n\n"
        "\"sotto VERB --help\" shows a verb's options and examples; \"sotto --version\" the version, the\n"
        "processor's features and the kernels chosen. Every option can be set in the environment:\n"
        "SOTTO_MODEL is -m, SOTTO_MAX_TOKENS is --max-tokens; the command line goes first.\n"
        "Results go to standard output, everything else to standard error.\n"
        "Exit codes: 0 ok, 1 failure, 2 usage, 130 interrupted.\n",
        out);
}

static void print_names(const char *title, const char *(*at)(size_t)) {
    (void)printf("\n%s:", title);
    for (size_t i = 0, column = strlen(title) + 1; at(i); i++) {
        size_t n = strlen(at(i)) + 1;
        if (column + n > 78) {
            (void)fputs("\n ", stdout);
            column = 1;
        }
        (void)printf(" %s", at(i));
        column += n;
    }
    (void)putchar('\n');
}

static int print_verb_help(const sotto_cli_verb *verb) {
    (void)printf("%s: %s\n\nusage: %s\n\nExamples\n%s", verb->name, verb->summary, verb->usage,
                 verb->examples);
    sotto_cli_print_options(stdout, verb->bit);
    if (verb->bit & (SOTTO_VERB_RUN | SOTTO_VERB_CHAT | SOTTO_VERB_TALK))
        print_names("Chat formats", sotto_chat_format_name_at);
#if SOTTO_VOICE
    if (verb->bit & SOTTO_VERB_TALK) {
        print_names("Recognisers", sotto_voice_recognizer_at);
        print_names("Voices", sotto_voice_voice_at);
    }
#endif
    if (verb->bit & (SOTTO_VERB_BENCH | SOTTO_VERB_LADDER | SOTTO_VERB_BENCH_LOAD))
        print_names("Shapes", sotto_synthetic_shape_at);
    return SOTTO_EXIT_OK;
}

static int print_version(void) {
    sotto_system system;
    char         memory[24];
    sotto_system_get(&system);
    (void)printf("sotto %s\nprocessor: %s, %d cores\nfeatures:  %s\nkernels:   %s\nmemory:    %s\n",
                 system.version, system.cpu_name, system.physical_cores,
                 *system.cpu_features ? system.cpu_features : "none", system.kernels,
                 system.memory_bytes ? sotto_cli_bytes(system.memory_bytes, memory) : "unknown");
    return SOTTO_EXIT_OK;
}

static const char *verb_name_at(const void *list, size_t i) {
    (void)list;
    return i < SOTTO_COUNT(verbs) ? verbs[i].name : NULL;
}

/* The verb of one word or of two, and in *n_words how many. */
static const sotto_cli_verb *find_verb(int argc, char **argv, int *n_words) {
    const sotto_cli_verb *found = NULL;
    for (size_t i = 0; i < SOTTO_COUNT(verbs) && argc > 0; i++) {
        const char *name = verbs[i].name, *space = strchr(name, ' ');
        size_t      n = space ? (size_t)(space - name) : strlen(name);
        if (strlen(argv[0]) != n || memcmp(argv[0], name, n) != 0) continue;
        if (space && (argc < 2 || strcmp(argv[1], space + 1) != 0)) continue;
        found = &verbs[i]; /* of two words: later in the table */
        *n_words = space ? 2 : 1;
    }
    return found;
}

static int unknown_verb(const char *word) {
    if (*word == '-') return sotto_cli_usage(NULL, "%.60s: a verb comes first, such as run or chat", word);
    const char *near = sotto_cli_nearest(word, verb_name_at, NULL);
    return near ? sotto_cli_usage(NULL, "%.60s: unknown verb: did you mean %s?", word, near)
                : sotto_cli_usage(NULL, "%.60s: unknown verb", word);
}

static int run_verb(const sotto_cli_verb *verb, int argc, char **argv) {
    sotto_cli_settings s;
    sotto_signals_catch_interrupt();
    int code = sotto_cli_parse(&s, verb, argc, argv);
    if (!code) code = s.help ? print_verb_help(verb) : verb->run(&s);
    sotto_arena_free(&s.arena);
    return code;
}

static int dispatch(int argc, char **argv) {
    int n_words = 0;
    if (argc == 0) {
        print_general_help(stderr);
        return SOTTO_EXIT_USAGE;
    }
    bool help = strcmp(argv[0], "help") == 0;
    if (strcmp(argv[0], "--version") == 0) return print_version();
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 || (help && argc == 1)) {
        print_general_help(stdout);
        return SOTTO_EXIT_OK;
    }
    const sotto_cli_verb *verb = find_verb(argc - help, argv + help, &n_words);
    if (!verb) return unknown_verb(argv[help]);
    return help ? print_verb_help(verb) : run_verb(verb, argc - n_words, argv + n_words);
}

/* A result that could not be written is a failure, whatever the verb thought; Ctrl-C may have cut the write off. */
int main(int argc, char **argv) {
    int code = dispatch(argc - (argc > 0), argv + (argc > 0));
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    if (!sotto_signals_interrupts()) sotto_cli_error("standard output: cannot write: %s", strerror(errno));
    if (code != SOTTO_EXIT_OK) return code;
    return sotto_signals_interrupts() ? SOTTO_EXIT_INTERRUPTED : SOTTO_EXIT_FAILURE;
}
