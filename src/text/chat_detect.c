/* Which chat format a checkpoint has: found out from the marks in its template, never by running the template. */
#include <stdlib.h>

#include "text/chat.h"

const sotto_chat_format *sotto_chat_format_recognise(sotto_str chat_template) {
    for (size_t i = 0; i < sotto_chat_format_count; i++) {
        const sotto_chat_format *f = &sotto_chat_formats[i];
        bool                     fits = true;
        for (size_t k = 0; k < SOTTO_COUNT(f->has) && f->has[k]; k++)
            fits = fits && sotto_chat_find(chat_template, f->has[k]) != SIZE_MAX;
        for (size_t k = 0; k < SOTTO_COUNT(f->has_not) && f->has_not[k]; k++)
            fits = fits && sotto_chat_find(chat_template, f->has_not[k]) == SIZE_MAX;
        if (fits) return f;
    }
    return NULL;
}

/* A list of named templates: the one for conversations, else the one for tools. */
static const char *pick(const json_t *list) {
    static const char *const names[] = {"default", "tool_use"};
    for (size_t k = 0; k < SOTTO_COUNT(names); k++)
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *one = json_array_get(list, i);
            const char   *name = json_string_value(json_object_get(one, "name"));
            const char   *text = json_string_value(json_object_get(one, "template"));
            if (name && text && strcmp(name, names[k]) == 0) return text;
        }
    return NULL;
}

/* The template's text: lent by the checkpoint, or by *file, which the caller closes. Empty: there is none. */
static sotto_status find_template(sotto_str *out, sotto_file *file, const sotto_checkpoint *c, sotto_error *err) {
    *out = (sotto_str){"", 0};
    if (c->kind == SOTTO_CHECKPOINT_GGUF) {
        if (!sotto_gguf_get_str(sotto_gguf_find(c->gguf, "tokenizer.chat_template"), out))
            (void)sotto_gguf_get_str(sotto_gguf_find(c->gguf, "tokenizer.chat_template.tool_use"), out);
        return SOTTO_OK;
    }
    char *path = sotto_path_join(c->path, "chat_template.jinja");
    if (!path) return sotto_fail_memory(err, "a path");
    sotto_status status = SOTTO_OK;
    if (sotto_path_kind_of(path) == SOTTO_PATH_FILE) {
        status = sotto_file_open(file, path, false, err);
        if (status == SOTTO_OK) *out = (sotto_str){(const char *)file->data, file->size};
    } else {
        const json_t *v = json_object_get(c->tokenizer_config, "chat_template");
        *out = sotto_str_from(json_is_array(v) ? pick(v) : json_string_value(v));
    }
    free(path);
    return status;
}

static sotto_status fail_with_names(sotto_error *err, sotto_status status, const char *path, const char *what) {
    char   names[256];
    size_t n = 0;
    for (size_t i = 0; i < sotto_chat_format_count; i++) {
        const char *name = sotto_chat_formats[i].name;
        size_t      len = strlen(name);
        if (n + len + 3 > sizeof names) break;
        if (i) memcpy(names + n, ", ", 2);
        n += i ? 2 : 0;
        memcpy(names + n, name, len);
        n += len;
    }
    return sotto_fail(err, status, "%s: %s: choose --chat-format NAME: %.*s", path, what, (int)n, names);
}

sotto_status sotto_chat_format_detect(const sotto_chat_format **out, const sotto_checkpoint *c, sotto_error *err) {
    sotto_file   file = {0};
    sotto_str    text;
    sotto_status status = find_template(&text, &file, c, err);
    if (status == SOTTO_OK) {
        *out = sotto_chat_format_recognise(text);
        if (text.n == 0)
            status = fail_with_names(err, SOTTO_NOT_FOUND, c->path, "no chat template (a base model?)");
        else if (!*out)
            status = fail_with_names(err, SOTTO_UNSUPPORTED, c->path, "unknown chat template");
    }
    if (file.data) sotto_file_close(&file);
    return status;
}
