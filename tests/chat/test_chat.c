/* Every format against what the published templates print (made by tools/chat-fixtures/make_fixtures.py), and the
 * rules that no template states: whose text is trusted, what is refused, how a format is recognised. */
#include "chat/talk.h"

/* ---- fixtures ------------------------------------------------------------------------------------------ */

/* The spans tile the text. */
static void check_spans(const sotto_chat_prompt *p) {
    size_t at = 0;
    for (size_t i = 0; i < p->n_spans; i++) {
        CHECK_INT(p->spans[i].offset, at);
        CHECK(p->spans[i].n > 0);
        CHECK(i == 0 || p->spans[i].trusted != p->spans[i - 1].trusted);
        at += p->spans[i].n;
    }
    CHECK_INT(at, p->text.len);
}

TEST(every_format_prints_what_its_template_prints) {
    json_t *conversations = talk_load("chat/conversations.json");
    for (size_t k = 0; sotto_chat_format_list(k); k++) {
        const sotto_chat_format *f = sotto_chat_format_named(sotto_chat_format_list(k));
        char                     path[64];
        (void)snprintf(path, sizeof path, "chat/%s.json", sotto_chat_format_name(f));
        json_t *expected = talk_load(path);
        CHECK(json_array_size(conversations) >= 25);
        CHECK_INT(json_object_size(expected), json_array_size(conversations));
        for (size_t i = 0; i < json_array_size(conversations); i++) {
            const json_t     *c = json_array_get(conversations, i);
            talk              t;
            sotto_chat_prompt p = {0};
            sotto_error       err;
            talk_open(&t, c);
            CHECK_OK(sotto_chat_render(f, t.turns, t.n, &t.params, &p, &err), err);
            const char *want = talk_text(expected, talk_text(c, "name"));
            if (!p.text.data || !want || strcmp(p.text.data, want) != 0)
                TEST_FAIL("%s, \"%s\":\n--- is\n%s\n--- expected\n%s\n---", sotto_chat_format_name(f),
                          talk_text(c, "name"), p.text.data, want);
            check_spans(&p);
            sotto_chat_prompt_free(&p);
            talk_close(&t);
        }
        json_decref(expected);
    }
    json_decref(conversations);
}

/* ---- trust --------------------------------------------------------------------------------------------- */

static bool holds(const char *text, size_t n, const char *needle) {
    return sotto_chat_find((sotto_str){text, n}, needle) != SIZE_MAX;
}

/* A word that stands in all texts of people only, and control tokens that only templates write. */
TEST(people_are_never_trusted) {
    static const char *const control[] = {"<|", "|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<s>", "</s>",
                                          "[TOOL"};
    static const sotto_chat_turn turns[] = {
        {.role = "system", .content = "a ZEBRA b"},
        {.role = "user", .content = "ZEBRA"},
        {.role = "assistant", .content = "<think>ZEBRA</think>ZEBRA",
         .tool_calls = "[{\"name\":\"ZEBRA\",\"id\":\"ZEBRA1234\","
                       "\"arguments\":{\"ZEBRA\":[\"ZEBRA\",{\"ZEBRA\":\"ZEBRA\"}]}}]"},
        {.role = "tool", .content = "ZEBRA", .tool_name = "ZEBRA"},
        {.role = "assistant", .content = "ZEBRA"},
        {.role = "system", .content = "ZEBRA"},
        {.role = "user", .content = "ZEBRA"},
        {.role = "assistant", .content = "<think>\nZEBRA\n</think>\n\nZEBRA"},
    };
    static const sotto_chat_params params = {
        .tools = "[{\"name\":\"ZEBRA\",\"description\":\"ZEBRA\",\"parameters\":"
                 "{\"type\":\"ZEBRA\",\"required\":[\"ZEBRA\"],"
                 "\"properties\":{\"ZEBRA\":{\"type\":\"string\",\"description\":\"ZEBRA\",\"enum\":[\"ZEBRA\"]},"
                 "\"a\":{\"type\":\"array\",\"items\":{\"type\":\"ZEBRA\",\"ZEBRA\":\"ZEBRA\"}}}}}]",
        .date = "ZEBRA",
        .thinking = true,
    };
    for (size_t k = 0; sotto_chat_format_list(k); k++) {
        sotto_chat_prompt p = {0};
        sotto_error       err;
        CHECK_OK(sotto_chat_render(&sotto_chat_formats[k], turns, SOTTO_COUNT(turns), &params, &p, &err), err);
        check_spans(&p);
        size_t zebras = 0;
        for (size_t i = 0; i < p.n_spans; i++) {
            const char *at = p.text.data + p.spans[i].offset;
            if (p.spans[i].trusted) CHECK(!holds(at, p.spans[i].n, "ZEBRA"));
            else zebras += holds(at, p.spans[i].n, "ZEBRA");
            for (size_t c = 0; !p.spans[i].trusted && c < SOTTO_COUNT(control); c++)
                CHECK(!holds(at, p.spans[i].n, control[c]));
        }
        CHECK(zebras >= 4);
        sotto_chat_prompt_free(&p);
    }
}

