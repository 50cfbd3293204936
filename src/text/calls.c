/* Finding calls in an answer while it is written. Byte by byte, so that it does not matter how the answer is cut:
 *
 *   SEARCHING -- an opening mark --> CALLING -- its last bracket --> CLOSING -- its closing mark --> SEARCHING
 *      |  ^--- a thought ---> THINKING
 *      '---- text, in a family whose calls stand at the beginning ---> FINISHED
 *
 * `held` has what is not yet decided: white space and the beginning of a mark, or a call. A call that is not certain
 * (an answer in JSON may begin like one) is certain once it names a tool that there is. */
#include "text/calls.h"

#include <stdlib.h>

#include "text/chat.h"

enum {
    HELD_BYTES_MIN = 4096,
    JUDGED_BYTES_MAX = 1024, /* within these an uncertain call names its tool, or is looked at when it is whole */
    MARK_BYTES_MAX = 31,
};

typedef enum state { SEARCHING, THINKING, CALLING, CLOSING, FINISHED } state;

struct sotto_call_reader {
    const sotto_call_form *form;
    sotto_call_list        list;
    state                  state;
    sotto_buf              held;
    size_t                 n_space;    /* SEARCHING: white space at the beginning of `held` */
    size_t                 begin;      /* CALLING: where the call begins in `held` */
    size_t                 n_matched;  /* THINKING: bytes of the closing mark that are there */
    bool                   after_call; /* SEARCHING: nothing but white space since */
    bool                   between;    /* ... and the mark between calls has been */
    bool                   spoken;     /* something was shown */
    bool                   certain, in_string, escaped;
    int                    depth;
    bool                   failed; /* out of memory */
};

/* ---- opening ------------------------------------------------------------------------------------------- */

bool sotto_calls_begin_thinking(const sotto_chat_format *f) {
    const char *const *think = f->tools->form.think;
    sotto_str          header = sotto_str_from(f->answer[0]);
    return think[0] && sotto_chat_find(header, think[0]) != SIZE_MAX && sotto_chat_find(header, think[1]) == SIZE_MAX;
}

sotto_status sotto_call_reader_open(sotto_call_reader **out, const sotto_chat_format *f, const char *tools,
                                    sotto_error *err) {
    sotto_call_reader *r = calloc(1, sizeof *r);
    if (!r) return sotto_fail_memory(err, "a reader of calls");
    r->form = &f->tools->form;
    if (sotto_calls_begin_thinking(f)) r->state = THINKING;
    sotto_status status = sotto_buf_reserve(&r->held, HELD_BYTES_MIN) ? sotto_call_list_open(&r->list, tools, err)
                                                                      : sotto_fail_memory(err, "a reader of calls");
    if (status == SOTTO_OK) *out = r;
    else sotto_call_reader_close(r);
    return status;
}

void sotto_call_reader_close(sotto_call_reader *r) {
    if (!r) return;
    sotto_call_list_close(&r->list);
    sotto_buf_free(&r->held);
    free(r);
}

/* ---- calls --------------------------------------------------------------------------------------------- */

static sotto_str call_text(const sotto_call_reader *r) { return sotto_chat_from(sotto_buf_str(&r->held), r->begin); }

/* The name as far as it can be made out, however the rest is written: after "name" in JSON, before the bracket else. */
static sotto_str name_in(const sotto_call_reader *r) {
    sotto_str text = call_text(r), none = {"", 0};
    size_t    i = 0, end;
    if (r->form->notation == SOTTO_CALL_JSON) {
        static const char key[] = "\"name\"";
        i = sotto_chat_find(text, key);
        if (i == SIZE_MAX) return none;
        for (i += sizeof key - 1; i < text.n && strchr(" \t\r\n:", text.p[i]) && text.p[i]; i++) {}
        if (i == text.n || text.p[i++] != '"') return none;
        for (end = i; end < text.n && text.p[end] != '"'; end++) {}
        return end < text.n ? (sotto_str){text.p + i, end - i} : none;
    }
    if (sotto_str_starts(text, "call:")) i = 5;
    while (i < text.n && strchr("[ ", text.p[i]) && text.p[i]) i++;
    for (end = i; end < text.n && !strchr("({", text.p[end]); end++) {}
    return end < text.n ? (sotto_str){text.p + i, end - i} : none;
}

