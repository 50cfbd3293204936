/* Rendering: the same few steps for every family, with the pieces of text of its row. */
#include "text/chat.h"

#include <stdlib.h>

sotto_status sotto_chat_fail_size(sotto_error *err) {
    return sotto_fail(err, SOTTO_LIMIT, "the conversation takes more than %d MiB as text, or the memory is not enough",
                      SOTTO_CHAT_TEXT_MAX >> 20);
}

/* ---- spans --------------------------------------------------------------------------------------------- */

void sotto_chat_prompt_free(sotto_chat_prompt *p) {
    sotto_buf_free(&p->text);
    free(p->spans);
    *p = (sotto_chat_prompt){0};
}

/* Neighbours of one kind make one span. */
static void add(sotto_chat_prompt *p, const char *text, size_t n, bool trusted) {
    size_t offset = p->text.len;
    if (n == 0 || !sotto_buf_append(&p->text, text, n)) return;
    if (p->n_spans && p->spans[p->n_spans - 1].trusted == trusted) {
        p->spans[p->n_spans - 1].n += n;
        return;
    }
    if (p->n_spans == p->cap_spans) {
        size_t           cap = p->cap_spans ? 2 * p->cap_spans : 16; /* at most one span per byte: no overflow */
        sotto_chat_span *spans = realloc(p->spans, cap * sizeof *spans);
        if (!spans) {
            p->text.failed = true;
            return;
        }
        p->spans = spans;
        p->cap_spans = cap;
    }
    p->spans[p->n_spans++] = (sotto_chat_span){offset, n, trusted};
}

void sotto_chat_say(sotto_chat_scene *s, const char *text) {
    if (text) add(s->out, text, strlen(text), true);
}
void sotto_chat_quote(sotto_chat_scene *s, sotto_str text) { add(s->out, text.p, text.n, false); }

void sotto_chat_quote_json(sotto_chat_scene *s, const json_t *v, sotto_json_style style) {
    sotto_buf b = {.max = SOTTO_CHAT_TEXT_MAX};
    sotto_chat_json_write(&b, v, style);
    sotto_chat_quote(s, sotto_buf_str(&b));
    s->out->text.failed |= b.failed;
    sotto_buf_free(&b);
}

/* ---- pieces of a conversation -------------------------------------------------------------------------- */

void sotto_chat_write_tools(sotto_chat_scene *s) {
    const sotto_chat_tools *t = s->format->tools;
    sotto_chat_say(s, t->declare_before);
    for (size_t i = 0; i < json_array_size(s->tools); i++) {
        if (i) sotto_chat_say(s, t->declare_between);
        sotto_chat_quote_json(s, json_array_get(s->tools, i), t->style);
    }
    sotto_chat_say(s, t->declare_after);
}

sotto_str sotto_chat_system(const sotto_chat_scene *s) {
    return s->format->flags & SOTTO_CHAT_TRIM_SYSTEM ? sotto_chat_trim(s->system.text) : s->system.text;
}

sotto_str sotto_chat_content(const sotto_chat_scene *s, size_t i) {
    static const unsigned flag[SOTTO_CHAT_ROLE_COUNT] = {
        [SOTTO_CHAT_SYSTEM] = SOTTO_CHAT_TRIM_SYSTEM,
        [SOTTO_CHAT_USER] = SOTTO_CHAT_TRIM_USER,
        [SOTTO_CHAT_ASSISTANT] = SOTTO_CHAT_TRIM_ASSISTANT,
    };
    const sotto_chat_message *m = &s->turns[i];
    return s->format->flags & flag[m->role] ? sotto_chat_trim(m->said.text) : m->said.text;
}

static void write_system(sotto_chat_scene *s) {
    const sotto_chat_format *f = s->format;
    bool                     tools = s->tools && (f->flags & SOTTO_CHAT_TOOLS_IN_SYSTEM);
    if (f->flags & (SOTTO_CHAT_SYSTEM_IN_FIRST | SOTTO_CHAT_SYSTEM_IN_LAST)) return;
    if (!s->has_system && !f->system && !tools) return;
    sotto_chat_say(s, f->turn[SOTTO_CHAT_SYSTEM].before);
    if (s->has_system) sotto_chat_quote(s, sotto_chat_system(s));
    else sotto_chat_say(s, f->system);
    if (tools) {
        if (s->has_system || f->system) sotto_chat_say(s, "\n\n");
        sotto_chat_write_tools(s);
    }
    sotto_chat_say(s, f->turn[SOTTO_CHAT_SYSTEM].after);
}

static void write_user(sotto_chat_scene *s, size_t i) {
    const sotto_chat_format *f = s->format;
    bool      first = i == 0, last = i == s->last_user;
    bool      system = s->has_system && ((first && (f->flags & SOTTO_CHAT_SYSTEM_IN_FIRST)) ||
                                    (last && (f->flags & SOTTO_CHAT_SYSTEM_IN_LAST)));
    sotto_str content = sotto_chat_content(s, i);
    if (s->tools && last && (f->flags & SOTTO_CHAT_TOOLS_BEFORE_LAST)) sotto_chat_write_tools(s);
    sotto_chat_say(s, f->turn[SOTTO_CHAT_USER].before);
    if (s->tools && first && (f->flags & SOTTO_CHAT_TOOLS_IN_FIRST)) sotto_chat_write_tools(s);
    if (system) {
        sotto_chat_say(s, f->system_in_user.before);
        sotto_chat_quote(s, sotto_chat_system(s));
        sotto_str after = sotto_str_from(f->system_in_user.after);
        if (f->flags & SOTTO_CHAT_TRIM_WITH_SYSTEM) {
            content = sotto_chat_trim_end(s->turns[i].said.text);
            if (content.n == 0) after = sotto_chat_trim_end(after);
        }
        add(s->out, after.p, after.n, true);
    }
    sotto_chat_quote(s, content);
    sotto_chat_say(s, f->turn[SOTTO_CHAT_USER].after);
}

