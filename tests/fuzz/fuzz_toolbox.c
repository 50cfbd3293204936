/* Calls that a model wrote, one a line: the name, a blank, the arguments. "+N" lets N seconds pass, after which what is
 * due is taken. Every call is answered, in JSON that can be read. */
#include <stdlib.h>

#include "chat/toolbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t now;

static int64_t clock_of_test(void *user) {
    (void)user;
    return now;
}

static void check(const sotto_tool_result *r) {
    json_t *json = r->json ? json_loads(r->json, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!json_is_object(json) || !r->spoken || (r->failed && r->spoken[0] == '\0')) __builtin_trap();
    json_decref(json);
}

static void do_line(sotto_toolbox *box, char *line) {
    sotto_tool_result r = {0};
    sotto_error       err;
    char             *arguments = strchr(line, ' ');
    if (arguments) *arguments++ = '\0';
    if (line[0] == '+') {
        now += atoi(line + 1) & 0xffffff;
        while (sotto_toolbox_take_due(box, &r, &err) == SOTTO_OK) check(&r);
    } else {
        if (sotto_toolbox_call(box, line, arguments, &r, &err) != SOTTO_OK) __builtin_trap();
        check(&r);
    }
    sotto_tool_result_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_toolbox_options opt = {.path = ":memory:", .now = clock_of_test, .seed = 1};
    sotto_toolbox        *box;
    sotto_buf             text = {0};
    sotto_error           err;
    now = 1795694400;
    (void)sotto_buf_append(&text, data, size);
    if (!text.data || sotto_toolbox_open(&box, &opt, &err) != SOTTO_OK) return 0;
    int n = 0;
    for (char *line = text.data, *end; line && n < 64; line = end, n++) {
        end = strchr(line, '\n');
        if (end) *end++ = '\0';
        do_line(box, line);
    }
    sotto_toolbox_close(box);
    sotto_buf_free(&text);
    return 0;
}
