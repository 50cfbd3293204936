/* Grammars and schemas against implementations that are not ours: tools/grammar-fixtures writes which texts they must
 * accept and refuse, and which sentences say what is wrong with others. */
#include "test.h"

#include <sotto/sotto.h>

#include "grammar/grammar.h"

static json_t *load(const char *path) {
    json_error_t why;
    json_t      *json = json_load_file(path, 0, &why);
    if (!json) TEST_FAIL("%s: %s", path, why.text);
    return json;
}

static sotto_status open_case(sotto_grammar **out, const json_t *one, sotto_error *err) {
    const json_t *gbnf = json_object_get(one, "grammar"), *schema = json_object_get(one, "schema");
    if (gbnf) return sotto_grammar_open(out, json_string_value(gbnf), json_string_length(gbnf), err);
    char        *dumped = json_is_string(schema) ? NULL : json_dumps(schema, JSON_ENCODE_ANY);
    const char  *text = dumped ? dumped : json_string_value(schema);
    sotto_status status = sotto_grammar_open_schema(out, text, strlen(text), err);
    free(dumped);
    return status;
}

static void judge(const sotto_grammar *g, const json_t *one, const char *list, bool want) {
    const json_t *text;
    size_t        i;
    json_array_foreach(json_object_get(one, list), i, text) {
        const char *s = json_string_value(text);
        test_checks++;
        if (sotto_grammar_accepts(g, s, strlen(s)) == want) continue;
        char *grammar = json_dumps(one, JSON_COMPACT);
        TEST_FAIL("%.200s... must %s %s", grammar, list, s);
        free(grammar);
    }
}

static void check_cases(const char *path) {
    json_t       *all = load(path);
    const json_t *one;
    size_t        i;
    json_array_foreach(json_object_get(all, "cases"), i, one) {
        sotto_error    err = {0};
        sotto_grammar *g = NULL;
        CHECK_OK(open_case(&g, one, &err), err);
        if (!g) continue;
        judge(g, one, "accept", true);
        judge(g, one, "refuse", false);
        sotto_grammar_close(g);
    }
    CHECK(i > 50);
    json_decref(all);
}

static void check_errors(const char *path) {
    json_t       *all = load(path);
    const json_t *one;
    size_t        i;
    json_array_foreach(json_object_get(all, "errors"), i, one) {
        sotto_error    err = {0};
        sotto_grammar *g = NULL;
        CHECK(open_case(&g, one, &err) != SOTTO_OK);
        CHECK_STR(err.message, json_string_value(json_object_get(one, "error")));
        sotto_grammar_close(g);
    }
    CHECK(i > 20);
    json_decref(all);
}

TEST(gbnf_texts) { check_cases("grammar/gbnf.json"); }
TEST(gbnf_errors) { check_errors("grammar/gbnf.json"); }
TEST(schema_texts) { check_cases("grammar/schemas.json"); }
TEST(schema_errors) { check_errors("grammar/schemas.json"); }

TEST_MAIN()