static void add_broken_call(sotto_call_reader *r, bool whole) {
    sotto_call_list_add_broken(&r->list, name_in(r),
                               call_text(r).n > SOTTO_CALL_BYTES_MAX ? "the call is too long"
                               : !whole                              ? "the call breaks off before its end"
                               : r->form->notation == SOTTO_CALL_JSON
                                   ? "the call is not JSON of the form {\"name\": ..., \"arguments\": {...}}"
                                   : "the call is not written as it must be");
}

/* ---- states -------------------------------------------------------------------------------------------- */

static void show(sotto_call_reader *r, const char *p, size_t n, sotto_buf *shown) {
    r->spoken |= n > 0;
    r->failed |= !sotto_buf_append(shown, p, n);
}

static void search(sotto_call_reader *r) {
    sotto_buf_clear(&r->held);
    r->n_space = r->begin = 0;
    r->state = SEARCHING;
}

/* Show what is held but for the last bytes, which the caller has. White space behind calls that nothing was said
 * before is not text. */
static void show_held(sotto_call_reader *r, size_t n_rest, sotto_buf *shown) {
    size_t from = r->after_call && !r->spoken ? r->n_space : 0;
    show(r, r->held.data + from, r->held.len - n_rest - from, shown);
    r->after_call = false;
    search(r);
}

/* It is text, and where calls stand at the beginning only, so is all that follows. */
static void show_all(sotto_call_reader *r, sotto_buf *shown) {
    show_held(r, 0, shown);
    if (!r->form->anywhere) r->state = FINISHED;
}

/* Follow strings and brackets; true at the last closing one. */
static bool follow(sotto_call_reader *r, char c) {
    char quote = r->form->notation == SOTTO_CALL_GEMMA4 ? SOTTO_CALL_QUOTE : '"';
    if (r->in_string) {
        bool escaped = r->escaped;
        r->escaped = !escaped && c == '\\' && r->form->notation == SOTTO_CALL_JSON;
        if (c == quote && !escaped) r->in_string = false;
        return false;
    }
    switch (c) {
    case '{': case '[': case '(': r->depth++; return false;
    case '}': case ']': case ')': return --r->depth <= 0;
    default: r->in_string = c == quote; return false;
    }
}

/* `own`: the opening mark ends with this bracket, which is part of the call; 0: it does not. With "{" it is not yet
 * certain, and the mark is held with the call. */
static void call_begins(sotto_call_reader *r, char own) {
    r->certain = own != '{';
    if (r->certain) sotto_buf_clear(&r->held);
    if (own == '[') r->failed |= !sotto_buf_putc(&r->held, own);
    r->begin = r->held.len - (own != 0);
    r->in_string = r->escaped = false;
    r->depth = own != 0;
    r->state = CALLING;
}

/* The call in `held` has ended, with its closing mark (`closed`) or its last bracket; not `whole`: it breaks off. */
static void call_ends(sotto_call_reader *r, bool whole, bool closed, sotto_buf *shown) {
    json_t *calls = whole ? sotto_calls_parse(r->form->notation, call_text(r), r->certain) : NULL;
    if (!calls && !r->certain) {
        show_all(r, shown);
        return;
    }
    if (calls) sotto_call_list_add(&r->list, calls);
    else add_broken_call(r, whole);
    json_decref(calls);
    search(r);
    r->after_call = true;
    r->between = false;
    if (!closed && (r->form->close || !whole)) r->state = CLOSING;
}

/* Whether what may be an ordinary answer may be a call: its first key must be one of a call's. It is for certain when
 * it names a tool that there is. */
static bool judge(sotto_call_reader *r) {
    static const char *const keys[] = {"\"name\"", "\"arguments\"", "\"parameters\"",
                                       "\"type\"", "\"function\"",  "\"id\""};
    sotto_str text = sotto_chat_trim_start(sotto_chat_from(call_text(r), 1)), name = name_in(r);
    bool      possible = false;
    for (size_t i = 0; i < SOTTO_COUNT(keys); i++)
        possible |= text.n == 0 || memcmp(text.p, keys[i], SOTTO_MIN(text.n, strlen(keys[i]))) == 0;
    r->certain = possible && sotto_call_list_tool(&r->list, name);
    return possible;
}

