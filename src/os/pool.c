/* The thread pool.
 *
 * A run is announced by one atomic number: `left`, the chunks not yet taken. To take a chunk is to lower it
 * by one; only then does a worker look at what the run is. A run cannot end, nor the next begin, while a
 * chunk of it is taken and unfinished, so whoever holds a chunk sees the right function however late the
 * scheduler lets it arrive: a worker that slept through three runs simply takes a chunk of the fourth.
 *
 * A worker waits by watching `left`, and the caller by watching `unfinished`: first spinning for SPIN_NS, as
 * the operators of a model follow each other within microseconds, then asleep on a condition variable. Both
 * numbers become true, and are looked at before falling asleep, under the mutex: no wake-up can be lost. */
#include "os/system.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum {
    SPIN_NS = 25000,
    THREADS_MAX = 1024,
    STACK_BYTES = 2 << 20, /* the default differs widely: 512 KB on macOS, 8 MB on Linux */
};

typedef struct worker {
    struct sotto_pool *pool;
    pthread_t          thread;
    int                index;
} worker;

struct sotto_pool {
    sotto_pool_fn fn; /* what is running; for holders of a chunk */
    void         *arg;
    int           n_chunks;

    pthread_mutex_t mutex;
    pthread_cond_t  work, done;
    int             n_asleep; /* workers waiting on `work`; under the mutex, as is `closing` */
    bool            closing;

    int    n_threads; /* with the caller */
    int    n_started; /* threads in workers[] that exist */
    worker workers[THREADS_MAX];

    /* Each on a cache line of its own: the first is written by all, the second read by a spinning caller. */
    char       pad0[64];
    atomic_int left;
    char       pad1[64];
    atomic_int unfinished;
    char       pad2[64];
};

static void pause_cpu(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* `yield` does nothing on most cores; isb waits about as long as x86's pause */
#endif
}

/* Watch a number until it is zero (or until it is not) for SPIN_NS; true when that came. */
static bool spin_until(atomic_int *number, bool zero) {
    for (uint64_t begin = sotto_time_ns(); sotto_time_ns() - begin < SPIN_NS;) {
        for (int i = 0; i < 16; i++) {
            if ((atomic_load_explicit(number, memory_order_acquire) == 0) == zero) return true;
            pause_cpu();
        }
    }
    return false;
}

/* Take and do chunks until there are none. */
static void work_off(sotto_pool *pool, int index) {
    for (;;) {
        int left = atomic_load_explicit(&pool->left, memory_order_relaxed);
        do
            if (left == 0) return;
        while (!atomic_compare_exchange_weak_explicit(&pool->left, &left, left - 1, memory_order_acquire,
                                                      memory_order_relaxed));
        pool->fn(pool->arg, pool->n_chunks - left, index);
        if (atomic_fetch_sub_explicit(&pool->unfinished, 1, memory_order_acq_rel) == 1 && index != 0) {
            (void)pthread_mutex_lock(&pool->mutex);
            (void)pthread_cond_signal(&pool->done);
            (void)pthread_mutex_unlock(&pool->mutex);
        }
    }
}

static void *worker_main(void *arg) {
    worker     *self = arg;
    sotto_pool *pool = self->pool;
    bool        closing = false;
    while (!closing) {
        work_off(pool, self->index);
        if (spin_until(&pool->left, false)) continue;
        (void)pthread_mutex_lock(&pool->mutex);
        pool->n_asleep++;
        while (!pool->closing && atomic_load_explicit(&pool->left, memory_order_relaxed) == 0)
            (void)pthread_cond_wait(&pool->work, &pool->mutex);
        pool->n_asleep--;
        closing = pool->closing;
        (void)pthread_mutex_unlock(&pool->mutex);
    }
    return NULL;
}

/* Workers leave signals to the program's main thread, but for those that a fault of their own raises. */
static int start_worker(worker *w, const pthread_attr_t *attributes) {
    static const int own[] = {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    sigset_t         blocked, before;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < SOTTO_COUNT(own); i++) (void)sigdelset(&blocked, own[i]);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int code = pthread_create(&w->thread, attributes, worker_main, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

sotto_status sotto_pool_open(sotto_pool **out, int n_threads, sotto_error *err) {
    *out = NULL;
    if (n_threads < 1 || n_threads > THREADS_MAX)
        return sotto_fail(err, SOTTO_INVALID, "%d threads: give a number from 1 to %d", n_threads,
                          (int)THREADS_MAX);
    sotto_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return sotto_fail_memory(err, "the thread pool");
    pthread_attr_t attributes;
    (void)pthread_mutex_init(&pool->mutex, NULL);
    (void)pthread_cond_init(&pool->work, NULL);
    (void)pthread_cond_init(&pool->done, NULL);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pool->n_threads = n_threads;
    int code = 0;
    for (int i = 0; i < n_threads - 1 && code == 0; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].index = i + 1;
        code = start_worker(&pool->workers[i], &attributes);
        pool->n_started += code == 0;
    }
    (void)pthread_attr_destroy(&attributes);
    if (code != 0) {
        int n_started = pool->n_started;
        sotto_pool_close(pool);
        return sotto_fail(err, SOTTO_NO_MEMORY, "the system starts only %d of %d threads: %s; ask for fewer",
                          n_started + 1, n_threads, strerror(code));
    }
    *out = pool;
    return SOTTO_OK;
}

void sotto_pool_run(sotto_pool *pool, int n_chunks, sotto_pool_fn fn, void *arg) {
    if (pool->n_threads == 1 || n_chunks <= 1) {
        for (int chunk = 0; chunk < n_chunks; chunk++) fn(arg, chunk, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    pool->n_chunks = n_chunks;
    atomic_store_explicit(&pool->unfinished, n_chunks, memory_order_relaxed);
    (void)pthread_mutex_lock(&pool->mutex);
    atomic_store_explicit(&pool->left, n_chunks, memory_order_release);
    int n_wake = SOTTO_MIN(pool->n_asleep, n_chunks - 1);
    (void)pthread_mutex_unlock(&pool->mutex);
    if (n_wake == pool->n_threads - 1)
        (void)pthread_cond_broadcast(&pool->work);
    else
        for (int i = 0; i < n_wake; i++) (void)pthread_cond_signal(&pool->work);

    work_off(pool, 0);
    if (spin_until(&pool->unfinished, true)) return;
    (void)pthread_mutex_lock(&pool->mutex);
    while (atomic_load_explicit(&pool->unfinished, memory_order_acquire) != 0)
        (void)pthread_cond_wait(&pool->done, &pool->mutex);
    (void)pthread_mutex_unlock(&pool->mutex);
}

int sotto_pool_threads(const sotto_pool *pool) { return pool->n_threads; }

void sotto_pool_close(sotto_pool *pool) {
    if (!pool) return;
    (void)pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->n_started; i++) (void)pthread_join(pool->workers[i].thread, NULL);
    (void)pthread_cond_destroy(&pool->done);
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
