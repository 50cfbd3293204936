/* Clocks and entropy. */
#include "os/system.h"

#include <sys/random.h>
#include <time.h>

uint64_t sotto_time_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t sotto_time_unix(void) { return (int64_t)time(NULL); }

/* Without entropy (a jail without the system call) clocks and addresses still make two runs differ. */
uint64_t sotto_random_seed(void) {
    uint64_t seed;
    if (getentropy(&seed, sizeof seed) == 0) return seed;
    uint64_t salt[3] = {sotto_time_ns(), (uint64_t)getpid(), (uint64_t)(uintptr_t)&seed};
    return sotto_hash(salt, sizeof salt, (uint64_t)sotto_time_unix());
}
