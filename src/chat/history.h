/* chat: the history from the inside: its tables are in history.c, what it is written out as in history_export.c. */
#ifndef SOTTO_HISTORY_INSIDE_H
#define SOTTO_HISTORY_INSIDE_H

#include <sotto/history.h>

#include "chat/store.h"

struct sotto_history {
    sotto_store store;
};

/* What the tables say of a conversation; the texts are lent until `row` is finalised. */
typedef struct sotto_history_head {
    sqlite3_stmt *row;
    const char   *kind, *model, *system; /* system NULL: none */
    int64_t       begun, changed;
} sotto_history_head;
/* NOT_FOUND, or the head, whose row the caller finalises. */
sotto_status sotto_history_find(sotto_history *h, int64_t id, sotto_history_head *out, sotto_error *err);

/* The turns of a conversation, in their order; false: enough. The strings are lent. */
typedef sotto_status (*sotto_history_turn_fn)(void *user, const sotto_chat_turn *turn, bool interrupted,
                                              sotto_error *err);
sotto_status sotto_history_each(sotto_history *h, int64_t id, sotto_history_turn_fn fn, void *user, sotto_error *err);

/* How a conversation begins, on one line. */
void sotto_history_title(sotto_buf *out, const char *text);

#endif
