/* Calls in an answer: every family's form, whole, broken and cut anywhere, between text that is shown. */
#include "test.h"

#include "text/calls.h"
#include "text/chat.h"

/* A control token in an answer. */
#define CONTROL(text) "\x0e" text "\x0f"
#define CALL CONTROL("<|tool_call>") "call:"
#define END CONTROL("<tool_call|>")
#define Q CONTROL("<|\"|>")

static const char tools[] =
    "[{\"name\":\"set_timer\",\"parameters\":{\"type\":\"object\",\"properties\":{\"seconds\":{\"type\":\"number\","
    "\"minimum\":0},\"label\":{\"type\":\"string\"}}}},"
    "{\"name\":\"flip_coin\",\"parameters\":{\"type\":\"object\",\"properties\":{}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"add\",\"parameters\":{\"type\":\"object\",\"properties\":{"
    "\"list\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"to\":{\"type\":\"object\"},"
    "\"sure\":{\"type\":\"boolean\"}},\"required\":[\"list\"]}}},{\"name\":\"free\"}]";

/* ---- one answer ---------------------------------------------------------------------------------------- */

static void push(sotto_call_reader *r, const char *p, size_t n, bool visible, sotto_buf *shown) {
    while (n) {
        size_t k = 0;
        if (*p == '\x0e') {
            k = (size_t)((const char *)memchr(p, '\x0f', n) - p) + 1;
            CHECK(sotto_call_reader_push_control(r, (sotto_str){p + 1, k - 2}, visible, shown));
        } else {
            while (k < n && p[k] != '\x0e') k++;
            CHECK(sotto_call_reader_push(r, (sotto_str){p, k}, shown));
        }
        p += k, n -= k;
    }
}

/* What an answer is read as: the text that is shown, then each call in a line. Cut into pieces of `piece` bytes;
 * control tokens are never cut. free() it. */
static char *read_answer(const char *format, const char *text, size_t piece, bool visible) {
    sotto_call_reader *r = NULL;
    sotto_buf          out = {0};
    sotto_error        err;
    size_t             n_calls, n = strlen(text);
    CHECK_OK(sotto_call_reader_open(&r, sotto_chat_format_named(format), tools, &err), err);
    if (!r) return NULL;
    for (size_t at = 0, end; at < n; at = end) {
        bool control = false;
        for (end = at; end < n && (end - at < piece || control); end++)
            control = text[end] == '\x0e' || (control && text[end] != '\x0f');
        push(r, text + at, end - at, visible, &out);
    }
    CHECK(sotto_call_reader_end(r, &out));
    const sotto_tool_call *calls = sotto_call_reader_calls(r, &n_calls);
    for (size_t i = 0; i < n_calls; i++)
        sotto_buf_printf(&out, "\n%s %s%s%s", calls[i].name, calls[i].arguments, calls[i].error ? " ! " : "",
                         calls[i].error ? calls[i].error : "");
    sotto_call_reader_close(r);
    sotto_buf_puts(&out, "");
    return out.data;
}

static void check_answer(const char *format, const char *text, const char *want) {
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        char *got = read_answer(format, text, piece, false);
        if (!got || strcmp(got, want) != 0) {
            TEST_FAIL("%s, \"%s\" in pieces of %zu:\n--- is\n%s\n--- expected\n%s\n---", format, text, piece, got,
                      want);
            free(got);
            return;
        }
        free(got);
    }
    CHECK(true);
}

typedef struct row { const char *format, *text, *want; } row;
static void check_rows(const row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) check_answer(rows[i].format, rows[i].text, rows[i].want);
}

/* ---- whole ones ---------------------------------------------------------------------------------------- */

#define T5 "\nset_timer {\"seconds\": 5}"
#define COIN "\nflip_coin {}"
#define JSON_T5 "{\"name\": \"set_timer\", \"arguments\": {\"seconds\": 5}}"
#define JSON_COIN "{\"name\":\"flip_coin\",\"arguments\":{}}"
#define MARKED(text) "<tool_call>\n" text "\n</tool_call>"

