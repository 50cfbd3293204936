/* A history file from elsewhere: whatever is in it, reading and changing it ends in a status. The first byte chooses
 * whether the rest is a whole file, or is written over one of ours, from an offset in its first two bytes on: hardly
 * anything else gets past SQLite's own checks. */
#include <sotto/history.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count(void *user, const sotto_history_entry *entry) {
    if (!entry->kind || !entry->model || !entry->title) __builtin_trap();
    return ++*(int *)user < 100;
}

static void fill(const char *path) {
    sotto_history  *h;
    int64_t         id;
    sotto_chat_turn turns[] = {{.role = "user", .content = "set a timer for tea"},
                               {.role = "assistant", .tool_calls = "[{\"name\":\"set_timer\",\"arguments\":{}}]"},
                               {.role = "tool", .content = "{\"result\":1}", .tool_name = "set_timer"},
                               {.role = "assistant", .content = "There you go."}};
    if (sotto_history_open(&h, path, NULL)) return;
    for (int i = 0; i < 3; i++)
        if (!sotto_history_begin(h, "chat", "m", i ? "Be brief" : NULL, &id, NULL))
            (void)sotto_history_append(h, id, turns, 4, i == 1, NULL);
    sotto_history_close(h);
}

static void use(sotto_history *h) {
    sotto_chat_turn turns[] = {{.role = "user", .content = "new"}, {.role = "assistant", .content = "yes"}};
    sotto_bytes     out = {0};
    sotto_error     err;
    int64_t         id;
    int             n = 0;
    (void)sotto_history_list(h, NULL, count, &n, &err);
    (void)sotto_history_list(h, "tea there", count, &n, &err);
    (void)sotto_history_last(h, &id, &err);
    for (id = 1; id <= 3; id++) {
        (void)sotto_history_export(h, id, SOTTO_HISTORY_JSON, &out, &err);
        (void)sotto_history_export(h, id, SOTTO_HISTORY_MARKDOWN, &out, &err);
        (void)sotto_history_append(h, id, turns, 2, false, &err);
        (void)sotto_history_cut(h, id, 1, &err);
    }
    (void)sotto_history_delete(h, 2, &err);
    sotto_bytes_free(&out);
}

static void write_at(const char *path, const char *mode, long at, const uint8_t *data, size_t size) {
    FILE *f = fopen(path, mode);
    if (f && fseek(f, at, SEEK_SET) == 0) (void)fwrite(data, 1, size, f);
    if (f) (void)fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char                     path[64], other[80];
    sotto_history           *h = NULL;
    if (size < 3 || size > 1 << 16) return 0;
    (void)snprintf(path, sizeof path, "/tmp/sotto-fuzz-history-%ld.db", (long)getpid());
    if (data[0] & 1) fill(path);
    if (data[0] & 1) write_at(path, "r+b", data[1] << 8 | data[2], data + 3, size - 3);
    else write_at(path, "wb", 0, data + 1, size - 1);
    if (sotto_history_open(&h, path, NULL) == SOTTO_OK) use(h);
    sotto_history_close(h);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)snprintf(other, sizeof other, "%s%s", path, ends[i]);
        (void)remove(other);
    }
    return 0;
}
