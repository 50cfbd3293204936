/* The conversations of tests/chat/conversations.json, as turns. */
#ifndef SOTTO_TEST_TALK_H
#define SOTTO_TEST_TALK_H

#include "test.h"
#include "text/chat.h"

static inline json_t *talk_load(const char *path) {
    json_error_t e;
    json_t      *v = json_load_file(path, 0, &e);
    if (!v) TEST_FAIL("%s: %s", path, e.text);
    return v;
}

typedef struct talk {
    sotto_chat_turn   turns[16];
    size_t            n;
    sotto_chat_params params;
} talk;

static inline const char *talk_text(const json_t *v, const char *key) {
    return json_string_value(json_object_get(v, key));
}
static inline char *talk_dump(const json_t *v) { return v ? json_dumps(v, JSON_COMPACT) : NULL; }

static inline void talk_open(talk *t, const json_t *c) {
    const json_t *messages = json_object_get(c, "messages");
    memset(t, 0, sizeof *t);
    t->params.thinking = json_is_true(json_object_get(c, "thinking"));
    t->params.continue_last = json_is_true(json_object_get(c, "continue_last"));
    t->params.date = talk_text(c, "date");
    t->params.tools = talk_dump(json_object_get(c, "tools"));
    for (; t->n < json_array_size(messages) && t->n < SOTTO_COUNT(t->turns); t->n++) {
        const json_t *m = json_array_get(messages, t->n);
        t->turns[t->n] = (sotto_chat_turn){.role = talk_text(m, "role"), .content = talk_text(m, "content"),
                                           .tool_calls = talk_dump(json_object_get(m, "tool_calls")),
                                           .tool_name = talk_text(m, "name"),
                                           .tool_call_id = talk_text(m, "tool_call_id")};
    }
}

static inline void talk_close(talk *t) {
    for (size_t i = 0; i < t->n; i++) free((char *)t->turns[i].tool_calls);
    free((char *)t->params.tools);
}

#endif
