/* Session files: any bytes, restored into a session of a tiny model, which must then still work. The fingerprint is
 * set right and the checksum not verified, or the fuzzer would never get past them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sotto_session *open_session(void) {
    static const char *const    paths[] = {"golden/gemma3", "tests/golden/gemma3"};
    const sotto_model_options   mo = {.threads = 1};
    const sotto_session_options so = {.context = 64, .batch = 8};
    sotto_model                *m;
    sotto_session              *s;
    const char                 *path = paths[access(paths[0], F_OK) == 0 ? 0 : 1];
    if (sotto_model_open(&m, path, &mo, NULL) || sotto_session_open(&s, m, &so, NULL)) abort();
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sotto_session *s;
    const int32_t         next = 5;
    if (!s) s = open_session();
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    if (size >= 16) memcpy(copy + 8, &s->model->fingerprint, 8);
    if (sotto_session_parse(s, copy, size, false, NULL) == SOTTO_OK) {
        (void)sotto_session_append(s, &next, 1, NULL);
        (void)sotto_session_rewind(s, 1, NULL);
        (void)sotto_session_append(s, &next, 1, NULL);
    }
    free(copy);
    return 0;
}