TEST(calls_of_every_form) {
    static const row rows[] = {
        {"qwen3", MARKED(JSON_T5), T5},
        {"qwen3", "Yes.\n\n" MARKED(JSON_T5) "\n" MARKED(JSON_COIN) "\n", "Yes." T5 COIN},
        {"qwen3", MARKED(JSON_T5) " and " MARKED(JSON_COIN) " then", "and then" T5 COIN},
        {"qwen3", "a <tool_call>" JSON_T5 "</tool_call> b", "a b" T5},
        {"qwen3", "<think>\n" MARKED(JSON_COIN) "\n</think>\n\n" MARKED(JSON_T5),
         "<think>\n" MARKED(JSON_COIN) "\n</think>" T5},
        {"qwen3", CONTROL("<think>") "<tool_call>" CONTROL("</think>") MARKED(JSON_T5), "<tool_call>" T5},
        {"qwen3", CONTROL("<tool_call>") JSON_T5 CONTROL("</tool_call>") "ok", "ok" T5},
        {"qwen3-thinking", MARKED(JSON_COIN) "</think>" MARKED(JSON_T5), MARKED(JSON_COIN) "</think>" T5},
        {"smollm3", MARKED(JSON_T5), T5},
        {"chatml", MARKED("{\"arguments\": \"{\\\"seconds\\\": 5}\", \"name\": \"set_timer\"}"), T5},
        {"qwen2.5", MARKED("{\"type\": \"function\", \"function\": " JSON_T5 "}"), T5},
        {"qwen2.5", MARKED("{\"name\": \"flip_coin\"}"), COIN},
        {"qwen3", "<tool_call>" JSON_T5 "<tool_call>" JSON_COIN, T5 COIN},
        {"qwen3", MARKED(JSON_T5 "}") "!", "!" T5},
        {"qwen3", MARKED("{\"name\":\"set_timer\",\"arguments\":{\"label\":\"</tool_call>\"}}"),
         "\nset_timer {\"label\": \"</tool_call>\"}"},
        {"qwen3", MARKED("[" JSON_T5 "," JSON_COIN "]"), T5 COIN},
        {"llama3", "{\"name\": \"set_timer\", \"parameters\": {\"seconds\": 5}}", T5},
        {"llama3", JSON_T5 "; " JSON_COIN, T5 COIN},
        {"llama3", " " JSON_T5 ";\n" JSON_COIN "\nDone.", "Done." T5 COIN},
        {"llama3", CONTROL("<|python_tag|>") JSON_T5, T5},
        {"llama3", "<|python_tag|>" JSON_T5, T5},
        {"llama3", "{\"type\": \"function\", \"name\": \"flip_coin\", \"parameters\": {}}", COIN},
        {"mistral", CONTROL("[TOOL_CALLS]") " [" JSON_T5 ", " JSON_COIN "]", T5 COIN},
        {"mistral", CONTROL("[TOOL_CALLS]") "[{\"name\": \"flip_coin\", \"arguments\": {}, \"id\": \"123456789\"}]",
         COIN},
        {"mistral", "Sure." CONTROL("[TOOL_CALLS]") JSON_COIN, "Sure." COIN},
        {"gemma4", CALL "set_timer{seconds:5}" END, T5},
        {"gemma4", CALL "set_timer{label:" Q "a{b}:\"c\"\n<|\"|>" Q ",seconds:1.5e-05}" END "\n" CALL "flip_coin{}" END,
         "\nset_timer {\"label\": \"a{b}:\\\"c\\\"\\n<|\\\"|>\", \"seconds\": 1.5e-05}" COIN},
        {"gemma4", "So: " CALL "add{list:[" Q "x" Q "," Q Q "],sure:true,to:{" Q "k k" Q ":[1,-2.5,None],b:false}}" END
                   "ok",
         "So:ok\nadd {\"list\": [\"x\", \"\"], \"sure\": true, \"to\": {\"k k\": [1, -2.5, null], \"b\": false}}"},
        {"gemma4-large", CALL "flip_coin{}" END, COIN},
        {"gemma", JSON_T5, T5},
        {"gemma", JSON_T5 "\n" JSON_COIN, T5 COIN},
        {"gemma", "```json\n" JSON_T5 "\n```", T5},
        {"gemma", "```tool_code\n" JSON_T5 "\n" JSON_COIN "\n```\nThere.", "There." T5 COIN},
        {"gemma", "```\n" JSON_T5 "\n```\n```json\n" JSON_COIN "\n```", T5 COIN},
        {"llama2", " {\"name\": \"set_timer\", \"parameters\": {\"seconds\": 5}}\n", T5},
        {"mistral-v1", "\n" JSON_COIN, COIN},
        {"sotto-starter", "[set_timer(seconds=5)]", T5},
        {"sotto-starter", "[set_timer(seconds=5), flip_coin()]", T5 COIN},
        {"sotto-starter", "[set_timer(seconds=5*60, label=\"a (b] c's\")]",
         "\nset_timer {\"seconds\": 300, \"label\": \"a (b] c's\"}"},
        {"sotto-starter", "[add(list=[\"a\", \"b\"], sure=true, to={\"k\": 1})]",
         "\nadd {\"list\": [\"a\", \"b\"], \"sure\": true, \"to\": {\"k\": 1}}"},
    };
    check_rows(rows, SOTTO_COUNT(rows));
}