static void call_byte(sotto_call_reader *r, char c, sotto_buf *shown) {
    const char *close = r->form->control ? NULL : r->form->close;
    r->failed |= !sotto_buf_putc(&r->held, c);
    bool last = follow(r, c);
    if (close && !r->in_string && sotto_str_ends(call_text(r), close)) {
        r->held.len -= strlen(close);
        call_ends(r, true, true, shown);
    } else if (last) {
        call_ends(r, true, false, shown);
    } else if (call_text(r).n > SOTTO_CALL_BYTES_MAX) {
        call_ends(r, false, false, shown);
    } else if (!r->certain && call_text(r).n <= JUDGED_BYTES_MAX && !judge(r)) {
        show_all(r, shown);
    }
}

/* ---- marks --------------------------------------------------------------------------------------------- */

/* The i-th text that means something in SEARCHING; NULL: there are no more. The last one is the mark between calls. */
static const char *mark_at(const sotto_call_reader *r, size_t i) {
    const sotto_call_form *f = r->form;
    size_t                 n = 0;
    while (!f->control && n < SOTTO_COUNT(f->open) && f->open[n]) n++;
    if (i < n) return f->open[i];
    if (f->think[0] && i == n++) return f->think[0];
    return i == n && r->after_call && !r->between ? f->between : NULL;
}

static void byte(sotto_call_reader *r, char c, sotto_buf *shown);

/* The held text behind its white space is no beginning of a longer mark: take the longest that it begins with, else
 * show its first character, and look at the rest again. */
static void resolve(sotto_call_reader *r, sotto_buf *shown) {
    char        rest[MARK_BYTES_MAX];
    const char *mark = NULL, *next;
    sotto_str   text = sotto_chat_from(sotto_buf_str(&r->held), r->n_space);
    for (size_t i = 0; (next = mark_at(r, i)); i++)
        if (sotto_str_starts(text, next) && (!mark || strlen(next) > strlen(mark))) mark = next;
    if (!mark && !r->form->anywhere) {
        show_all(r, shown);
        return;
    }
    size_t n = mark ? strlen(mark) : 1, n_rest = text.n - n;
    memcpy(rest, text.p + n, n_rest);
    if (!mark) {
        show_held(r, n_rest, shown);
    } else if (mark == r->form->think[0]) {
        show_held(r, n_rest, shown);
        r->state = THINKING;
        r->n_matched = 0;
    } else if (mark == r->form->between) {
        search(r);
        r->between = true;
    } else {
        r->held.len -= n_rest;
        call_begins(r, mark[n - 1] == '{' || n == 1 ? mark[n - 1] : '\0');
    }
    for (size_t i = 0; i < n_rest; i++) byte(r, rest[i], shown);
}

static void search_byte(sotto_call_reader *r, char c, sotto_buf *shown) {
    const char *mark;
    r->failed |= !sotto_buf_putc(&r->held, c);
    if (r->held.len == r->n_space + 1 && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) {
        r->n_space++;
        return;
    }
    sotto_str text = sotto_chat_from(sotto_buf_str(&r->held), r->n_space);
    for (size_t i = 0; (mark = mark_at(r, i)); i++)
        if (strlen(mark) > text.n && memcmp(mark, text.p, text.n) == 0) return;
    resolve(r, shown);
}

/* A thought is shown, its closing mark too. "<" stands nowhere but at the beginning of a mark. */
static void think_byte(sotto_call_reader *r, char c, sotto_buf *shown) {
    const char *close = r->form->think[1];
    show(r, &c, 1, shown);
    r->n_matched = c == close[r->n_matched] ? r->n_matched + 1 : c == close[0];
    if (!close[r->n_matched]) search(r);
}

