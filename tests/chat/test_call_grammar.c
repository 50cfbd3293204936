/* The grammar of calls against the texts that our own renderer writes: random calls that fit their schemas are accepted
 * and read back as they were, and calls that do not fit are refused. */
#include "test.h"

#include <sotto/sotto.h>

#include "grammar/grammar.h"
#include "text/calls.h"
#include "text/chat.h"

static const char tools[] =
    "[{\"name\":\"set_timer\",\"parameters\":{\"type\":\"object\",\"properties\":{\"seconds\":{\"type\":\"number\","
    "\"minimum\":0},\"label\":{\"type\":\"string\",\"maxLength\":20}}}},"
    "{\"name\":\"convert_units\",\"parameters\":{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"number\"},"
    "\"from\":{\"enum\":[\"mile\",\"km\",\"degree C\"]},\"to\":{\"type\":\"string\",\"enum\":[\"mile\",\"km\"]}},"
    "\"required\":[\"value\",\"from\",\"to\"],\"additionalProperties\":false}},"
    "{\"name\":\"flip_coin\",\"parameters\":{\"type\":\"object\",\"properties\":{}}},"
    "{\"name\":\"roll-dice.2\",\"parameters\":{\"type\":\"object\",\"properties\":{\"count\":{\"type\":\"integer\"},"
    "\"sides\":{\"type\":\"integer\"}},\"required\":[\"sides\"]}},"
    "{\"name\":\"plan\",\"parameters\":{\"type\":\"object\",\"properties\":{\"Stops\":{\"type\":\"array\",\"items\":{"
    "\"type\":\"string\"},\"minItems\":1,\"maxItems\":3},\"by\":{\"type\":\"object\",\"properties\":{\"train\":{"
    "\"type\":\"boolean\"},\"class\":{\"type\":\"integer\"}},\"required\":[\"train\"]},\"ok\":{\"type\":\"boolean\"},"
    "\"limit\":{\"type\":[\"number\",\"null\"]}},\"required\":[\"ok\",\"Stops\"]}}]";

/* ---- random arguments ---------------------------------------------------------------------------------- */

static uint64_t seed = 5;
static size_t   pick(size_t n) { return (size_t)(test_random(&seed) % n); }

static json_t *random_text(const json_t *schema, bool plain) {
    static const char *const parts[] = {"a", "Tea time", " ", "{", "}]", "(x)", "it's", "\xc3\xa9", ",", ":",
                                        "\"", "\\", "\n", "<|\"|>", "</tool_call>", "\t", "=5"};
    const json_t *most = json_object_get(schema, "maxLength");
    char          text[128] = "";
    size_t        n = pick(5);
    while (n--) strcat(text, parts[pick(plain ? 10 : SOTTO_COUNT(parts))]);
    if (most && strlen(text) > (size_t)json_integer_value(most)) text[0] = '\0';
    return json_string(text);
}

static json_t *random_object(const json_t *schema, bool plain);

static json_t *random_value(const json_t *schema, bool plain) {
    const json_t *choices = json_object_get(schema, "enum"), *type = json_object_get(schema, "type");
    if (choices) return json_incref(json_array_get(choices, pick(json_array_size(choices))));
    if (json_is_array(type)) type = json_array_get(type, pick(json_array_size(type)));
    const char *name = json_string_value(type);
    if (strcmp(name, "string") == 0) return random_text(schema, plain);
    if (strcmp(name, "boolean") == 0) return json_boolean(pick(2));
    if (strcmp(name, "null") == 0) return json_null();
    if (strcmp(name, "object") == 0) return random_object(schema, plain);
    if (strcmp(name, "array") == 0) {
        json_t *array = json_array();
        for (size_t n = 1 + pick(3); n; n--)
            json_array_append_new(array, random_value(json_object_get(schema, "items"), plain));
        return array;
    }
    json_int_t whole = (json_int_t)pick(pick(2) ? 100 : 1000000000);
    if (!json_object_get(schema, "minimum") && pick(3) == 0) whole = -whole;
    if (strcmp(name, "number") == 0 && pick(2)) return json_real((double)whole + 0.25 * (double)pick(4));
    return json_integer(whole);
}