static void write_calls(sotto_chat_scene *s, const sotto_chat_message *m) {
    const sotto_chat_tools *t = s->format->tools;
    if (t->write_calls) {
        t->write_calls(s, m);
        return;
    }
    sotto_chat_say(s, t->calls_before);
    for (size_t i = 0; i < m->n_calls; i++) {
        if (i) sotto_chat_say(s, t->calls_between);
        sotto_chat_say(s, t->call_name);
        sotto_chat_quote(s, sotto_str_from(m->calls[i].name));
        sotto_chat_say(s, t->call_arguments);
        sotto_chat_quote_json(s, m->calls[i].arguments, SOTTO_JSON_LINE);
        if (t->call_id) {
            sotto_chat_say(s, t->call_id);
            sotto_chat_quote(s, sotto_str_from(m->calls[i].id));
        }
        sotto_chat_say(s, t->call_after);
    }
    sotto_chat_say(s, t->calls_after);
}

static void write_assistant(sotto_chat_scene *s, size_t i) {
    const sotto_chat_format  *f = s->format;
    const sotto_chat_tools   *t = f->tools;
    const sotto_chat_message *m = &s->turns[i];
    sotto_chat_say(s, m->n_calls && t->calls_header ? t->calls_header : f->turn[SOTTO_CHAT_ASSISTANT].before);
    if (!m->n_calls || !t->drops_content) {
        sotto_str content = sotto_chat_content(s, i);
        bool      said = content.n > 0;
        if (f->write_content) said = f->write_content(s, i);
        else sotto_chat_quote(s, content);
        if (said && m->n_calls) sotto_chat_say(s, "\n");
    }
    if (m->n_calls) write_calls(s, m);
    if (!sotto_chat_is_open(s, i)) sotto_chat_say(s, f->turn[SOTTO_CHAT_ASSISTANT].after);
}

static void write_result(sotto_chat_scene *s, size_t i) {
    const sotto_chat_tools   *t = s->format->tools;
    const sotto_chat_message *m = &s->turns[i];
    if (i == 0 || s->turns[i - 1].role != SOTTO_CHAT_TOOL) sotto_chat_say(s, t->results_before);
    sotto_chat_say(s, t->result_before);
    if (t->result_quoted) {
        json_t *text = json_stringn_nocheck(m->said.text.p, m->said.text.n);
        if (text) sotto_chat_quote_json(s, text, SOTTO_JSON_LINE);
        else s->out->text.failed = true;
        json_decref(text);
    } else {
        sotto_chat_quote(s, m->said.text);
    }
    if (t->result_id) {
        sotto_chat_say(s, t->result_id);
        sotto_chat_quote(s, sotto_str_from(m->call_id));
    }
    sotto_chat_say(s, t->result_after);
    if (i + 1 == s->n || s->turns[i + 1].role != SOTTO_CHAT_TOOL) sotto_chat_say(s, t->results_after);
}

/* A system turn amid the conversation. */
static void write_later_system(sotto_chat_scene *s, size_t i) {
    sotto_chat_say(s, s->format->turn[SOTTO_CHAT_SYSTEM].before);
    sotto_chat_quote(s, sotto_chat_content(s, i));
    sotto_chat_say(s, s->format->turn[SOTTO_CHAT_SYSTEM].after);
}

static void write_conversation(sotto_chat_scene *s) {
    static void (*const write_turn[SOTTO_CHAT_ROLE_COUNT])(sotto_chat_scene *, size_t) = {
        [SOTTO_CHAT_SYSTEM] = write_later_system,
        [SOTTO_CHAT_USER] = write_user,
        [SOTTO_CHAT_ASSISTANT] = write_assistant,
        [SOTTO_CHAT_TOOL] = write_result,
    };
    const sotto_chat_format *f = s->format;
    if (f->write_system) f->write_system(s);
    else write_system(s);
    for (size_t i = 0; i < s->n; i++) write_turn[s->turns[i].role](s, i);
    if (s->continue_last) return;
    if (!(f->flags & SOTTO_CHAT_BARE_ANSWER)) sotto_chat_say(s, f->turn[SOTTO_CHAT_ASSISTANT].before);
    sotto_chat_say(s, f->answer[s->thinking]);
}

sotto_status sotto_chat_render(const sotto_chat_format *f, const sotto_chat_turn *turns, size_t n,
                               const sotto_chat_params *params, sotto_chat_prompt *out, sotto_error *err) {
    sotto_chat_scene scene = {.format = f, .out = out};
    sotto_status     status = sotto_chat_scene_make(&scene, turns, n, params, err);
    out->n_spans = 0;
    sotto_buf_clear(&out->text);
    out->text.max = SOTTO_CHAT_TEXT_MAX;
    if (status == SOTTO_OK) {
        sotto_chat_say(&scene, f->bos);
        if (f->write) f->write(&scene);
        else write_conversation(&scene);
        if (out->text.failed) status = sotto_chat_fail_size(err);
    }
    sotto_chat_scene_free(&scene);
    return status;
}