/* ---- text ---------------------------------------------------------------------------------------------- */

TEST(what_is_no_call_is_shown) {
    static const row rows[] = {
        {"qwen3", "", ""}, {"qwen3", "Hello", "Hello"}, {"qwen3", " \n x  y \n\n", " \n x  y \n\n"},
        {"qwen3", "a < b <tool <tool_cal", "a < b <tool <tool_cal"},
        {"qwen3", JSON_T5, JSON_T5}, {"qwen3", "\n <too", "\n <too"}, {"qwen3", "<<tool<think", "<<tool<think"},
        {"qwen3", "</tool_call>", "</tool_call>"},
        {"llama3", "Hello " JSON_T5, "Hello " JSON_T5},
        {"llama3", "{\"answer\": 42}", "{\"answer\": 42}"},
        {"llama3", "{\"name\": \"Bob\", \"age\": 5}\n", "{\"name\": \"Bob\", \"age\": 5}\n"},
        {"llama3", "{\"name\": \"Bob\", \"ag", "{\"name\": \"Bob\", \"ag"},
        {"llama3", "{", "{"}, {"llama3", "{}", "{}"}, {"llama3", "<|python", "<|python"},
        {"llama3", "{\"name\": 3, \"arguments\": {}}", "{\"name\": 3, \"arguments\": {}}"},
        {"llama3", "[" JSON_T5 "]", "[" JSON_T5 "]"},
        {"mistral", "[TOOL_CALLS] [" JSON_T5 "]", "[TOOL_CALLS] [" JSON_T5 "]"},
        {"gemma4", "<|tool_call>call:flip_coin{}<tool_call|>", "<|tool_call>call:flip_coin{}<tool_call|>"},
        {"gemma4", "call:flip_coin{}" END Q, "call:flip_coin{}"},
        {"gemma", "```json\n{\"a\": 1}\n```", "```json\n{\"a\": 1}\n```"},
        {"gemma", "```json\n{\"name\": \"set\", \"x\": {}}\n```", "```json\n{\"name\": \"set\", \"x\": {}}\n```"},
        {"gemma", "```python\nx = 1\n```", "```python\nx = 1\n```"}, {"gemma", "``", "``"},
        {"gemma", "I would say:\n" JSON_COIN, "I would say:\n" JSON_COIN},
        {"sotto-starter", "You're welcome.", "You're welcome."}, {"sotto-starter", "a [b]", "a [b]"},
        {"gemma", "{ \n \"nam\": 1}", "{ \n \"nam\": 1}"},
    };
    check_rows(rows, SOTTO_COUNT(rows));
}

