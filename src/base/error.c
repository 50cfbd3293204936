/* Filling a sotto_error: once, with one sentence. */
#include "base/base.h"

#include <stdio.h>

const char *sotto_status_text(sotto_status status) {
    switch (status) {
#define SOTTO_STATUS_CASE(name, value, text, http)                                                           \
    case SOTTO_##name: return text;
        SOTTO_STATUS_LIST(SOTTO_STATUS_CASE)
#undef SOTTO_STATUS_CASE
    }
    return "unknown status";
}

/* A message may quote bytes of a hostile file: keep it printable and whole at its end. */
static void clean(char *text) {
    size_t n = strlen(text);
    n -= sotto_utf8_incomplete(text, n);
    text[n] = '\0';
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t   len = sotto_utf8_decode(text + i, n - i, &cp);
        if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp == 0xfffd && (unsigned char)text[i] != 0xef))
            memset(text + i, '?', len);
        i += len;
    }
}

static sotto_status fail_va(sotto_error *err, sotto_status status, int64_t offset, const char *fmt, va_list ap) {
    if (err) {
        err->status = status;
        err->offset = offset;
        (void)vsnprintf(err->message, sizeof err->message, fmt, ap);
        clean(err->message);
    }
    return status;
}

sotto_status sotto_fail(sotto_error *err, sotto_status status, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)fail_va(err, status, -1, fmt, ap);
    va_end(ap);
    return status;
}

sotto_status sotto_fail_at(sotto_error *err, sotto_status status, uint64_t offset, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)fail_va(err, status, offset <= INT64_MAX ? (int64_t)offset : -1, fmt, ap);
    va_end(ap);
    return status;
}

sotto_status sotto_fail_memory(sotto_error *err, const char *what) {
    return sotto_fail(err, SOTTO_NO_MEMORY, "out of memory for %s", what);
}

sotto_status sotto_fail_prefix(sotto_error *err, sotto_status status, const char *fmt, ...) {
    if (err) {
        char    prefix[sizeof err->message], rest[sizeof err->message];
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(prefix, sizeof prefix, fmt, ap);
        va_end(ap);
        memcpy(rest, err->message, sizeof rest);
        size_t n = strlen(prefix);
        n = SOTTO_MIN(n, sizeof err->message / 2);
        memcpy(err->message, prefix, n);
        (void)snprintf(err->message + n, sizeof err->message - n, ": %.*s", (int)(sizeof rest - n - 3), rest);
        clean(err->message);
    }
    return status;
}