static json_t *random_object(const json_t *schema, bool plain) {
    json_t       *object = json_object(), *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    for (void *it = json_object_iter(properties); it; it = json_object_iter_next(properties, it)) {
        bool must = false;
        for (size_t i = 0; i < json_array_size(required); i++)
            must |= strcmp(json_string_value(json_array_get(required, i)), json_object_iter_key(it)) == 0;
        if (must || pick(2))
            json_object_set_new(object, json_object_iter_key(it), random_value(json_object_iter_value(it), plain));
    }
    return object;
}

/* ---- what the renderer writes -------------------------------------------------------------------------- */

/* Render an answer with these calls. Where it begins, behind its header and the thought that the format puts there. */
static size_t render(const sotto_chat_format *f, const json_t *calls, sotto_chat_prompt *p) {
    char           *text = json_dumps(calls, JSON_COMPACT);
    sotto_chat_turn turns[] = {{.role = "user", .content = "x"}, {.role = "assistant", .tool_calls = text}};
    sotto_error     err;
    const char     *header = f->tools->calls_header ? f->tools->calls_header : f->turn[SOTTO_CHAT_ASSISTANT].before;
    const char     *end = f->turn[SOTTO_CHAT_USER].after;
    CHECK_OK(sotto_chat_render(f, turns, 2, &(sotto_chat_params){.continue_last = true}, p, &err), err);
    free(text);
    size_t begin = sotto_chat_find_last(sotto_buf_str(&p->text), end) + strlen(end) + strlen(header);
    if (f->answer[0] && sotto_str_starts(sotto_chat_from(sotto_buf_str(&p->text), begin), f->answer[0]))
        begin += strlen(f->answer[0]);
    return begin;
}

/* Read a rendered answer: marks in trusted text are control tokens where the family's are. */
static sotto_call_reader *read_back(const sotto_chat_format *f, const sotto_chat_prompt *p, size_t begin) {
    static const char *const marks[] = {"<|tool_call>", "<tool_call|>", "<|\"|>", "[TOOL_CALLS]"};
    sotto_call_reader *r = NULL;
    sotto_buf          shown = {0};
    sotto_error        err;
    CHECK_OK(sotto_call_reader_open(&r, f, tools, &err), err);
    for (size_t i = 0; i < p->n_spans; i++) {
        size_t at = SOTTO_MAX(p->spans[i].offset, begin), end = p->spans[i].offset + p->spans[i].n;
        while (at < end) {
            sotto_str   rest = {p->text.data + at, end - at};
            const char *mark = NULL;
            for (size_t k = 0; k < SOTTO_COUNT(marks) && p->spans[i].trusted && f->tools->form.control; k++)
                if (sotto_str_starts(rest, marks[k])) mark = marks[k];
            rest.n = mark ? strlen(mark) : 1;
            CHECK(mark ? sotto_call_reader_push_control(r, rest, false, &shown)
                       : sotto_call_reader_push(r, rest, &shown));
            at += rest.n;
        }
    }
    CHECK(sotto_call_reader_end(r, &shown));
    CHECK_STR(sotto_buf_str(&shown).p, sotto_calls_begin_thinking(f) ? "\n</think>" : "");
    sotto_buf_free(&shown);
    return r;
}

static bool same(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b)) return false;
    if (json_is_array(a)) {
        for (size_t i = 0; i < json_array_size(a); i++)
            if (i >= json_array_size(b) || !same(json_array_get(a, i), json_array_get(b, i))) return false;
        return json_array_size(a) == json_array_size(b);
    }
    if (!json_is_object(a)) return json_equal(a, b);
    json_t *object = (json_t *)a;
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
        const json_t *other = json_object_get(b, json_object_iter_key(it));
        if (!other || !same(json_object_iter_value(it), other)) return false;
    }
    return json_object_size(a) == json_object_size(b);
}

static sotto_grammar *open_grammar(const sotto_chat_format *f, const char *only, bool whole) {
    sotto_grammar *g = NULL;
    sotto_buf      gbnf = {0};
    sotto_error    err = {0};
    CHECK_OK(sotto_calls_grammar(f, tools, only, whole, &gbnf, &err), err);
    CHECK_OK(sotto_grammar_open(&g, sotto_buf_str(&gbnf).p, gbnf.len, &err), err);
    sotto_buf_free(&gbnf);
    return g;
}

