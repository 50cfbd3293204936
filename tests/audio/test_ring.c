/* The ring: against a plain queue with random calls, and between two threads. */
#include "audio/sound.h"

#include "os/os.h"

enum { SIZE = 300 };

TEST(holds_what_was_asked_for) {
    sotto_error err = {0};
    for (size_t n = 0; n < 70; n++) {
        sotto_ring *r;
        CHECK_OK(sotto_ring_open(&r, n, &err), err);
        CHECK(sotto_ring_room(r) >= n);
        CHECK_INT(sotto_ring_fill(r), 0);
        sotto_ring_close(r);
    }
    sotto_ring *r;
    CHECK_INT(sotto_ring_open(&r, SIZE_MAX / 2, &err), SOTTO_NO_MEMORY);
    CHECK_INT(sotto_ring_open(&r, SIZE_MAX, &err), SOTTO_NO_MEMORY);
    sotto_ring_close(NULL);
}

/* The queue is an array that only grows: what lies between `taken` and `given` is in the ring. */
TEST(is_a_queue) {
    sotto_error err = {0};
    sotto_ring *r;
    CHECK_OK(sotto_ring_open(&r, SIZE, &err), err);
    size_t   size = sotto_ring_room(r), given = 0, taken = 0;
    uint64_t seed = 1;
    int16_t  in[SIZE * 2], out[SIZE * 2];
    for (int call = 0; call < 200000; call++) {
        size_t n = test_random(&seed) % (test_random(&seed) % 2 ? 8 : SOTTO_COUNT(in));
        if (test_random(&seed) % 2) {
            for (size_t i = 0; i < n; i++) in[i] = (int16_t)(given + i);
            size_t put = sotto_ring_write(r, in, n);
            CHECK_INT(put, SOTTO_MIN(n, size - (given - taken)));
            given += put;
        } else {
            bool   drop = test_random(&seed) % 8 == 0;
            size_t got = sotto_ring_read(r, drop ? NULL : out, n), wrong = 0;
            CHECK_INT(got, SOTTO_MIN(n, given - taken));
            for (size_t i = 0; i < got && !drop; i++) wrong += out[i] != (int16_t)(taken + i);
            CHECK_INT(wrong, 0);
            taken += got;
        }
        CHECK_INT(sotto_ring_fill(r), given - taken);
        CHECK_INT(sotto_ring_room(r), size - (given - taken));
    }
    sotto_ring_close(r);
}

/* ---- two threads ---------------------------------------------------------------------------------------------- */

enum { TOTAL = 2000000 };

static void write_all(void *arg) {
    sotto_ring *r = arg;
    int16_t     part[97];
    uint64_t    seed = 2;
    for (size_t given = 0; given < TOTAL;) {
        size_t n = 1 + test_random(&seed) % SOTTO_COUNT(part);
        n = SOTTO_MIN(n, TOTAL - given);
        for (size_t i = 0; i < n; i++) part[i] = (int16_t)((given + i) * 7919);
        size_t put = sotto_ring_write(r, part, n);
        given += put;
        if (put == 0) sotto_sleep_until_ns(sotto_time_ns() + 1000);
    }
}

TEST(between_threads_nothing_is_lost) {
    sotto_error   err = {0};
    sotto_ring   *r;
    sotto_thread *t;
    CHECK_OK(sotto_ring_open(&r, 256, &err), err);
    CHECK_OK(sotto_thread_start(&t, write_all, r, &err), err);
    int16_t  part[61];
    uint64_t seed = 3;
    size_t   wrong = 0;
    for (size_t taken = 0; taken < TOTAL;) {
        size_t n = 1 + test_random(&seed) % SOTTO_COUNT(part);
        size_t fill = sotto_ring_fill(r);
        size_t got = sotto_ring_read(r, part, n);
        wrong += got < SOTTO_MIN(fill, n);
        for (size_t i = 0; i < got; i++) wrong += part[i] != (int16_t)((taken + i) * 7919);
        taken += got;
        if (got == 0) sotto_sleep_until_ns(sotto_time_ns() + 1000);
    }
    sotto_thread_join(t);
    CHECK_INT(wrong, 0);
    CHECK_INT(sotto_ring_fill(r), 0);
    sotto_ring_close(r);
}

TEST_MAIN()
