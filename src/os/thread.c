/* Threads, mutexes and conditions, by POSIX. Signals go to the threads that the program itself began with. */
#include "os/system.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct sotto_thread {
    pthread_t id;
    void    (*fn)(void *arg);
    void     *arg;
};

static void *thread_main(void *arg) {
    sotto_thread *t = arg;
    t->fn(t->arg);
    return NULL;
}

sotto_status sotto_thread_start(sotto_thread **out, void (*fn)(void *arg), void *arg, sotto_error *err) {
    sotto_thread *t = malloc(sizeof *t);
    if (!t) return sotto_fail_memory(err, "a thread");
    *t = (sotto_thread){.fn = fn, .arg = arg};
    sigset_t all, before;
    (void)sigfillset(&all);
    static const int own[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV}; /* of the thread that causes them */
    for (size_t i = 0; i < SOTTO_COUNT(own); i++) (void)sigdelset(&all, own[i]);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&t->id, NULL, thread_main, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(t);
        return sotto_fail(err, SOTTO_NO_MEMORY, "the system gives no more threads");
    }
    *out = t;
    return SOTTO_OK;
}

void sotto_thread_join(sotto_thread *t) {
    if (!t) return;
    (void)pthread_join(t->id, NULL);
    free(t);
}

/* ---- mutexes and conditions ---------------------------------------------------------------------------- */

static_assert(sizeof(pthread_mutex_t) <= sizeof(sotto_mutex), "a mutex of the system must fit");
static_assert(sizeof(pthread_cond_t) <= sizeof(sotto_condition), "a condition of the system must fit");

static pthread_mutex_t *mutex_of(sotto_mutex *m) { return (pthread_mutex_t *)(void *)m->state; }
static pthread_cond_t  *condition_of(sotto_condition *c) { return (pthread_cond_t *)(void *)c->state; }

void sotto_mutex_init(sotto_mutex *m) { (void)pthread_mutex_init(mutex_of(m), NULL); }
void sotto_mutex_lock(sotto_mutex *m) { (void)pthread_mutex_lock(mutex_of(m)); }
void sotto_mutex_unlock(sotto_mutex *m) { (void)pthread_mutex_unlock(mutex_of(m)); }
void sotto_mutex_destroy(sotto_mutex *m) { (void)pthread_mutex_destroy(mutex_of(m)); }

static struct timespec timespec_of(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

#if defined(__APPLE__)

void sotto_condition_init(sotto_condition *c) { (void)pthread_cond_init(condition_of(c), NULL); }

bool sotto_condition_wait_for(sotto_condition *c, sotto_mutex *m, uint64_t ns) {
    struct timespec t = timespec_of(ns);
    return pthread_cond_timedwait_relative_np(condition_of(c), mutex_of(m), &t) != ETIMEDOUT;
}

void sotto_sleep_until_ns(uint64_t time_ns) {
    uint64_t now = sotto_time_ns();
    if (time_ns <= now) return;
    struct timespec t = timespec_of(time_ns - now);
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {}
}

#else

void sotto_condition_init(sotto_condition *c) {
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition_of(c), &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

bool sotto_condition_wait_for(sotto_condition *c, sotto_mutex *m, uint64_t ns) {
    struct timespec t = timespec_of(sotto_time_ns() + ns);
    return pthread_cond_timedwait(condition_of(c), mutex_of(m), &t) != ETIMEDOUT;
}

void sotto_sleep_until_ns(uint64_t time_ns) {
    struct timespec t = timespec_of(time_ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

#endif

void sotto_condition_wait(sotto_condition *c, sotto_mutex *m) { (void)pthread_cond_wait(condition_of(c), mutex_of(m)); }
void sotto_condition_signal(sotto_condition *c) { (void)pthread_cond_broadcast(condition_of(c)); }
void sotto_condition_destroy(sotto_condition *c) { (void)pthread_cond_destroy(condition_of(c)); }

void sotto_once(bool *done, void (*fn)(void)) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&mutex);
    if (!*done) fn();
    *done = true;
    (void)pthread_mutex_unlock(&mutex);
}
