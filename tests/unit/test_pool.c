/* The thread pool: every chunk exactly once, by the run it belongs to, whatever the scheduler does. */
#define _DEFAULT_SOURCE 1
#include "os/os.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "test.h"

enum { CHUNKS_MAX = 1000, THREADS = 8 };

typedef struct job {
    int        run, n_threads;
    int        seen[CHUNKS_MAX]; /* plain, not atomic: ThreadSanitizer would see two workers on one chunk */
    atomic_int calls, wrong;
} job;

static void mark(void *arg, int chunk, int worker) {
    job *j = arg;
    if (chunk < 0 || chunk >= CHUNKS_MAX || worker < 0 || worker >= j->n_threads) {
        atomic_fetch_add(&j->wrong, 1);
        return;
    }
    j->seen[chunk] += j->run;
    atomic_fetch_add_explicit(&j->calls, 1, memory_order_relaxed);
}

/* Another function, for another argument type: a worker that mixed two runs would write into the wrong thing. */
typedef struct tally {
    long   magic;
    long   sum[THREADS];
    double pad[16];
} tally;

static void add(void *arg, int chunk, int worker) {
    tally *t = arg;
    if (t->magic == 4711) t->sum[worker] += chunk + 1;
}

static long tally_total(const tally *t) {
    long sum = 0;
    for (int i = 0; i < THREADS; i++) sum += t->sum[i];
    return sum;
}

TEST(every_chunk_once) {
    static job  j;
    sotto_error err = {0};
    for (int n_threads = 1; n_threads <= THREADS; n_threads++) {
        sotto_pool *pool;
        CHECK_OK(sotto_pool_open(&pool, n_threads, &err), err);
        if (!pool) return;
        CHECK_INT(sotto_pool_threads(pool), n_threads);
        uint64_t seed = (uint64_t)n_threads;
        int      bad = 0;
        for (int run = 1; run <= 300; run++) {
            memset(&j, 0, sizeof j);
            j.run = run;
            j.n_threads = n_threads;
            int n = (int)(test_random(&seed) % (run % 10 == 0 ? CHUNKS_MAX : 20));
            sotto_pool_run(pool, n, mark, &j);
            bad += atomic_load(&j.calls) != n || atomic_load(&j.wrong) != 0;
            for (int i = 0; i < CHUNKS_MAX; i++) bad += j.seen[i] != (i < n ? run : 0);
        }
        CHECK_INT(bad, 0);
        sotto_pool_close(pool);
    }
}

/* Thousands of runs of a few empty chunks, back to back, alternating two functions: the sums are exact. */
TEST(stress_tiny_chunks) {
    sotto_error err = {0};
    for (int n_threads = 1; n_threads <= THREADS; n_threads++) {
        sotto_pool *pool;
        CHECK_OK(sotto_pool_open(&pool, n_threads, &err), err);
        if (!pool) return;
        static job j;
        memset(&j, 0, sizeof j);
        j.run = 1;
        j.n_threads = n_threads;
        tally t = {.magic = 4711};
        long  want = 0, calls = 0;
        for (int run = 0; run < 4000; run++) {
            int n = run % 7;
            sotto_pool_run(pool, n, run & 1 ? add : mark, run & 1 ? (void *)&t : (void *)&j);
            if (run & 1)
                want += (long)n * (n + 1) / 2;
            else
                calls += n;
        }
        CHECK_INT(tally_total(&t), want);
        CHECK_INT(atomic_load(&j.calls), calls);
        CHECK_INT(atomic_load(&j.wrong), 0);
        sotto_pool_close(pool);
    }
}

static void nap_us(long us) {
    struct timespec t = {0, us * 1000};
    (void)nanosleep(&t, NULL);
}

/* Workers that fall asleep between runs, and chunks that last long enough to put the caller to sleep: each
 * gives the processor away, so that the others get their share however busy the machine is. */
static void slow_add(void *arg, int chunk, int worker) {
    nap_us(chunk % 2 ? 300 : 100);
    add(arg, chunk, worker);
}

TEST(sleepers_wake) {
    sotto_error err = {0};
    sotto_pool *pool;
    CHECK_OK(sotto_pool_open(&pool, 4, &err), err);
    if (!pool) return;
    tally t = {.magic = 4711};
    for (int run = 0; run < 300; run++) {
        sotto_pool_run(pool, 8, slow_add, &t);
        if (run % 3 == 0) nap_us(run); /* shorter and longer than the spinning time */
    }
    CHECK_INT(tally_total(&t), 300L * 36);
    CHECK(t.sum[1] + t.sum[2] + t.sum[3] > 0); /* the others did take part */
    sotto_pool_close(pool);
}

