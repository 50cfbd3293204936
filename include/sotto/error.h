/* Status codes and the error report of libsotto.
 *
 * Every fallible function returns a sotto_status and takes, as its last parameter, a sotto_error that may be
 * NULL. The error is written once, where the failure is known: one sentence that says what, where, why and,
 * if something can be done about it, what. On success it is left untouched. The library never prints. */
#ifndef SOTTO_ERROR_H
#define SOTTO_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SOTTO_API __attribute__((visibility("default")))
#define SOTTO_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define SOTTO_API
#define SOTTO_PRINTF(fmt, first)
#endif

/* X(name, value, text, HTTP status) */
#define SOTTO_STATUS_LIST(X)                                                                                 \
    X(OK, 0, "ok", 200)                                                                                      \
    X(NO_MEMORY, -1, "out of memory", 503)                                                                   \
    X(IO, -2, "input or output failed", 500)                                                                 \
    X(NOT_FOUND, -3, "not found", 404)                                                                       \
    X(FORMAT, -4, "malformed file", 400)                                                                     \
    X(UNSUPPORTED, -5, "not supported", 400)                                                                 \
    X(INVALID, -6, "invalid argument", 400)                                                                  \
    X(CONTEXT_FULL, -7, "longer than the context", 400)                                                      \
    X(LIMIT, -8, "beyond a limit that was set", 400)                                                         \
    X(CANCELLED, -9, "cancelled", 499)                                                                       \
    X(MISMATCH, -10, "belongs to something else", 409)

typedef enum sotto_status {
#define SOTTO_STATUS_ENUM(name, value, text, http) SOTTO_##name = value,
    SOTTO_STATUS_LIST(SOTTO_STATUS_ENUM)
#undef SOTTO_STATUS_ENUM
} sotto_status;

typedef struct sotto_error {
    sotto_status status;
    int64_t      offset;       /* byte offset in the file at fault, or -1 */
    char         message[512]; /* one sentence, UTF-8, no newline */
} sotto_error;

/* A constant text for a status; never NULL. */
SOTTO_API const char *sotto_status_text(sotto_status status);

#ifdef __cplusplus
}
#endif
#endif
