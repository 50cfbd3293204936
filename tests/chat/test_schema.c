/* Arguments against schemas: as the package jsonschema judges (tools/chat-fixtures/make_schema_checks.py), and what is
 * said of those that do not fit. */
#include "chat/talk.h"

TEST(fits_as_jsonschema_says) {
    json_t       *data = talk_load("chat/schema_checks.json");
    const json_t *values = json_object_get(data, "values"), *rows = json_object_get(data, "rows");
    CHECK(json_array_size(rows) > 40 && json_array_size(values) > 40);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *schema = json_object_get(row, "schema");
        for (size_t k = 0; k < json_array_size(values); k++) {
            sotto_buf why = {0};
            bool      want = json_is_true(json_array_get(json_object_get(row, "fits"), k));
            bool      fits = sotto_schema_fits(schema, json_array_get(values, k), &why);
            CHECK(fits == sotto_schema_fits(schema, json_array_get(values, k), NULL));
            if (fits != want || (why.len == 0) != fits) {
                char *s = json_dumps(schema, JSON_ENCODE_ANY);
                char *v = json_dumps(json_array_get(values, k), JSON_ENCODE_ANY);
                TEST_FAIL("%s and %s: %d, expected %d; %s", s, v, fits, want, sotto_buf_str(&why).p);
                free(s);
                free(v);
            }
            sotto_buf_free(&why);
        }
    }
    json_decref(data);
}

TEST(what_does_not_fit_is_said) {
    static const struct { const char *schema, *value, *why; } row[] = {
        {"{\"properties\":{\"a\":{\"type\":\"number\"}}}", "{\"a\":\"5\"}", "\"a\" must be a number, not a string"},
        {"{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":1.5}", "\"a\" must be an integer, not a number"},
        {"{\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]}}}", "{\"a\":[]}",
         "\"a\" must be a string or null, not an array"},
        {"{\"required\":[\"a\"]}", "{}", "\"a\" is missing"},
        {"{\"properties\":{\"a\":{}}}", "{\"b\":1}", "\"b\" is not known"},
        {"{\"properties\":{\"a\":{\"enum\":[\"x\",2]}}}", "{\"a\":3}", "\"a\" must be one of [\"x\", 2]"},
        {"{\"properties\":{\"a\":{\"const\":\"x\"}}}", "{\"a\":3}", "\"a\" must be \"x\""},
        {"{\"properties\":{\"a\":{\"maximum\":100}}}", "{\"a\":101}", "\"a\" must be at most 100"},
        {"{\"properties\":{\"a\":{\"exclusiveMinimum\":0}}}", "{\"a\":0}", "\"a\" must be more than 0"},
        {"{\"properties\":{\"a\":{\"maxLength\":2}}}", "{\"a\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}",
         "\"a\" must have at most 2 characters"},
        {"{\"properties\":{\"a\":{\"minItems\":1}}}", "{\"a\":[]}", "\"a\" must have at least 1 items"},
        {"{\"properties\":{\"a\":{\"items\":{\"properties\":{\"b\":{\"type\":\"string\"}}}}}}",
         "{\"a\":[{},{\"b\":1}]}", "\"a[1].b\" must be a string, not an integer"},
        {"{\"anyOf\":[{\"required\":[\"at\"]},{\"required\":[\"in\"]}]}", "{\"x\":1}", "\"at\" is missing"},
        {"{\"type\":\"object\"}", "[]", "the arguments must be an object, not an array"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(row); i++) {
        json_t   *schema = json_loads(row[i].schema, 0, NULL), *value = json_loads(row[i].value, 0, NULL);
        sotto_buf why = {0};
        CHECK(schema && value && !sotto_schema_fits(schema, value, &why));
        CHECK_STR(why.data, row[i].why);
        sotto_buf_free(&why);
        json_decref(schema);
        json_decref(value);
    }
}

TEST_MAIN()