/* A signal handler stops whichever worker it hits for a while, at any instruction: a descheduled worker. */
static void stall(int number) {
    (void)number;
    nap_us(300);
}

static pthread_t  stalled[THREADS];
static atomic_int n_stalled, stop_stalling;

static void enlist(void *arg, int chunk, int worker) {
    (void)chunk;
    bool *known = arg;
    if (worker != 0 && !known[worker]) {
        known[worker] = true;
        sigset_t set;
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGUSR1);
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        stalled[atomic_fetch_add(&n_stalled, 1)] = pthread_self();
    }
    nap_us(500);
}

static void *stall_workers(void *arg) {
    uint64_t seed = 3;
    int      n = atomic_load(&n_stalled);
    while (!atomic_load(&stop_stalling)) {
        (void)pthread_kill(stalled[test_random(&seed) % (uint64_t)n], SIGUSR1);
        nap_us((long)(test_random(&seed) % 400));
    }
    return arg;
}

TEST(descheduled_workers) {
    sotto_error err = {0};
    sotto_pool *pool;
    CHECK_OK(sotto_pool_open(&pool, 4, &err), err);
    if (!pool) return;
    struct sigaction action = {.sa_handler = stall};
    (void)sigaction(SIGUSR1, &action, NULL);
    bool known[THREADS] = {0};
    for (int i = 0; i < 100 && atomic_load(&n_stalled) < 3; i++) sotto_pool_run(pool, 32, enlist, known);
    CHECK(atomic_load(&n_stalled) > 0);
    pthread_t thread;
    if (atomic_load(&n_stalled) > 0 && pthread_create(&thread, NULL, stall_workers, NULL) == 0) {
        static job j;
        tally      t = {.magic = 4711};
        long       want = 0;
        j.run = 1;
        j.n_threads = 4;
        uint64_t end = sotto_time_ns() + 700000000u;
        while (sotto_time_ns() < end) {
            sotto_pool_run(pool, 3, add, &t);
            want += 6;
            memset(j.seen, 0, sizeof j.seen);
            atomic_store(&j.calls, 0);
            sotto_pool_run(pool, 5, mark, &j);
            if (atomic_load(&j.calls) != 5) break;
        }
        CHECK_INT(atomic_load(&j.calls), 5);
        CHECK_INT(tally_total(&t), want);
        atomic_store(&stop_stalling, 1);
        (void)pthread_join(thread, NULL);
    }
    sotto_pool_close(pool);
}

/* An idle pool costs no processor time: in 200 ms of rest less than a tenth is used, whatever the threads. */
TEST(idle_pool_sleeps) {
    sotto_error err = {0};
    sotto_pool *pool;
    tally       t = {.magic = 4711};
    CHECK_OK(sotto_pool_open(&pool, 4, &err), err);
    if (!pool) return;
    sotto_pool_run(pool, 16, add, &t);
    struct rusage before, after;
    (void)getrusage(RUSAGE_SELF, &before);
    nap_us(200000);
    (void)getrusage(RUSAGE_SELF, &after);
    long us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000L + after.ru_utime.tv_usec -
              before.ru_utime.tv_usec;
    CHECK(us < 20000);
    sotto_pool_close(pool);
}

TEST(edges) {
    sotto_error err = {0};
    sotto_pool *pool;
    tally       t = {.magic = 4711};
    CHECK_INT(sotto_pool_open(&pool, 0, &err), SOTTO_INVALID);
    CHECK(pool == NULL);
    CHECK_INT(sotto_pool_open(&pool, 1 << 20, &err), SOTTO_INVALID);
    sotto_pool_close(NULL);
    for (int i = 0; i < 50; i++) { /* open and close at once: threads that never saw a run */
        CHECK_OK(sotto_pool_open(&pool, 1 + i % 4, &err), err);
        sotto_pool_close(pool);
    }
    CHECK_OK(sotto_pool_open(&pool, 3, &err), err);
    sotto_pool_run(pool, 0, add, &t);
    sotto_pool_run(pool, -5, add, &t);
    CHECK_INT(tally_total(&t), 0);
    sotto_pool_run(pool, 1, add, &t);
    CHECK_INT(tally_total(&t), 1);
    sotto_pool_close(pool);
}

TEST_MAIN()
