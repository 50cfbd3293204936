/* Every option of every verb: one row each, in the order of the help. The environment variable of an option
 * is SOTTO_ and its name in capitals, "-" written "_"; what the command line says goes before it. */
#include "cli/cli.h"

#define AT(field) offsetof(sotto_cli_settings, field)

#define TALK SOTTO_VERB_TALK
#define ASK (SOTTO_VERB_RUN | SOTTO_VERB_CHAT | TALK)
#define LADDER SOTTO_VERB_LADDER
#define BENCH_LOAD SOTTO_VERB_BENCH_LOAD
#define LOAD (ASK | SOTTO_VERB_TOKENS | SOTTO_VERB_LOGITS | SOTTO_VERB_QUALITY)
#define SESSION (ASK | SOTTO_VERB_LOGITS | SOTTO_VERB_MEMORY | SOTTO_VERB_BENCH)
#define WRITE (SOTTO_VERB_CONVERT | SOTTO_VERB_BENCH | BENCH_LOAD)
#define HISTORY                                                                                              \
    (SOTTO_VERB_HISTORY | SOTTO_VERB_HISTORY_SHOW | SOTTO_VERB_HISTORY_SEARCH | SOTTO_VERB_HISTORY_EXPORT |  \
     SOTTO_VERB_HISTORY_DELETE)
#define MEASURE (SOTTO_VERB_BENCH | SOTTO_VERB_CEILING | BENCH_LOAD)
#define ANY_MODEL (SOTTO_VERB_ALL & ~(SOTTO_VERB_CONVERT | SOTTO_VERB_EXPORT | SOTTO_VERB_CEILING | HISTORY))

