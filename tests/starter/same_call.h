/* When a call of a tool is the right one: its tool and all its arguments are, numbers and expressions by value, other
 * texts but for case and spaces. */
#ifndef SOTTO_TEST_SAME_CALL_H
#define SOTTO_TEST_SAME_CALL_H

#include <ctype.h>
#include <math.h>
#include <string.h>

#include <jansson.h>

#include <sotto/tools.h>

static bool work_out(sotto_toolbox *toolbox, const char *expression, double *value) {
    sotto_tool_result r = {0};
    json_t           *call = json_pack("{s:s}", "expression", expression), *result = NULL;
    char             *arguments = json_dumps(call, 0);
    bool              ok = !sotto_toolbox_call(toolbox, "calculate", arguments, &r, NULL) && !r.failed &&
              (result = json_object_get(json_loads(r.json, 0, NULL), "result")) && json_is_number(result);
    if (ok) *value = json_number_value(result);
    free(arguments);
    json_decref(call);
    sotto_tool_result_free(&r);
    return ok;
}

static bool same_text(const char *a, const char *b) {
    for (;;) {
        while (isspace((unsigned char)*a) && (isspace((unsigned char)a[1]) || !a[1])) a++;
        while (isspace((unsigned char)*b) && (isspace((unsigned char)b[1]) || !b[1])) b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
        a++, b++;
    }
}

static bool same_argument(sotto_toolbox *toolbox, const char *name, const json_t *want, const json_t *got) {
    double a, b;
    if (json_is_number(want))
        return json_is_number(got) && fabs(json_number_value(want) - json_number_value(got)) < 1e-6;
    const char *x = json_string_value(want), *y = json_string_value(got);
    if (!x || !y) return false;
    if (strcmp(name, "expression") != 0) return same_text(x, y);
    return work_out(toolbox, x, &a) && work_out(toolbox, y, &b) && fabs(a - b) <= 1e-6 * fmax(1, fabs(a));
}

/* Whether a call is the wanted one, {"name","arguments"}; `arguments` is JSON text. */
static bool same_call(sotto_toolbox *toolbox, json_t *want, const char *called, const char *arguments) {
    const char   *name;
    const json_t *value;
    json_t       *expected = json_object_get(want, "arguments"), *given = json_loads(arguments, 0, NULL);
    bool          same = strcmp(json_string_value(json_object_get(want, "name")), called) == 0 &&
                json_object_size(expected) == json_object_size(given);
    json_object_foreach(expected, name, value)
        same = same && same_argument(toolbox, name, value, json_object_get(given, name));
    json_decref(given);
    return same;
}

#endif
