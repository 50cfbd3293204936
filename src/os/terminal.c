/* What there is to know about the terminal. */
#include "os/system.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

bool sotto_terminal_is(int fd) { return isatty(fd) == 1; }

/* stderr first: progress goes there, and stdout is often a pipe. */
int sotto_terminal_columns(void) {
    static const int fds[] = {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO};
    struct winsize   size;
    for (size_t i = 0; i < SOTTO_COUNT(fds); i++)
        if (ioctl(fds[i], TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    long        n = columns ? strtol(columns, NULL, 10) : 0;
    return n > 0 && n < 10000 ? (int)n : 80;
}

long sotto_terminal_read(int fd, void *data, size_t n, int ms) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, ms) <= 0) return -1;
    ssize_t got = read(fd, data, n);
    return got >= 0 ? (long)got : errno == EINTR || errno == EAGAIN ? -1 : 0;
}

static struct termios terminal_before;
static bool           terminal_changed;

static void restore_terminal(void) {
    if (terminal_changed) (void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    terminal_changed = false;
}

void sotto_terminal_keys(bool on) {
    static bool registered;
    if (!on) {
        restore_terminal();
        return;
    }
    if (terminal_changed || tcgetattr(STDIN_FILENO, &terminal_before) != 0) return;
    if (!registered) registered = atexit(restore_terminal) == 0;
    struct termios t = terminal_before;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    terminal_changed = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}