#define HEADING(text, verb_set) {.help = text, .verbs = (verb_set)}
#define ROW(text, ch, type, field, verb_set, label, about, low, high, words)                                 \
    {text, ch, SOTTO_OPTION_##type, AT(field), verb_set, label, about, low, high, words}
#define FLAG(text, ch, field, verb_set, about) ROW(text, ch, FLAG, field, verb_set, NULL, about, 0, 0, NULL)
#define TEXT(text, ch, field, verb_set, label, about)                                                        \
    ROW(text, ch, TEXT, field, verb_set, label, about, 0, 0, NULL)
#define TEXTS(text, field, verb_set, label, about)                                                           \
    ROW(text, 0, TEXTS, field, verb_set, label, about, 0, 0, NULL)
#define CHOICE(text, field, verb_set, words, about)                                                          \
    ROW(text, 0, CHOICE, field, verb_set, "WORD", about, 0, 0, words)
#define INT(text, ch, field, verb_set, low, high, about)                                                     \
    ROW(text, ch, INT, field, verb_set, "N", about, low, high, NULL)
#define LIST(text, ch, field, verb_set, low, high, about)                                                    \
    ROW(text, ch, LIST, field, verb_set, "N,..", about, low, high, NULL)
#define FLOAT(text, field, low, high, about) ROW(text, 0, FLOAT, field, ASK, "X", about, low, high, NULL)

/* INT32_MAX, of rows that need no limit of their own. */
#define INT_MAX_D 2147483647.0
/* The library's limits, so that what it would refuse is a usage error. */
#define THREADS_MAX 256
#define BATCH_MAX 8192

const sotto_cli_option sotto_cli_options[] = {
    HEADING("Model", ANY_MODEL),
    TEXT("model", 'm', model, ANY_MODEL, "PATH", "GGUF file, Hugging Face folder or .mlpackage"),
    INT("threads", 't', threads, LOAD | LADDER | BENCH_LOAD, 1, THREADS_MAX, "threads (the physical cores)"),
    TEXT("cpu", 0, cpu, LOAD | MEASURE | LADDER, "LEVEL", "highest of ref avx2 avx512vnni neon dotprod i8mm"),
    FLAG("no-mmap", 0, no_mmap, LOAD | SOTTO_VERB_BENCH | LADDER | BENCH_LOAD, "read the file instead of mapping it"),
    TEXT("chat-format", 0, chat_format, ASK, "NAME", "chat format, where the model's is not known"),

    HEADING("Session", SESSION),
    INT("context", 'c', context, SESSION & ~SOTTO_VERB_BENCH, 1, INT_MAX_D,
        "context in tokens (the model's, at most 8192)"),
    INT("batch", 'b', batch, SESSION, 1, BATCH_MAX, "prompt tokens computed together (512; of a package 128)"),
    CHOICE("cache-type", cache_type, SESSION, "f16 q8_0 f32", "type of the KV cache: f16, q8_0 or f32"),
    ROW("memory-limit", 0, BYTES, memory_limit, ASK | SOTTO_VERB_LOGITS, "SIZE",
        "refuse to use more memory, e.g. 2G", 0, 0, NULL),
    TEXT("session", 0, session, ASK, "FILE", "start from this saved session; save it at the end"),

    HEADING("Request", ASK),
    TEXT("prompt", 'p', prompt, SOTTO_VERB_RUN, "TEXT", "the prompt; - or nothing reads standard input"),
    TEXT("system", 0, system, ASK, "TEXT", "system prompt"),
    FLAG("raw", 0, raw, SOTTO_VERB_RUN, "feed the prompt as it is, without a chat format"),
    FLAG("thinking", 0, thinking, ASK, "let a model think first, if it can"),
    INT("max-tokens", 'n', max_tokens, ASK, -1, INT_MAX_D, "most tokens of an answer (-1: no limit)"),
    TEXTS("stop", stops, ASK, "TEXT", "end the answer before this text; may be repeated"),
    TEXT("grammar", 0, grammar, ASK, "FILE", "hold the answer to this GBNF grammar"),
    TEXT("json-schema", 0, json_schema, ASK, "SCHEMA", "hold it to a JSON schema: a file, or {...} itself"),
    INT("logprobs", 0, logprobs, SOTTO_VERB_RUN, 0, 20, "with --json: logprobs, and N alternatives"),
    FLAG("ignore-end", 0, ignore_end, ASK, "go on after the model's end token"),
    FLAG("slide", 0, slide, ASK, "when the context is full, drop the oldest turns"),
    CHOICE("lookup", lookup, ASK, "auto on off", "guess what repeats: auto, on or off; answers are the same"),

    HEADING("Tools: timers, reminders, lists, memories, sums, units, clock, dice", ASK),
    FLAG("tools", 0, tools, ASK, "offer them to the model (the starter model always has them)"),
    FLAG("no-tools", 0, no_tools, ASK, "without them"),
    TEXT("tool-choice", 0, tool_choice, ASK, "WORD", "auto, required (call one or more), or a tool's name"),
    FLAG("dry-run-tools", 0, dry_run_tools, ASK, "let the model choose, but execute nothing"),
    TEXT("tools-file", 0, tools_file, ASK, "FILE", "where they keep things (tools.db of your data folder)"),

    HEADING("Sampling (defaults: the model's)", ASK),
    FLOAT("temp", sampling.temperature, 0, 100, "temperature; 0: the likeliest token"),
    INT("top-k", 0, sampling.top_k, ASK, 0, INT_MAX_D, "among the N likeliest tokens; 0: all"),
    FLOAT("top-p", sampling.top_p, 0, 1, "among the likeliest that sum to this"),
    FLOAT("min-p", sampling.min_p, 0, 1, "at least this share of the likeliest"),
    FLOAT("typical", sampling.typical_p, 0, 1, "locally typical share; 1: off"),
    FLOAT("repeat-penalty", sampling.repetition_penalty, 0.01, 100, "divide what was said before; 1: off"),
    FLOAT("presence-penalty", sampling.presence_penalty, -100, 100, "subtract if said before; 0: off"),
    FLOAT("frequency-penalty", sampling.frequency_penalty, -100, 100, "subtract per time said; 0: off"),
    INT("penalty-last", 0, sampling.penalty_last, ASK, -1, INT_MAX_D,
        "tokens that penalties look at; -1: all"),
    FLOAT("dry-multiplier", sampling.dry_multiplier, 0, 100, "penalty for repeated sequences; 0: off"),
    FLOAT("dry-base", sampling.dry_base, 1, 100, "its growth per token"),
    INT("dry-allowed-length", 0, sampling.dry_allowed_length, ASK, 1, INT_MAX_D,
        "longest repetition without it"),
    INT("dry-last", 0, sampling.dry_last, ASK, -1, INT_MAX_D, "tokens that it looks at; -1: all"),
    ROW("seed", 0, SEED, sampling.seed, ASK, "N", "of the draw; -1: a new one each time", 0, 0, NULL),
    TEXTS("logit-bias", biases, ASK, "ID=X", "add X (-inf: forbid) to a logit; may be repeated"),

    HEADING("Sound", TALK),
    TEXT("in", 'i', talk.input, TALK, "FILE", "a sound file, - for standard input (the microphone)"),
    TEXT("out", 'o', talk.output, TALK, "FILE", "a WAV or FLAC file, - for standard output (the loudspeaker)"),
    INT("raw-rate", 0, talk.raw, TALK, 4000, 192000, "--in - is headerless int16, samples a second"),
    FLAG("mute", 0, talk.mute, TALK, "answers are not played"),
    FLAG("realtime", 0, talk.realtime, TALK, "a file is heard at the pace of a microphone"),
    FLAG("timeline", 0, talk.timeline, TALK, "the file of --out has the pauses, too"),
    TEXT("input-device", 0, talk.input_device, TALK, "NAME", "microphone, by a part of its name"),
    TEXT("output-device", 0, talk.output_device, TALK, "NAME", "loudspeaker, likewise"),
    FLAG("devices", 0, talk.devices, TALK, "list the sound devices"),

    HEADING("Listening", TALK),
    TEXT("recognizer", 0, talk.recognizer, TALK, "NAME", "what turns speech into text"),
    TEXT("recognizer-model", 0, talk.recognizer_model, TALK, "PATH", "its model, if not at its usual place"),
    TEXT("lm", 0, talk.lm, TALK, "FILE", "ARPA language model to mix in, \"\" for none (sotto's own)"),
    ROW("lm-weight", 0, FLOAT, talk.lm_weight, TALK, "X", "its weight", 0, 1, NULL),
    TEXT("words", 0, talk.words, TALK, "FILE", "words to add, a line each, perhaps with ARPAbet phones"),
    TEXT("wake", 0, talk.wake, TALK, "PHRASE", "listen only after this, e.g. \"hey computer\""),
    FLAG("push", 0, talk.push, TALK, "the space bar begins and ends what you say"),
    INT("start-ms", 0, talk.start_ms, TALK, 20, 1000, "of voice that begin an utterance"),
    INT("speculative-ms", 0, talk.speculative_ms, TALK, 50, 5000, "of silence after which an answer is begun"),
    INT("complete-ms", 0, talk.complete_ms, TALK, 50, 5000, "of silence that end a complete request"),
    INT("unsure-ms", 0, talk.unsure_ms, TALK, 50, 5000, "of silence that end what may be one"),
    INT("incomplete-ms", 0, talk.incomplete_ms, TALK, 50, 10000, "of silence that end what plainly goes on"),
    INT("longest-ms", 0, talk.longest_ms, TALK, 1000, 120000, "of an utterance"),
    ROW("snr", 0, FLOAT, talk.snr, TALK, "DB", "speech above the noise that is needed", 0, 60, NULL),
    FLAG("no-barge-in", 0, talk.no_barge_in, TALK, "answers cannot be interrupted by voice"),
    FLAG("no-echo-cancel", 0, talk.no_echo_cancel, TALK, "do not take the loudspeaker out of the microphone"),
    FLAG("no-speculation", 0, talk.no_speculation, TALK, "begin nothing before it is certain"),
    FLAG("step-by-step", 0, talk.step_by_step, TALK, "one stage after the other, to compare"),

    HEADING("Speaking", TALK),
    TEXT("voice", 0, talk.voice, TALK, "NAME", "see below"),
    ROW("speed", 0, FLOAT, talk.speed, TALK, "X", "of speech; 1: as the voice has it", 0.5, 2, NULL),

    HEADING("History", SOTTO_VERB_CHAT | TALK | HISTORY),
    TEXT("history", 0, history, SOTTO_VERB_CHAT | TALK | HISTORY, "FILE",
         "conversations (history.db in your data folder)"),
    FLAG("no-history", 0, no_history, SOTTO_VERB_CHAT | TALK, "keep nothing (a script keeps only if asked to)"),
    TEXT("resume", 0, resume, SOTTO_VERB_CHAT | TALK, "ID", "go on with a kept conversation; last: the latest"),
    TEXT("output", 'o', output, SOTTO_VERB_HISTORY_EXPORT, "FILE", "where to (standard output)"),
    FLAG("force", 'f', force, SOTTO_VERB_HISTORY_EXPORT, "replace FILE if it exists"),
    FLAG("force", 'f', force, SOTTO_VERB_HISTORY_DELETE, "do not ask"),

    HEADING("File", WRITE | LADDER | SOTTO_VERB_INSPECT),
    TEXT("synthetic", 0, synthetic, SOTTO_VERB_BENCH | LADDER | BENCH_LOAD, "SHAPE",
         "a known shape with random weights instead of -m"),
    TEXT("type", 0, type, WRITE, "TYPE", "matrices: q4_0 (default) q8_0 f16 bf16 f32"),
    TEXT("head", 0, head, WRITE, "TYPE", "embedding and head: also q6_k (default for q4_0)"),
    FLAG("force", 'f', force, SOTTO_VERB_CONVERT, "replace OUT if it exists"),
    FLAG("tensors", 0, tensors, SOTTO_VERB_INSPECT, "list every tensor"),
    FLAG("metadata", 0, metadata, SOTTO_VERB_INSPECT, "list all metadata"),

    HEADING("Package", SOTTO_VERB_EXPORT),
    TEXT("output", 'o', output, SOTTO_VERB_EXPORT, "DIR", "where to, or the package itself, NAME.mlpackage (.)"),
    INT("context", 'c', context, SOTTO_VERB_EXPORT, 4, INT_MAX_D, "context in tokens (128)"),
    CHOICE("bits", bits, SOTTO_VERB_EXPORT, "4 8 16", "bits of a weight: 4, 8 or 16 (4)"),
    CHOICE("logits", logits, SOTTO_VERB_EXPORT, "all last", "of all tokens of a call, or of the last (all)"),
    FLAG("rtn", 0, rtn, SOTTO_VERB_EXPORT, "round to nearest instead of searching the best scales"),
    FLAG("negative-scales", 0, negative_scales, SOTTO_VERB_EXPORT, "keep those of q4_0 as they are, without offsets"),
    TEXT("importance", 0, importance, SOTTO_VERB_EXPORT, "FILE", "what the inputs of each matrix weigh"),
    TEXT("id", 0, id, SOTTO_VERB_EXPORT, "NAME", "where clients find the tokenizer: google/gemma-2b-it"),
    FLAG("force", 'f', force, SOTTO_VERB_EXPORT, "replace a package that exists"),

    HEADING("What to show", SOTTO_VERB_TOKENS | SOTTO_VERB_LOGITS),
    FLAG("special", 0, special, SOTTO_VERB_TOKENS, "recognise control tokens in the text"),
    FLAG("no-bos", 0, no_bos, SOTTO_VERB_TOKENS, "do not begin with the model's BOS token"),
    LIST("tokens", 0, ids, SOTTO_VERB_LOGITS, 0, INT_MAX_D, "token ids, separated by commas"),
    FLAG("last", 0, last, SOTTO_VERB_LOGITS, "only the logits after the last token"),

    HEADING("Tests", MEASURE | LADDER),
    LIST("contexts", 'c', contexts, LADDER, 16, 1e6, "contexts in tokens (128,512,2048)"),
    INT("prompt-tokens", 'p', prompt_tokens, LADDER, 0, 1e6, "of the prompt (7); 0: all that the context leaves"),
    INT("max-tokens", 'n', max_tokens, LADDER, 1, 1e6, "tokens that are timed, one without a cache (8)"),
    INT("limit", 0, limit, LADDER, 1, 1e6, "seconds of a step above which it is left out (120)"),
    LIST("prefill", 'p', prefill, SOTTO_VERB_BENCH, 0, 1e6, "prompt lengths (512); 0: no prefill"),
    LIST("decode", 'n', decode, SOTTO_VERB_BENCH, 0, 1e6, "answer lengths (128); 0: no decode"),
    LIST("depth", 'd', depth, SOTTO_VERB_BENCH, 0, 1e7, "tokens in the context before (0)"),
    LIST("threads", 't', threads_list, SOTTO_VERB_BENCH, 1, THREADS_MAX, "threads (the physical cores)"),
    LIST("threads", 't', threads_list, SOTTO_VERB_CEILING, 1, THREADS_MAX, "threads (1, 2, 4, ..., all cores)"),
    INT("repeat", 'r', repeat, MEASURE, 1, 1000, "times each test is measured (5)"),

    HEADING("What to measure", SOTTO_VERB_QUALITY),
    TEXT("against", 0, against, SOTTO_VERB_QUALITY, "PATH", "the reference: another form of the same model"),
    TEXT("file", 'f', file, SOTTO_VERB_QUALITY, "FILE", "a text; - is standard input (one built in)"),
    TEXT("collect", 0, collect, SOTTO_VERB_QUALITY, "FILE", "write what the inputs of matrices weigh, for export"),
    FLAG("special", 0, special, SOTTO_VERB_QUALITY, "recognise control tokens in the text"),
    INT("window", 'c', context, SOTTO_VERB_QUALITY, 16, INT_MAX_D, "tokens seen at once (512)"),

    HEADING("Output", SOTTO_VERB_ALL),
    FLAG("json", 0, json, SOTTO_VERB_ALL, "JSON on standard output"),
    TEXT("output", 'o', output, LADDER, "FILE", "draw the table as SVG, too"),
    FLAG("csv", 0, csv, MEASURE | LADDER, "comma-separated values on standard output"),
    FLAG("stats", 0, stats, ASK, "figures of each answer on standard error"),
    FLAG("trace", 0, talk.trace, TALK, "states and events as they come, and their table first"),
    FLAG("quiet", 'q', quiet, SOTTO_VERB_ALL, "nothing but results and errors"),
    CHOICE("color", color, SOTTO_VERB_ALL, "auto always never", "auto, always or never (NO_COLOR is heeded)"),
    FLAG("help", 'h', help, SOTTO_VERB_ALL, "this help"),
};
const size_t sotto_cli_option_count = SOTTO_COUNT(sotto_cli_options);

_Static_assert(SOTTO_COUNT(sotto_cli_options) <= SOTTO_CLI_OPTION_MAX,
               "sotto_cli_settings.given is too short");

bool sotto_cli_is_sampling(const sotto_cli_option *o) {
    return o->name && o->offset >= AT(sampling) && o->offset < AT(sampling) + sizeof(sotto_sampling);
}

const sotto_cli_option *sotto_cli_sampling_option(const char *name) {
    for (size_t i = 0; i < sotto_cli_option_count; i++)
        if (sotto_cli_is_sampling(&sotto_cli_options[i]) && strcmp(sotto_cli_options[i].name, name) == 0)
            return &sotto_cli_options[i];
    return NULL;
}

void sotto_cli_apply_sampling(const sotto_cli_settings *s, sotto_sampling *to) {
    for (size_t i = 0; i < sotto_cli_option_count; i++) {
        const sotto_cli_option *o = &sotto_cli_options[i];
        if (!s->given[i] || !sotto_cli_is_sampling(o)) continue;
        size_t n = o->kind == SOTTO_OPTION_SEED ? sizeof(uint64_t) : sizeof(float); /* or int32_t: as wide */
        memcpy((char *)to + (o->offset - AT(sampling)), (const char *)s + o->offset, n);
    }
}

void sotto_cli_print_options(FILE *out, uint32_t verb_bit) {
    for (size_t i = 0; i < sotto_cli_option_count; i++) {
        const sotto_cli_option *o = &sotto_cli_options[i];
        if (!(o->verbs & verb_bit)) continue;
        if (!o->name) {
            (void)fprintf(out, "\n%s\n", o->help);
            continue;
        }
        char left[48], letter[5] = "    ";
        if (o->letter) (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
        (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
                       o->value ? o->value : "");
        (void)fprintf(out, "  %-28s %s", left, o->help);
        if (o->max > 0 && o->max < INT_MAX_D) (void)fprintf(out, " [%.8g..%.8g]", o->min, o->max);
        (void)fputc('\n', out);
    }
}
