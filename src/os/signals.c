/* Ctrl-C as a count, a bus error as a sentence. Handlers use lock-free atomics, write and _exit only. */
#include "os/system.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_int            interrupts;
static _Atomic(const char *) bus_message;

static void on_interrupt(int number) {
    (void)number;
    if (atomic_fetch_add(&interrupts, 1) >= 1) _exit(130);
}

static void on_bus_error(int number) {
    (void)number;
    const char *message = atomic_load(&bus_message);
    size_t      n = strlen(message);
    ssize_t     rc = write(STDERR_FILENO, message, n);
    if (rc == (ssize_t)n) rc = write(STDERR_FILENO, "\n", 1);
    (void)rc; /* nothing is left to tell of a closed stderr */
    _exit(1);
}

static void catch_signal(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

/* Without SA_RESTART: a read that waits for the person returns with EINTR, so that a prompt can answer. */
void sotto_signals_catch_interrupt(void) { catch_signal(SIGINT, on_interrupt); }

int sotto_signals_interrupts(void) { return atomic_load(&interrupts); }

void sotto_signals_reset(void) { atomic_store(&interrupts, 0); }

void sotto_signals_catch_bus_error(const char *message) {
    atomic_store(&bus_message, message);
    catch_signal(SIGBUS, on_bus_error);
}
