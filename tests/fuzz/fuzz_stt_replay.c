/* The replay engine's file, from any bytes. */
#include "speech/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    sotto_replay_script script;
    sotto_arena         arena = {0};
    (void)sotto_replay_read(&script, &arena, "fuzz", (const char *)data, n, NULL);
    sotto_arena_free(&arena);
    return 0;
}
