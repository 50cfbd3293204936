/* What a stranger's grammar or schema could be large in: nothing crashes, and nothing takes long. */
#include "test.h"

#include <sotto/sotto.h>

#include "grammar/grammar.h"

static sotto_status open_text(const sotto_buf *text, bool schema, sotto_grammar **out, sotto_error *err) {
    *out = NULL;
    return schema ? sotto_grammar_open_schema(out, text->data, text->len, err)
                  : sotto_grammar_open(out, text->data, text->len, err);
}

static void check_status(const sotto_buf *text, bool schema, sotto_status want) {
    sotto_error    err = {0};
    sotto_grammar *g;
    sotto_status   status = open_text(text, schema, &g, &err);
    CHECK_INT(status, want);
    if (status != want) printf("  %s\n", err.message);
    sotto_grammar_close(g);
}

static void repeat(sotto_buf *out, const char *text, int n) {
    for (int i = 0; i < n; i++) sotto_buf_puts(out, text);
}

/* A recursive rule with two ways that differ in their end only: without sharing, the places would double with each
 * level. */
TEST(ambiguity_does_not_multiply) {
    static const char gbnf[] = "root ::= \"a\" root \"b\" | \"a\" root \"c\" | (\"x\"? | \"x\"*)* s\n"
                               "s ::= \"\" | \"(\" s \")\" s";
    sotto_error    err = {0};
    sotto_grammar *g = NULL;
    sotto_buf      text = {0};
    CHECK_OK(sotto_grammar_open(&g, gbnf, sizeof gbnf - 1, &err), err);
    repeat(&text, "a", 3000);
    repeat(&text, "x", 500);
    repeat(&text, "(", 3000);
    repeat(&text, ")", 3000);
    repeat(&text, "bc", 1500);
    CHECK(sotto_grammar_accepts(g, text.data, text.len));
    CHECK(!sotto_grammar_accepts(g, text.data, text.len - 1));
    sotto_grammar_close(g);
    sotto_buf_free(&text);
}

/* Repetition by recursion does not deepen; nesting does, and ends in a refusal. */
TEST(depth_is_bounded) {
    static const char gbnf[] = "root ::= \"a\" root | n\nn ::= \"\" | \"[\" n \"]\"";
    sotto_error    err = {0};
    sotto_grammar *g = NULL;
    sotto_matcher *m = NULL;
    sotto_buf      text = {0};
    CHECK_OK(sotto_grammar_open(&g, gbnf, sizeof gbnf - 1, &err), err);
    repeat(&text, "a", 300000);
    CHECK(sotto_grammar_accepts(g, text.data, text.len));
    CHECK_OK(sotto_matcher_open(&m, g, 1, false, &err), err);
    int depth = 0;
    for (; depth < 300000 && sotto_matcher_push(m, '['); depth++) sotto_matcher_keep(m);
    CHECK(depth > 10000 && depth < 300000);
    CHECK(sotto_matcher_overflowed(m));
    for (int i = 0; i < 100000; i++) CHECK(!sotto_matcher_push(m, '[')); /* soon, and not after long work each time */
    sotto_matcher_close(m);
    sotto_grammar_close(g);
    sotto_buf_free(&text);
}

/* Many more sets than there is room for, of which few are needed at a time. */
TEST(memory_is_swept) {
    static const char gbnf[] = "root ::= v+\nv ::= \"(\" v* \")\" | [0-9]{3} | \"<\" v \">\"";
    sotto_error    err = {0};
    sotto_grammar *g = NULL;
    sotto_buf      text = {0};
    uint64_t       seed = 5;
    char           open[64];
    CHECK_OK(sotto_grammar_open(&g, gbnf, sizeof gbnf - 1, &err), err);
    for (int i = 0; i < 20000; i++) {
        int n = (int)(test_random(&seed) % 20) + 1;
        for (int k = 0; k < n; k++) open[k] = test_random(&seed) % 2 ? '(' : '<';
        sotto_buf_append(&text, open, (size_t)n);
        sotto_buf_puts(&text, "123");
        while (n-- > 0) sotto_buf_putc(&text, open[n] == '(' ? ')' : '>');
    }
    CHECK(sotto_grammar_accepts(g, text.data, text.len));
    text.data[text.len - 1] ^= 2;
    CHECK(!sotto_grammar_accepts(g, text.data, text.len));
    sotto_grammar_close(g);
    sotto_buf_free(&text);
}