/* Dropped, up to the closing mark or to the next call. */
static void close_byte(sotto_call_reader *r, char c) {
    const sotto_call_form *f = r->form;
    if (f->control || !f->close) return;
    r->failed |= !sotto_buf_putc(&r->held, c);
    sotto_str text = sotto_buf_str(&r->held);
    while (text.n && strncmp(f->close, text.p, text.n) != 0 && strncmp(f->open[0], text.p, text.n) != 0)
        text = sotto_chat_from(text, 1);
    if (sotto_str_is(text, f->close)) {
        search(r);
    } else if (sotto_str_is(text, f->open[0])) {
        call_begins(r, '\0');
    } else {
        memmove(r->held.data, text.p, text.n + 1); /* with its NUL */
        r->held.len = text.n;
    }
}

static void byte(sotto_call_reader *r, char c, sotto_buf *shown) {
    switch (r->state) {
    case SEARCHING: search_byte(r, c, shown); break;
    case THINKING: think_byte(r, c, shown); break;
    case CALLING: call_byte(r, c, shown); break;
    case CLOSING: close_byte(r, c); break;
    case FINISHED: show(r, &c, 1, shown); break;
    }
}

/* ---- pushing ------------------------------------------------------------------------------------------- */

static bool is_well(const sotto_call_reader *r, const sotto_buf *shown) {
    return !r->failed && !r->list.failed && !shown->failed;
}

bool sotto_call_reader_push(sotto_call_reader *r, sotto_str text, sotto_buf *shown) {
    for (size_t i = 0; i < text.n && !r->failed; i++) byte(r, text.p[i], shown);
    return is_well(r, shown);
}

static bool is_mark(sotto_str piece, const char *mark) { return mark && sotto_str_is(piece, mark); }

/* Whether a control token means something for calls here; if so, that is done. */
static bool take_control(sotto_call_reader *r, sotto_str piece, sotto_buf *shown) {
    const sotto_call_form *f = r->form;
    bool                   opens = false, closes = is_mark(piece, f->close);
    for (size_t i = 0; i < SOTTO_COUNT(f->open); i++) opens |= is_mark(piece, f->open[i]);
    switch (r->state) {
    case CALLING:
        if (closes) call_ends(r, true, true, shown);
        else if (f->notation == SOTTO_CALL_GEMMA4 && is_mark(piece, "<|\"|>")) call_byte(r, SOTTO_CALL_QUOTE, shown);
        else return false;
        return true;
    case CLOSING:
        if (closes) search(r);
        else if (opens) call_begins(r, '\0');
        return closes || opens;
    case SEARCHING:
        if (r->held.len > r->n_space && opens) show_held(r, 0, shown);
        if (opens) call_begins(r, '\0');
        return opens;
    default: return false;
    }
}

bool sotto_call_reader_push_control(sotto_call_reader *r, sotto_str piece, bool visible, sotto_buf *shown) {
    sotto_buf unseen = {0};
    bool      thinks = is_mark(piece, r->form->think[0]) || is_mark(piece, r->form->think[1]);
    if (!take_control(r, piece, shown) && (visible || thinks))
        (void)sotto_call_reader_push(r, piece, visible ? shown : &unseen);
    r->failed |= unseen.failed;
    sotto_buf_free(&unseen);
    return is_well(r, shown);
}

/* Of what is held only the mark between calls, and white space behind the last, is no text. */
bool sotto_call_reader_end(sotto_call_reader *r, sotto_buf *shown) {
    if (r->state == CALLING) call_ends(r, false, false, shown);
    sotto_str text = sotto_chat_from(sotto_buf_str(&r->held), r->n_space);
    bool      rest = r->after_call && (text.n == 0 || (!r->between && is_mark(text, r->form->between)));
    if (r->state == SEARCHING && !rest) show_held(r, 0, shown);
    r->state = FINISHED;
    return is_well(r, shown);
}

const sotto_tool_call *sotto_call_reader_calls(const sotto_call_reader *r, size_t *n) {
    *n = r->list.n;
    return r->list.calls;
}

bool sotto_call_reader_has_tools(const sotto_call_reader *r) { return json_object_size(r->list.tools) > 0; }

bool sotto_call_reader_in_call(const sotto_call_reader *r, sotto_str *text) {
    *text = call_text(r);
    return r->state == CALLING && r->certain;
}