/* Whether the grammar has the rendered text. As text, its terminal <[TOOL_CALLS]> has other brackets. */
static bool accepts(const sotto_chat_format *f, const sotto_grammar *g, const char *text) {
    sotto_buf b = {0};
    if (text[0] == '[' && f->tools->form.control) sotto_buf_printf(&b, "<[TOOL_CALLS]>%s", strchr(text, ']') + 1);
    else sotto_buf_puts(&b, text);
    bool yes = sotto_grammar_accepts(g, b.data, b.len);
    sotto_buf_free(&b);
    return yes;
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void check_calls(const sotto_chat_format *f, const sotto_grammar *g, const json_t *calls) {
    sotto_chat_prompt  p = {0};
    size_t             begin = render(f, calls, &p), n;
    sotto_call_reader *r = read_back(f, &p, begin);
    if (!accepts(f, g, p.text.data + begin)) TEST_FAIL("%s refuses\n%s", f->name, p.text.data + begin);
    const sotto_tool_call *got = sotto_call_reader_calls(r, &n);
    CHECK_INT(n, json_array_size(calls));
    for (size_t i = 0; i < n; i++) {
        const json_t *call = json_array_get(calls, i);
        json_t       *arguments = json_loads(got[i].arguments, 0, NULL);
        CHECK_STR(got[i].name, json_string_value(json_object_get(call, "name")));
        if (got[i].error || !same(arguments, json_object_get(call, "arguments")))
            TEST_FAIL("%s reads %s as\n%s %s: %s", f->name, p.text.data + begin, got[i].name, got[i].arguments,
                      got[i].error ? got[i].error : "");
        json_decref(arguments);
    }
    sotto_call_reader_close(r);
    sotto_chat_prompt_free(&p);
}

TEST(rendered_calls_are_accepted_and_read_back) {
    json_t *list = json_loads(tools, 0, NULL);
    for (size_t k = 0; k < sotto_chat_format_count; k++) {
        const sotto_chat_format *f = &sotto_chat_formats[k];
        sotto_grammar           *g = open_grammar(f, NULL, true);
        for (int round = 0; g && round < 200; round++) {
            json_t *calls = json_array();
            for (size_t n = 1 + pick(3); n; n--) {
                const json_t *tool = json_array_get(list, pick(json_array_size(list)));
                json_t       *arguments = random_object(json_object_get(tool, "parameters"), f->tools->deaf);
                json_array_append_new(calls, json_pack("{s:O, s:o}", "name", json_object_get(tool, "name"), "arguments",
                                                       arguments));
            }
            check_calls(f, g, calls);
            json_decref(calls);
        }
        sotto_grammar_close(g);
    }
    json_decref(list);
}

TEST(calls_that_do_not_fit_are_refused) {
    static const char *const bad[] = {
        "[{\"name\":\"dance\"}]",
        "[{\"name\":\"flip_coin\",\"arguments\":{\"x\":1}}]",
        "[{\"name\":\"set_timer\",\"arguments\":{\"seconds\":\"5\"}}]",
        "[{\"name\":\"set_timer\",\"arguments\":{\"label\":\"123456789012345678901\"}}]",
        "[{\"name\":\"set_timer\",\"arguments\":{\"minutes\":5}}]",
        "[{\"name\":\"roll-dice.2\",\"arguments\":{\"count\":5}}]",
        "[{\"name\":\"convert_units\",\"arguments\":{\"value\":1,\"from\":\"mile\",\"to\":\"degree C\"}}]",
        "[{\"name\":\"plan\",\"arguments\":{\"Stops\":[],\"ok\":true}}]",
        "[{\"name\":\"plan\",\"arguments\":{\"Stops\":[\"a\"],\"by\":{\"class\":1},\"ok\":true}}]",
        "[{\"name\":\"flip_coin\"},{\"name\":\"dance\"}]",
        /* As text, Gemma 4's quotes may stand in a string: */
        "[{\"name\":\"plan\",\"arguments\":{\"Stops\":[\"a\",\"b\",\"c\",\"d\"],\"ok\":true}}]",
    };
    for (size_t k = 0; k < sotto_chat_format_count; k++) {
        const sotto_chat_format *f = &sotto_chat_formats[k];
        sotto_grammar           *g = open_grammar(f, NULL, true);
        size_t                   n = SOTTO_COUNT(bad) - (f->tools->form.notation == SOTTO_CALL_GEMMA4);
        for (size_t i = 0; g && i < n; i++) {
            json_t           *calls = json_loads(bad[i], 0, NULL);
            sotto_chat_prompt p = {0};
            size_t            begin = render(f, calls, &p);
            if (accepts(f, g, p.text.data + begin)) TEST_FAIL("%s accepts\n%s", f->name, p.text.data + begin);
            sotto_chat_prompt_free(&p);
            json_decref(calls);
        }
        CHECK(g && !sotto_grammar_accepts(g, "", 0) && !sotto_grammar_accepts(g, "Hello", 5));
        sotto_grammar_close(g);
    }
}

TEST(one_call_of_one_tool) {
    const sotto_chat_format *f = sotto_chat_format_named("sotto-starter");
    sotto_grammar           *g = open_grammar(f, "set_timer", true);
    CHECK(accepts(f, g, "[set_timer(seconds=5*60, label=\" tea\")]"));
    CHECK(!accepts(f, g, "[flip_coin()]") && !accepts(f, g, "[set_timer(), set_timer()]"));
    sotto_grammar_close(g);
    sotto_buf   out = {0};
    sotto_error err = {0};
    CHECK_INT(sotto_calls_grammar(f, tools, "dance", true, &out, &err), SOTTO_INVALID);
    CHECK(strstr(err.message, "no tool \"dance\"") != NULL);
    CHECK_INT(sotto_calls_grammar(f, "[]", NULL, true, &out, &err), SOTTO_INVALID);
    static const char strange[] = "[{\"name\":\"f\",\"parameters\":{\"properties\":{\"a b\":{}}}}]";
    CHECK_INT(sotto_calls_grammar(f, strange, NULL, true, &out, &err), SOTTO_UNSUPPORTED);
    CHECK(strstr(err.message, "tool \"f\"") && strstr(err.message, "\"a b\""));
    sotto_buf_free(&out);
}

/* Sums as the starter model writes them, and some that it must not. */
TEST(sums_in_the_grammar) {
    static const char *const good[] = {"5", "5*60", "1*3600+20*60", "6+1/12", "-2*7", "(10*60)+5*60", "((10*60)+5)-3",
                                       "0.5*3600", "2/3", "(6*60)/2"};
    static const char *const bad[] = {"", "5*", "1/0", "05", "5.", ".5", "(5", "5)", "((((5))))", "1e5", "5 * 60"};
    const sotto_chat_format *f = sotto_chat_format_named("sotto-starter");
    sotto_grammar           *g = open_grammar(f, NULL, true);
    char                     text[64];
    for (size_t i = 0; i < SOTTO_COUNT(good) + SOTTO_COUNT(bad); i++) {
        bool want = i < SOTTO_COUNT(good);
        (void)snprintf(text, sizeof text, "[set_timer(seconds=%s)]", want ? good[i] : bad[i - SOTTO_COUNT(good)]);
        if (accepts(f, g, text) != want) TEST_FAIL("%s: %s", text, want ? "refused" : "accepted");
    }
    sotto_grammar_close(g);
}

/* Between calls the grammar of calls that may come is complete, inside them it is not. */
TEST(a_grammar_to_take_hold_of_calls) {
    static const struct { const char *format, *text; } row[] = {
        {"qwen3", "\n{\"name\": \"flip_coin\", \"arguments\": {}}\n</tool_call>"},
        {"qwen3", "{\n  \"name\": \"flip_coin\",\n  \"arguments\": {}\n}</tool_call>"},
        {"llama3", "{\"name\": \"flip_coin\", \"parameters\": {}}"},
        {"llama3", "{\"type\": \"function\", \"name\": \"flip_coin\", \"parameters\": {}}"},
        {"gemma", "{\"name\":\"flip_coin\",\"arguments\":{}}"},
        {"mistral", " [{\"name\": \"flip_coin\", \"arguments\": {}}]"},
        {"gemma4", "call:flip_coin{}<tool_call|>"},
        {"sotto-starter", "[flip_coin(), set_timer(seconds=1+1)]"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(row); i++) {
        sotto_grammar *g = open_grammar(sotto_chat_format_named(row[i].format), NULL, false);
        sotto_buf      text = {0};
        for (int times = 0; g && times < 3; times++) {
            CHECK(sotto_grammar_accepts(g, sotto_buf_str(&text).p, text.len));
            for (const char *p = row[i].text; *p; p++) {
                sotto_buf_putc(&text, *p);
                if (sotto_grammar_accepts(g, text.data, text.len) != !p[1])
                    TEST_FAIL("%s: %s", row[i].format, text.data);
            }
        }
        sotto_buf_free(&text);
        sotto_grammar_close(g);
    }
}

TEST_MAIN()
