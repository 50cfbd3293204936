/* Lists and memories. */
#include "chat/toolbox.h"

enum { LIST_MAX = 500, ITEMS_MAX = 10000, FACTS_MAX = 10000, ITEMS_SAID_MAX = 20, FACTS_SAID_MAX = 5 };

/* ---- lists ---------------------------------------------------------------------------------------------- */

typedef struct list {
    const char *name, *key; /* "shopping": without "my" and "list" */
    size_t      n;
    struct {
        int64_t     id;
        const char *text, *key;
    } *items;
} list;

static const char *keep(sotto_call *c, const char *text) { return sotto_arena_text(&c->memory, text, strlen(text)); }

/* What the list is called: as it was when its first item came, else as it is now. */
static sotto_status name_list(sotto_call *c, list *l) {
    sotto_str given = sotto_str_from(sotto_words_bare(sotto_call_text(c, "list")));
    if (sotto_str_ends(given, " list") || sotto_str_ends(given, " List")) given.n -= strlen(" list");
    l->name = sotto_arena_text(&c->memory, given.p, given.n);
    return l->name ? sotto_call_key(c, l->name, &l->key) : sotto_fail_memory(c->err, "a list");
}

static sotto_status load_list(sotto_call *c, list *l) {
    sqlite3_stmt *rows;
    bool          more;
    *l = (list){.items = sotto_arena_array(&c->memory, LIST_MAX, sizeof *l->items)};
    if (!l->items) return sotto_fail_memory(c->err, "a list");
    SOTTO_TRY(name_list(c, l));
    SOTTO_TRY(sotto_store_query(c->store, &rows, c->err, "SELECT id, item, key, list FROM items WHERE list_key = ?"
                                " ORDER BY id LIMIT ?", "si", l->key, (int64_t)LIST_MAX));
    sotto_status status = sotto_store_next(c->store, rows, &more, c->err);
    while (status == SOTTO_OK && more) {
        if (l->n == 0) l->name = keep(c, sotto_store_text(rows, 3));
        l->items[l->n].id = sqlite3_column_int64(rows, 0);
        l->items[l->n].text = keep(c, sotto_store_text(rows, 1));
        l->items[l->n].key = keep(c, sotto_store_text(rows, 2));
        bool kept = l->name && l->items[l->n].text && l->items[l->n].key;
        l->n++;
        status = kept ? sotto_store_next(c->store, rows, &more, c->err) : sotto_fail_memory(c->err, "a list");
    }
    (void)sqlite3_finalize(rows);
    return status;
}

sotto_status sotto_tool_add_to_list(sotto_call *c) {
    const char *item = sotto_call_text(c, "item"), *key;
    list        l;
    int64_t     n_all;
    SOTTO_TRY(load_list(c, &l));
    SOTTO_TRY(sotto_call_key(c, item, &key));
    SOTTO_TRY(sotto_store_run(c->store, &n_all, c->err, "SELECT count(*) FROM items", ""));
    bool there = false;
    for (size_t i = 0; i < l.n; i++) there = there || strcmp(l.items[i].key, key) == 0;
    if (!there && l.n >= LIST_MAX)
        return sotto_call_refuse(c, "Your %s list is full: it has %d things.", l.name, LIST_MAX);
    if (!there && n_all >= ITEMS_MAX)
        return sotto_call_refuse(c, "Your lists are full: they have %d things.", ITEMS_MAX);
    if (!there)
        SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "INSERT INTO items(list, list_key, item, key)"
                                  " VALUES(?, ?, ?, ?)", "ssss", l.name, l.key, item, key));
    c->result = json_pack("{s:s, s:s, s:I}", "list", l.name, there ? "already_there" : "added", item, "count",
                          (json_int_t)l.n + !there);
    const char *form = there ? "You already have %s on your %s list." : "Added %s to your %s list.";
    (void)sotto_buf_printf(&c->spoken, form, item, l.name);
    return SOTTO_OK;
}

static void say_items(sotto_buf *b, const list *l) {
    size_t said = l->n > ITEMS_SAID_MAX ? ITEMS_SAID_MAX : l->n;
    for (size_t i = 0; i < said; i++) (void)sotto_buf_printf(b, "%s%s", sotto_say_comma(i, l->n), l->items[i].text);
    if (l->n > said) (void)sotto_buf_printf(b, " and %zu more", l->n - said);
    sotto_say_end(b);
}

sotto_status sotto_tool_read_list(sotto_call *c) {
    list l;
    SOTTO_TRY(load_list(c, &l));
    json_t *items = json_array();
    for (size_t i = 0; i < l.n; i++) (void)json_array_append_new(items, json_string(l.items[i].text));
    c->result = json_pack("{s:s, s:o}", "list", l.name, "items", items);
    if (l.n == 0) return sotto_buf_printf(&c->spoken, "Your %s list is empty.", l.name), SOTTO_OK;
    (void)sotto_buf_printf(&c->spoken, "On your %s list: ", l.name);
    say_items(&c->spoken, &l);
    return SOTTO_OK;
}

/* The item that is meant: the one that is called so, else the only one with these words in its name. *n: how many. */
static size_t choose(const list *l, const char *item, const char *key, size_t *n) {
    size_t chosen = l->n;
    *n = 1;
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->items[i].key, key) == 0) return i;
    *n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (sotto_words_within(item, l->items[i].text)) chosen = i, ++*n;
    return chosen;
}

static sotto_status remove_all(sotto_call *c, const list *l) {
    if (l->n == 0) return sotto_call_refuse(c, "Your %s list is already empty.", l->name);
    SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "DELETE FROM items WHERE list_key = ?", "s", l->key));
    c->result = json_pack("{s:s, s:I, s:i}", "list", l->name, "removed", (json_int_t)l->n, "count", 0);
    (void)sotto_buf_printf(&c->spoken, "Your %s list is empty now.", l->name);
    return SOTTO_OK;
}

