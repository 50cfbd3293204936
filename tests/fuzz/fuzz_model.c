/* Whole GGUF files: parsed, configured, bound, their tokenizer and chat template read, and described; what opens is
 * also run for two tokens. */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sotto/sotto.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const char *path) {
    const sotto_model_options   mo = {.threads = 1};
    const sotto_session_options so = {.context = 4, .batch = 2, .memory_limit = 64 << 20};
    const int32_t               ids[2] = {0, 0};
    sotto_bytes                 json = {0};
    sotto_model                *m = NULL;
    sotto_session              *s = NULL;
    if (sotto_inspect(path, &json, NULL) == SOTTO_OK) sotto_bytes_free(&json);
    if (sotto_model_open(&m, path, &mo, NULL) == SOTTO_OK && sotto_session_open(&s, m, &so, NULL) == SOTTO_OK)
        (void)sotto_session_append(s, ids, 2, NULL);
    sotto_session_close(s);
    sotto_model_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "%s/sotto-fuzz-%d.gguf", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             (int)getpid());
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0) abort();
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, data + done, size - done);
        if (n <= 0) break;
        done += (size_t)n;
    }
    close(fd);
    if (done == size) use(path);
    unlink(path);
    return 0;
}