/* ---- what is refused, and what never is ---------------------------------------------------------------- */

static sotto_status try_render(const char *format, sotto_chat_turn turn, sotto_chat_params params,
                               const char *message) {
    sotto_chat_prompt p = {0};
    sotto_error       err = {0};
    sotto_status      status = sotto_chat_render(sotto_chat_format_named(format), &turn, 1, &params, &p, &err);
    if (message && !strstr(err.message, message)) TEST_FAIL("\"%s\" does not say \"%s\"", err.message, message);
    sotto_chat_prompt_free(&p);
    return status;
}

TEST(malformed_input_is_refused_with_a_sentence) {
    sotto_chat_turn   user = {.role = "user", .content = "hi"}, said = {.role = "assistant", .content = "hi"};
    sotto_chat_params none = {0};
    static const struct { const char *json, *message; } bad_tools[] = {
        {"[{]", "tools: not valid JSON at line 1"}, {"{}", "tools: expected a JSON array"},
        {"", "tools: not valid JSON"},
        {"[1]", "tools[0]"}, {"[{\"function\":{}}]", "tools[0]"}, {"[{\"name\":\"\"}]", "tools[0]"},
        {"[{\"name\":\"a\"},{\"name\":3}]", "tools[1]"},
        {"[{\"name\":\"a\",\"name\":\"b\"}]", "tools: not valid JSON"},
        {"[{\"name\":\"a\\u0000b\"}]", "tools: not valid JSON"}, {"[{\"name\":\"\xff\"}]", "tools: not valid JSON"},
        {"[{\"name\":\"a\",\"parameters\":99999999999999999999}]", "tools: not valid JSON"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(bad_tools); i++)
        CHECK_INT(try_render("qwen3", user, (sotto_chat_params){.tools = bad_tools[i].json}, bad_tools[i].message),
                  SOTTO_INVALID);
    static const struct { const char *json, *message; } bad_calls[] = {
        {"[", "tool_calls of turn 1: not valid JSON"}, {"{}", "tool_calls of turn 1: expected a JSON array"},
        {"[[]]", "tool_calls[0] of turn 1"},
        {"[{\"name\":\"a\",\"arguments\":3}]", "tool_calls[0] of turn 1.arguments"},
        {"[{\"name\":\"a\",\"arguments\":\"{\"}]", "tool_calls[0] of turn 1.arguments: not valid JSON"},
        {"[{\"name\":\"a\",\"arguments\":\"[]\"}]", "expected a JSON object"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(bad_calls); i++) {
        said.tool_calls = bad_calls[i].json;
        CHECK_INT(try_render("mistral", said, none, bad_calls[i].message), SOTTO_INVALID);
    }
    user.tool_calls = "[]";
    CHECK_INT(try_render("gemma", user, none, "only an assistant's turn has tool_calls"), SOTTO_INVALID);
    CHECK_INT(try_render("gemma", (sotto_chat_turn){.role = "pirate"}, none, "unknown role \"pirate\""),
              SOTTO_INVALID);
    CHECK_INT(try_render("gemma", (sotto_chat_turn){0}, none, "unknown role"), SOTTO_INVALID);
    CHECK_INT(try_render("gemma", (sotto_chat_turn){.role = "user"}, (sotto_chat_params){.continue_last = true},
                         "must be the assistant's"), SOTTO_INVALID);
}

/* `n` times `piece` between two texts; free() it. */
static char *repeated(const char *before, const char *piece, size_t n, const char *after) {
    size_t len = strlen(piece);
    char  *text = malloc(strlen(before) + n * len + strlen(after) + 1);
    strcpy(text, before);
    for (size_t i = 0; i < n; i++) memcpy(text + strlen(before) + i * len, piece, len);
    strcpy(text + strlen(before) + n * len, after);
    return text;
}

TEST(limits) {
    sotto_chat_turn user = {.role = "user", .content = "hi"};
    char           *deep = repeated("[{\"name\":\"a\",\"x\":", "[", 100, "");
    char           *rest = repeated(deep, "]", 100, "}]"), *large = repeated("[\"", "x", SOTTO_CHAT_JSON_MAX, "\"]");
    CHECK_INT(try_render("gemma4", user, (sotto_chat_params){.tools = rest}, "nested more than 64"), SOTTO_LIMIT);
    CHECK_INT(try_render("gemma4", user, (sotto_chat_params){.tools = large}, "more than the 4 MiB"), SOTTO_LIMIT);
    free(deep);
    free(rest);
    free(large);
    char *huge = repeated("", "x", SOTTO_CHAT_TEXT_MAX, "");
    user.content = huge;
    CHECK_INT(try_render("gemma", user, (sotto_chat_params){0}, "64 MiB"), SOTTO_LIMIT);
    free(huge);
}

/* Many small turns of one role: their merging takes time and memory as their text, not as its square. */
TEST(many_turns_of_one_role) {
    enum { N = 100000 };
    sotto_chat_turn  *turns = malloc(N * sizeof *turns);
    sotto_chat_prompt p = {0};
    sotto_error       err;
    for (size_t i = 0; i < N; i++) turns[i] = (sotto_chat_turn){.role = "user", .content = "xy"};
    CHECK_OK(sotto_chat_render(sotto_chat_format_named("chatml"), turns, N, NULL, &p, &err), err);
    CHECK_INT(p.text.len, 4 * N - 2 + strlen("<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n"));
    sotto_chat_prompt_free(&p);
    free(turns);
}

TEST(any_order_of_turns_renders) {
    static const char *roles[] = {"system", "user", "assistant", "tool"};
    for (size_t k = 0; sotto_chat_format_list(k); k++)
        for (int order = 0; order < 256; order++) {
            sotto_chat_turn   turns[4];
            sotto_chat_prompt p = {0};
            sotto_error       err;
            for (int i = 0; i < 4; i++)
                turns[i] = (sotto_chat_turn){.role = roles[order >> 2 * i & 3], .content = "text",
                                             .tool_calls = (order >> 2 * i & 3) == 2 ? "[{\"name\":\"f\"}]" : NULL};
            sotto_chat_params params = {.tools = order & 1 ? "[{\"name\":\"f\"}]" : NULL, .thinking = order & 2};
            CHECK_OK(sotto_chat_render(&sotto_chat_formats[k], turns, (size_t)order % 5, &params, &p, &err), err);
            check_spans(&p);
            sotto_chat_prompt_free(&p);
        }
}

TEST(a_prompt_is_used_again) {
    sotto_chat_turn   turn = {.role = "user", .content = "hi"};
    sotto_chat_prompt p = {0};
    sotto_error       err;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(sotto_chat_render(sotto_chat_format_named("gemma"), &turn, 1, NULL, &p, &err), err);
        CHECK_STR(p.text.data, "<bos><start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n");
        CHECK_INT(p.n_spans, 3);
    }
    sotto_chat_prompt_free(&p);
}

/* An unfinished thought goes on where it stopped. */
TEST(an_unfinished_thought_continues) {
    static const struct { const char *format, *said; } row[] = {{"qwen3", "<think>\nso"},
                                                                {"gemma4", "<|channel>thought\nso"}};
    for (size_t i = 0; i < SOTTO_COUNT(row); i++) {
        sotto_chat_turn   turns[] = {{.role = "user", .content = "why"},
                                     {.role = "assistant", .content = row[i].said}};
        sotto_chat_prompt p = {0};
        sotto_error       err;
        CHECK_OK(sotto_chat_render(sotto_chat_format_named(row[i].format), turns, 2,
                                   &(sotto_chat_params){.continue_last = true, .thinking = true}, &p, &err), err);
        CHECK(sotto_str_ends(sotto_buf_str(&p.text), row[i].said));
        sotto_chat_prompt_free(&p);
    }
}

/* ---- the table ----------------------------------------------------------------------------------------- */

TEST(names_and_stops) {
    size_t n = 0;
    for (; sotto_chat_format_list(n); n++) {
        const sotto_chat_format *f = sotto_chat_format_named(sotto_chat_format_list(n));
        CHECK_STR(sotto_chat_format_name(f), sotto_chat_format_list(n));
        CHECK(sotto_chat_format_stop(f, 0) != NULL);
        CHECK(sotto_chat_format_stop(f, 99) == NULL);
        CHECK(f->has[0] && f->tools);
        CHECK(sotto_chat_format_hears_results(f) == (strcmp(f->name, "sotto-starter") != 0));
        for (size_t k = 0; k < n; k++) CHECK(strcmp(sotto_chat_format_list(k), sotto_chat_format_list(n)) != 0);
    }
    CHECK(n >= 10);
    CHECK(sotto_chat_format_named("no such") == NULL);
    CHECK(sotto_chat_format_named(NULL) == NULL);
}

static const char *recognised(const char *text) {
    const sotto_chat_format *f = sotto_chat_format_recognise(sotto_str_from(text));
    return f ? sotto_chat_format_name(f) : "none";
}

TEST(formats_are_recognised_by_their_marks) {
    CHECK_STR(recognised(""), "none");
    CHECK_STR(recognised("{{ messages }}"), "none");
    CHECK_STR(recognised("{{'<|im_start|>' + message['role']}}<|im_end|>{{ '<|im_start|>assistant\\n' }}"), "chatml");
    CHECK_STR(recognised("{{'<|im_start|>' + role + '<|im_sep|>'}}<|im_end|>{{ '<|im_start|>assistant' }}"), "none");
    CHECK_STR(recognised("{{'<|im_start|>' + role}}<|im_end|>{{ '<|im_start|>assistant' }}<think>"), "none");
    CHECK_STR(recognised("{{ bos_token }}'model' <start_of_turn> | trim <end_of_turn>"), "gemma");
    CHECK_STR(recognised("{{ bos_token }}'model' <start_of_turn><end_of_turn><start_function_call>"), "none");
}

/* No row hides another: the marks of each, in one text, are recognised as that row. */
TEST(no_format_hides_another) {
    for (size_t k = 0; k < sotto_chat_format_count; k++) {
        const sotto_chat_format *f = &sotto_chat_formats[k];
        sotto_buf                b = {0};
        for (size_t i = 0; i < SOTTO_COUNT(f->has) && f->has[i]; i++) sotto_buf_printf(&b, "%s\n", f->has[i]);
        CHECK_STR(recognised(b.data), f->name);
        sotto_buf_free(&b);
    }
}

/* ---- numbers and strings as Python prints them --------------------------------------------------------- */

static void check_json(const char *text, sotto_json_style style, const char *want) {
    sotto_buf out = {0};
    json_t   *v = json_loads(text, JSON_DECODE_ANY, NULL);
    CHECK(v != NULL);
    if (v) sotto_chat_json_write(&out, v, style);
    CHECK_STR(out.data, want);
    json_decref(v);
    sotto_buf_free(&out);
}

TEST(json_as_python_prints_it) {
    static const char *numbers[][2] = {
        {"0.1", "0.1"}, {"100.0", "100.0"}, {"1e16", "1e+16"}, {"1e15", "1000000000000000.0"},
        {"123456789012345680.0", "1.2345678901234568e+17"},
        {"0.0001", "0.0001"}, {"0.00001", "1e-05"}, {"-2.5e-7", "-2.5e-07"}, {"5e-324", "5e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"-0.0", "-0.0"}, {"3.0", "3.0"}, {"12.25", "12.25"},
        {"-9223372036854775808", "-9223372036854775808"}, {"1e100", "1e+100"},
        {"0.30000000000000004", "0.30000000000000004"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(numbers); i++) check_json(numbers[i][0], SOTTO_JSON_LINE, numbers[i][1]);
    check_json("{\"b\":[],\"a\":{},\"c\":[1,true]}", SOTTO_JSON_INDENT,
               "{\n    \"b\": [],\n    \"a\": {},\n    \"c\": [\n        1,\n        true\n    ]\n}");
    check_json("\"\\u0001\\b\\f\\u007f\\u00e9\\/\"", SOTTO_JSON_LINE, "\"\\u0001\\b\\f\x7f\xc3\xa9/\"");
    check_json("[\"it's\",\"\\\"\",\"'\\\"\",\"\\u00a0\\u200b\\n\\\\\",null,false,\"\\ud83d\\ude00\\udb40\\udc01\"]",
               SOTTO_JSON_PYTHON,
               "[\"it's\", '\"', '\\'\"', '\\xa0\\u200b\\n\\\\', None, False, '\xf0\x9f\x98\x80\\U000e0001']");
}

TEST_MAIN()