TEST(control_tokens_are_shown_on_demand) {
    static const char text[] = CONTROL("<|turn>") "a" CONTROL("<|tool_call>") "call:flip_coin{}" END CONTROL("<eos>");
    char *hidden = read_answer("gemma4", text, 100, false), *visible = read_answer("gemma4", text, 100, true);
    CHECK_STR(hidden, "a" COIN);
    CHECK_STR(visible, "<|turn>a<eos>" COIN);
    free(hidden);
    free(visible);
}

/* ---- broken ones --------------------------------------------------------------------------------------- */

#define NOT_JSON "the call is not JSON of the form {\"name\": ..., \"arguments\": {...}}"
#define BREAKS_OFF "the call breaks off before its end"
#define NOT_WRITTEN "the call is not written as it must be"

TEST(broken_calls_are_errors_and_never_text) {
    static const row rows[] = {
        {"qwen3", MARKED(""), "\n {} ! " NOT_JSON},
        {"qwen3", "<tool_call>", "\n {} ! " BREAKS_OFF},
        {"qwen3", "Yes: <tool_call>\n{\"name\": \"set_timer\", \"arguments\": {\"sec",
         "Yes:\nset_timer {} ! set_timer: " BREAKS_OFF},
        {"qwen3", MARKED("{\"name\": \"set_timer\", \"arguments\": {\"seconds\": 5}") "x",
         "x\nset_timer {} ! set_timer: " NOT_JSON},
        {"qwen3", MARKED("flip_coin()") "x", "x\n {} ! " NOT_JSON},
        {"qwen3", MARKED("{'name': 'set_timer'}"), "\n {} ! " NOT_JSON},
        {"qwen3", MARKED("{\"name\": \"set_timer\", \"arguments\": [5]}"), "\nset_timer {} ! set_timer: " NOT_JSON},
        {"qwen3", MARKED("{\"name\": \"set_timer\", \"arguments\": \"five\"}"),
         "\nset_timer {} ! set_timer: " NOT_JSON},
        {"qwen3", MARKED("{\"name\": \"set_timer\", \"arguments\": {\"seconds\": 5, \"seconds\": 6}}"),
         "\nset_timer {} ! set_timer: " NOT_JSON},
        {"qwen3", MARKED("{\"name\": \"set_timer\", \"arguments\": {\"seconds\": 05}}"),
         "\nset_timer {} ! set_timer: " NOT_JSON},
        {"qwen3", MARKED("{\"arguments\": {\"seconds\": 5}}"), "\n {} ! " NOT_JSON},
        {"qwen3", MARKED("{\"name\": {\"name\": \"x\"}}"), "\n {} ! " NOT_JSON},
        {"qwen3", MARKED("{\"name\": \"a\\u0000b\", \"arguments\": {}}"), "\na\\u0000b {} ! a\\u0000b: " NOT_JSON},
        {"qwen3", MARKED("[]"), "\n {} ! " NOT_JSON},
        {"qwen3", MARKED("]"), "\n {} ! " NOT_JSON},
        {"llama3", "{\"name\": \"set_timer\", \"parameters\": {\"seconds\": ",
         "\nset_timer {} ! set_timer: " BREAKS_OFF},
        {"llama3", "{\"name\": \"set_timer\"}", "\nset_timer {}"},
        {"llama3", JSON_T5 "; {\"name\": \"flip_coin\", \"arg", T5 "\nflip_coin {} ! flip_coin: " BREAKS_OFF},
        {"llama3", JSON_T5 "; {\"x\": 1}", "{\"x\": 1}" T5},
        {"llama3", CONTROL("<|python_tag|>") "search.call(query=\"x\")", "\n {} ! " NOT_JSON},
        {"mistral", CONTROL("[TOOL_CALLS]") " [" JSON_T5 ", {\"na", "\nset_timer {} ! set_timer: " BREAKS_OFF},
        {"mistral", CONTROL("[TOOL_CALLS]"), "\n {} ! " BREAKS_OFF},
        {"mistral", CONTROL("[TOOL_CALLS]") "get_weather", "\n {} ! " BREAKS_OFF},
        {"gemma4", CALL "set_timer{seconds:5", "\nset_timer {} ! set_timer: " BREAKS_OFF},
        {"gemma4", CALL "set_timer{seconds:5" END "x", "x\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"gemma4", CALL "set_timer{seconds:5}}" END "x", "x" T5},
        {"gemma4", CALL "set_timer" END, "\n {} ! " NOT_WRITTEN},
        {"gemma4", CALL "set_timer{label:pasta}" END, "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"gemma4", CALL "set_timer{label:" Q "pasta}" END, "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"gemma4", CALL "set_timer{seconds:1,seconds:2}" END, "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"gemma4", CONTROL("<|tool_call>") "flip_coin{}" END, "\nflip_coin {} ! flip_coin: " NOT_WRITTEN},
        {"gemma4", CALL "flip_coin{}" CALL "flip_coin{}" END, COIN COIN},
        {"gemma4", CALL "flip_coin{,}" END, "\nflip_coin {} ! flip_coin: " NOT_WRITTEN},
        {"gemma", "```json\n{\"name\": \"set_timer\", \"argum", "\nset_timer {} ! set_timer: " BREAKS_OFF},
        {"sotto-starter", "[", "\n {} ! " BREAKS_OFF},
        {"sotto-starter", "[]", "\n {} ! " NOT_WRITTEN},
        {"sotto-starter", "[set_timer(seconds=5)", "\nset_timer {} ! set_timer: " BREAKS_OFF},
        {"sotto-starter", "[set_timer(seconds=5*)]", "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"sotto-starter", "[set_timer(seconds=1/0)]", "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"sotto-starter", "[set_timer(seconds=five)]", "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"sotto-starter", "[set_timer(5)]", "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"sotto-starter", "[set_timer(seconds=5), ]", "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"sotto-starter", "[set_timer(seconds=5, seconds=6)]", "\nset_timer {} ! set_timer: " NOT_WRITTEN},
        {"sotto-starter", "[5]", "\n {} ! " NOT_WRITTEN},
        {"sotto-starter", "[flip_coin()} x", "x\nflip_coin {} ! flip_coin: " NOT_WRITTEN},
    };
    check_rows(rows, SOTTO_COUNT(rows));
}

TEST(calls_are_held_against_their_tools) {
    static const row rows[] = {
        {"sotto-starter", "[set_timer(seconds=\"5\")]",
         "\nset_timer {\"seconds\": \"5\"} ! set_timer: \"seconds\" must be a number, not a string"},
        {"sotto-starter", "[set_timer(seconds=-5)]",
         "\nset_timer {\"seconds\": -5} ! set_timer: \"seconds\" must be at least 0"},
        {"sotto-starter", "[set_timer(minutes=5)]",
         "\nset_timer {\"minutes\": 5} ! set_timer: \"minutes\" is not known"},
        {"sotto-starter", "[flip_coin(times=2)]", "\nflip_coin {\"times\": 2} ! flip_coin: \"times\" is not known"},
        {"sotto-starter", "[dance()]",
         "\ndance {} ! there is no tool \"dance\"; there are set_timer, flip_coin, add, free"},
        {"qwen3", MARKED("{\"name\": \"add\", \"arguments\": {}}"), "\nadd {} ! add: \"list\" is missing"},
        {"qwen3", MARKED("{\"name\": \"add\", \"arguments\": {\"list\": [\"a\", 1]}}"),
         "\nadd {\"list\": [\"a\", 1]} ! add: \"list[1]\" must be a string, not an integer"},
        {"qwen3", MARKED("{\"name\": \"free\", \"arguments\": {\"x\": 1}}"), "\nfree {\"x\": 1}"},
        {"qwen3", MARKED("{\"name\": \"add\", \"arguments\": {\"list\": [], \"to\": {\"x\": 1}}}"),
         "\nadd {\"list\": [], \"to\": {\"x\": 1}}"},
        {"gemma", "{\"name\": \"dance\", \"arguments\": {}}",
         "\ndance {} ! there is no tool \"dance\"; there are set_timer, flip_coin, add, free"},
    };
    check_rows(rows, SOTTO_COUNT(rows));
}

/* ---- limits -------------------------------------------------------------------------------------------- */

/* `n` times `piece` between two texts; free() it. */
static char *repeated(const char *before, const char *piece, size_t n, const char *after) {
    sotto_buf b = {0};
    sotto_buf_puts(&b, before);
    for (size_t i = 0; i < n; i++) sotto_buf_puts(&b, piece);
    sotto_buf_puts(&b, after);
    return b.data;
}

static void check_long(const char *format, char *text, const char *want) {
    char *got = read_answer(format, text, 1000, false);
    CHECK_STR(got, want);
    free(got);
    free(text);
}

TEST(limits) {
    const size_t much = SOTTO_CALL_BYTES_MAX;
    check_long("qwen3",
               repeated("<tool_call>{\"name\": \"free\", \"arguments\": {\"x\": \"", "y", much, "\"}}</tool_call>z"),
               "z\nfree {} ! free: the call is too long");
    check_long("sotto-starter", repeated("[set_timer(label=\"", "y", much, "\")]z"),
               "\nset_timer {} ! set_timer: the call is too long");
    char *answer = repeated("{\"name\": \"Bob\", \"x\": \"", "y", much, "\"}");
    char *got = read_answer("gemma", answer, 999, false);
    CHECK_STR(got, answer);
    free(got);
    free(answer);
    check_long("sotto-starter", repeated("[set_timer(seconds=", "(", 100, "1)]"),
               "\nset_timer {} ! set_timer: " BREAKS_OFF);
    char *open = repeated("[set_timer(seconds=", "(", 100, "1");
    check_long("sotto-starter", repeated(open, ")", 101, "]"), "\nset_timer {} ! set_timer: " NOT_WRITTEN);
    free(open);
    open = repeated("<tool_call>{\"name\": \"free\", \"arguments\": {\"x\": ", "[", 100, "");
    check_long("qwen3", repeated(open, "]", 100, "}}</tool_call>"), "\nfree {} ! free: " NOT_JSON);
    free(open);
    check_long("sotto-starter", repeated("[", "flip_coin(), ", 99, "flip_coin()] "),
               got = repeated("", COIN, SOTTO_CALLS_MAX, ""));
    free(got);
    check_long("qwen3", repeated("a", " \n", 100000, "<tool_call>" JSON_T5), "a" T5);
}

/* ---- sums ---------------------------------------------------------------------------------------------- */

TEST(sums) {
    static const struct { const char *text; double value; } good[] = {
        {"5", 5}, {"5*60", 300}, {"1*3600+20*60", 4800}, {"6+1/12", 6 + 1.0 / 12}, {"-2*7", -14}, {"(10*60)+5*60", 900},
        {"2/3", 2.0 / 3}, {"0.5*3600", 1800}, {"--5", 5}, {"-(2+3)*2", -10}, {" 1 + 2 ", 3}, {"7-2-1", 4}, {"8/2/2", 2},
        {"2*-3", -6}, {"+4", 4}, {"1e3", 1000}, {"10-2*3", 4}, {"((1))", 1},
    };
    static const char *const bad[] = {"",   "5*", "*5",    "(5", "5)",  "5 5", "1/0", "0/0",
                                      ".5", "5.", "1e400", "x",  "5^2", "5%",  "()"};
    double x;
    for (size_t i = 0; i < SOTTO_COUNT(good); i++) {
        CHECK(sotto_calls_sum(sotto_str_from(good[i].text), &x));
        if (x != good[i].value) TEST_FAIL("%s is %g", good[i].text, x);
    }
    for (size_t i = 0; i < SOTTO_COUNT(bad); i++)
        if (sotto_calls_sum(sotto_str_from(bad[i]), &x)) TEST_FAIL("\"%s\" is %g", bad[i], x);
}

TEST_MAIN()
