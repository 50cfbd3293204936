/* A toolbox with a clock that the test sets, and its answers as one string. */
#ifndef SOTTO_TEST_TOOLBOX_H
#define SOTTO_TEST_TOOLBOX_H

#include <sotto/tools.h>

#include "test.h"

enum { TEST_NOW = 1795694400 }; /* 2026-11-26 12:00 UTC, a Thursday */
static int64_t test_now = TEST_NOW;

static int64_t test_clock(void *user) { return *(int64_t *)user; }

static inline sotto_toolbox *test_toolbox(const char *file) {
    sotto_toolbox_options opt = sotto_toolbox_options_default();
    sotto_toolbox        *box = NULL;
    sotto_error           err;
    opt.path = file;
    opt.now = test_clock;
    opt.now_user = &test_now;
    opt.seed = 1;
    (void)setenv("TZ", "UTC0", 1);
    CHECK_OK(sotto_toolbox_open(&box, &opt, &err), err);
    return box;
}

/* Of the last call. */
static sotto_tool_result test_result;
static sotto_error       test_error;

/* The sentence. */
static inline const char *test_call(sotto_toolbox *box, const char *name, const char *arguments) {
    sotto_tool_result_free(&test_result);
    sotto_status status = sotto_toolbox_call(box, name, arguments, &test_result, &test_error);
    CHECK_OK(status, test_error);
    return status == SOTTO_OK ? test_result.spoken : test_error.message;
}

static inline const char *test_due(sotto_toolbox *box) {
    sotto_tool_result_free(&test_result);
    if (sotto_toolbox_take_due(box, &test_result, &test_error) == SOTTO_OK) return test_result.spoken;
    return sotto_status_text(test_error.status);
}

#endif