sotto_status sotto_tool_remove_from_list(sotto_call *c) {
    const char *item = sotto_call_text(c, "item"), *key;
    list        l;
    size_t      n;
    SOTTO_TRY(load_list(c, &l));
    SOTTO_TRY(sotto_call_key(c, item, &key));
    size_t i = choose(&l, item, key, &n);
    bool exact = i < l.n && strcmp(l.items[i].key, key) == 0;
    if (!exact && strcmp(key, "all") == 0) return remove_all(c, &l);
    if (n == 0) return sotto_call_refuse(c, "Your %s list has no %s.", l.name, item);
    if (n > 1) {
        sotto_buf several = {0};
        size_t    said = 0;
        for (size_t k = 0; k < l.n; k++)
            if (sotto_words_within(item, l.items[k].text))
                (void)sotto_buf_printf(&several, "%s%s", sotto_say_comma(said++, n), l.items[k].text);
        (void)sotto_call_refuse(c, "Which one? Your %s list has %s.", l.name, several.data ? several.data : "");
        sotto_buf_free(&several);
        return SOTTO_OK;
    }
    SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "DELETE FROM items WHERE id = ?", "i", l.items[i].id));
    c->result = json_pack("{s:s, s:s, s:I}", "list", l.name, "removed", l.items[i].text, "count", (json_int_t)l.n - 1);
    (void)sotto_buf_printf(&c->spoken, "Removed %s from your %s list.", l.items[i].text, l.name);
    return SOTTO_OK;
}

/* ---- memories ------------------------------------------------------------------------------------------- */

/* "Wifi password: sesame42." A sentence begins with a capital. */
static void say_fact(sotto_buf *b, const char *subject, const char *fact) {
    bool small = *subject >= 'a' && *subject <= 'z';
    (void)sotto_buf_putc(b, small ? (char)(*subject - 32) : *subject);
    (void)sotto_buf_printf(b, "%s: %s", subject + 1, fact);
    sotto_say_end(b);
}

/* Nothing that was said before is lost; what is said again becomes the newest. */
sotto_status sotto_tool_remember(sotto_call *c) {
    const char *subject = sotto_words_bare(sotto_call_text(c, "subject")), *fact = sotto_call_text(c, "fact"), *key;
    int64_t     n;
    SOTTO_TRY(sotto_call_key(c, subject, &key));
    SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "DELETE FROM facts WHERE key = ? AND fact = ?", "ss", key, fact));
    SOTTO_TRY(sotto_store_run(c->store, &n, c->err, "SELECT count(*) FROM facts", ""));
    if (n >= FACTS_MAX) return sotto_call_refuse(c, "I remember %d things already; that is all I can keep.", FACTS_MAX);
    SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "INSERT INTO facts(subject, key, fact) VALUES(?, ?, ?)", "sss",
                              subject, key, fact));
    c->result = json_pack("{s:s, s:s}", "remembered", fact, "subject", subject);
    (void)sotto_buf_puts(&c->spoken, "Noted. ");
    say_fact(&c->spoken, subject, fact);
    return SOTTO_OK;
}

/* Facts whose subject is this one, or with `loosely` has its words or lends it its own; the newest first. */
static sotto_status find_facts(sotto_call *c, const char *subject, const char *key, bool loosely, json_t *facts) {
    sqlite3_stmt *rows;
    bool          more;
    const char   *last_key = "";
    SOTTO_TRY(sotto_store_query(c->store, &rows, c->err, "SELECT subject, fact, key FROM facts WHERE ?2 OR key = ?1"
                                " ORDER BY id DESC", "si", key, (int64_t)loosely));
    sotto_status status = sotto_store_next(c->store, rows, &more, c->err);
    for (; status == SOTTO_OK && more; status = sotto_store_next(c->store, rows, &more, c->err)) {
        const char *about = sotto_store_text(rows, 0), *fact = sotto_store_text(rows, 1);
        if (loosely && !sotto_words_within(subject, about) && !sotto_words_within(about, subject)) continue;
        bool again = strcmp(last_key, sotto_store_text(rows, 2)) == 0;
        if (json_array_size(facts) < FACTS_SAID_MAX) {
            (void)sotto_buf_puts(&c->spoken, json_array_size(facts) > 0 ? " " : "");
            say_fact(&c->spoken, again ? "earlier" : about, fact);
        }
        (void)json_array_append_new(facts, json_pack("{s:s, s:s}", "subject", about, "fact", fact));
        last_key = keep(c, sotto_store_text(rows, 2));
        if (!last_key) status = sotto_fail_memory(c->err, "a memory");
        if (!last_key || json_array_size(facts) >= LIST_MAX) break;
    }
    (void)sqlite3_finalize(rows);
    return status;
}

sotto_status sotto_tool_recall(sotto_call *c) {
    const char *subject = sotto_words_bare(sotto_call_text(c, "subject")), *key;
    json_t     *facts = json_array();
    SOTTO_TRY(sotto_call_key(c, subject, &key));
    c->result = json_pack("{s:O}", "facts", facts);
    sotto_status status = find_facts(c, subject, key, false, facts);
    if (status == SOTTO_OK && json_array_size(facts) == 0) status = find_facts(c, subject, key, true, facts);
    bool none = json_array_size(facts) == 0;
    json_decref(facts);
    if (status == SOTTO_OK && none) return sotto_call_refuse(c, "You have told me nothing about %s.", subject);
    return status;
}