TEST(large_grammars) {
    sotto_buf text = {0};
    repeat(&text, "root ::= \"a\"\n# a long comment that fills the limit up\n", 30000);
    check_status(&text, false, SOTTO_LIMIT); /* more than 1 MiB */
    sotto_buf_clear(&text);
    sotto_buf_puts(&text, "root ::= ");
    for (int i = 0; i < 30000; i++) sotto_buf_printf(&text, "r%d | ", i); /* a fan, and a chain */
    sotto_buf_puts(&text, "\"x\"\n");
    for (int i = 0; i < 30000; i++) sotto_buf_printf(&text, "r%d ::= r%d \"\"\n", i, i + 1);
    sotto_buf_puts(&text, "r30000 ::= \"y\"\n");
    check_status(&text, false, SOTTO_OK);
    sotto_buf_clear(&text);
    sotto_buf_puts(&text, "root ::= ");
    repeat(&text, "(\"ab\"?)* ", 70000);
    check_status(&text, false, SOTTO_LIMIT); /* more than 64k rules */
    sotto_buf_clear(&text);
    sotto_buf_puts(&text, "root ::= [");
    for (int i = 0; i < 90000; i++) sotto_buf_printf(&text, "\\U%08X", 0x20000 + 2 * i);
    sotto_buf_puts(&text, "]\n");
    check_status(&text, false, SOTTO_OK);
    sotto_buf_free(&text);
}

/* Schemas whose size grows with the power of their depth, or whose parts name each other. */
TEST(large_schemas) {
    sotto_buf text = {0};
    for (int i = 0; i < 40; i++) sotto_buf_puts(&text, "{\"anyOf\":[{},{}],\"properties\":{\"a\":");
    sotto_buf_puts(&text, "{}");
    repeat(&text, "}}", 40);
    check_status(&text, true, SOTTO_LIMIT);
    sotto_buf_clear(&text);
    sotto_buf_puts(&text, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
    for (int i = 0; i < 100; i++)
        sotto_buf_printf(&text, "\"%d\":{\"type\":\"string\",\"anyOf\":[{\"$ref\":\"#/$defs/%d\"},"
                                "{\"$ref\":\"#/$defs/%d\"}]},", i, i + 1, i + 1);
    sotto_buf_puts(&text, "\"100\":{\"type\":\"string\"}}}");
    check_status(&text, true, SOTTO_LIMIT);
    sotto_buf_clear(&text);
    repeat(&text, "{\"items\":", 1000);
    sotto_buf_puts(&text, "{}");
    repeat(&text, "}", 1000);
    check_status(&text, true, SOTTO_LIMIT);
    sotto_buf_clear(&text);
    sotto_buf_puts(&text, "{\"properties\":{");
    for (int i = 0; i < 4000; i++) sotto_buf_printf(&text, "\"p%d\":{},", i);
    sotto_buf_puts(&text, "\"q\":{}},\"required\":[\"q\"],\"additionalProperties\":{\"type\":\"null\"}}");
    check_status(&text, true, SOTTO_OK);
    sotto_buf_clear(&text);
    sotto_buf_puts(&text, "{\"oneOf\":[");
    repeat(&text, "{\"type\":\"object\",\"required\":[\"a\",\"b\",\"c\"],\"properties\":{"
                  "\"a\":{\"$ref\":\"#/oneOf/0\"},\"b\":{\"$ref\":\"#/oneOf/1\"},"
                  "\"c\":{\"$ref\":\"#/oneOf/2\"}}},", 500);
    sotto_buf_puts(&text, "{\"type\":\"null\"}]}");
    check_status(&text, true, SOTTO_UNSUPPORTED);
    sotto_buf_free(&text);
}

TEST_MAIN()
