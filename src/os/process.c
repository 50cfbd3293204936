/* Other programs: started without a shell, spoken with over one socket that is their input and their output, and always
 * waited for. A socket rather than two pipes, so that its end can be told (shutdown) and writing to a program that has
 * gone is an error and not a signal. */
#include "os/system.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#if defined(__APPLE__)
#define SOCKET_TYPE SOCK_STREAM
#define SEND_FLAGS  0 /* SO_NOSIGPIPE instead */
#else
#define SOCKET_TYPE (SOCK_STREAM | SOCK_CLOEXEC)
#define SEND_FLAGS  MSG_NOSIGNAL
#endif

extern char **environ;

struct sotto_process {
    pid_t       id;
    int         fd;
    const char *input; /* what is still to be written; NULL once its end has been told */
    size_t      n_input;
};

static bool make_sockets(int fd[2]) {
    if (socketpair(AF_UNIX, SOCKET_TYPE, 0, fd) != 0) return false;
    (void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
#if defined(__APPLE__)
    int on = 1;
    for (int i = 0; i < 2; i++) (void)fcntl(fd[i], F_SETFD, FD_CLOEXEC);
    (void)setsockopt(fd[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return true;
}

/* Signals as a program expects them, whatever this thread has blocked; what it has to complain about goes nowhere. */
static int spawn(pid_t *id, const char *const *argv, int fd) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t          attributes;
    sigset_t                   none, usual;
    if (posix_spawn_file_actions_init(&actions) != 0) return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)sigemptyset(&none), (void)sigemptyset(&usual), (void)sigaddset(&usual, SIGPIPE);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &usual);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int code = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    if (code == 0) code = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    if (code == 0) code = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (code == 0) code = posix_spawnp(id, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

sotto_status sotto_process_start(sotto_process **out, const char *const *argv, const void *input, size_t n_input,
                                 sotto_error *err) {
    sotto_process *p = malloc(sizeof *p);
    int            fd[2];
    if (!p) return sotto_fail_memory(err, "a program");
    if (!make_sockets(fd)) {
        free(p);
        return sotto_fail(err, SOTTO_IO, "cannot make a socket to speak with %s: %s", argv[0], strerror(errno));
    }
    *p = (sotto_process){.fd = fd[0], .input = input ? input : "", .n_input = n_input};
    int code = spawn(&p->id, argv, fd[1]);
    (void)close(fd[1]);
    if (code != 0) {
        (void)close(fd[0]);
        free(p);
        return sotto_fail(err, sotto_status_from_errno(code), "cannot start the program %s: %s", argv[0],
                          strerror(code));
    }
    *out = p;
    return SOTTO_OK;
}

/* As much of the input as the program takes now. It may well end without having read all. */
static void write_input(sotto_process *p) {
    while (p->n_input > 0) {
        ssize_t n = send(p->fd, p->input, p->n_input, SEND_FLAGS);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (n < 0) break;
        p->input += n, p->n_input -= (size_t)n;
    }
    (void)shutdown(p->fd, SHUT_WR);
    p->input = NULL;
}

long sotto_process_read(sotto_process *p, void *data, size_t n, int ms) {
    uint64_t end_ns = sotto_time_ns() + (uint64_t)SOTTO_MAX(ms, 0) * 1000000;
    for (;;) {
        if (p->input) write_input(p);
        ssize_t got = recv(p->fd, data, n, 0);
        if (got >= 0) return (long)got;
        if (errno == ECONNRESET) return 0; /* ended without reading all of its input */
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return -1;
        uint64_t now = sotto_time_ns();
        if (now >= end_ns) return -1;
        struct pollfd wait = {.fd = p->fd, .events = (short)(POLLIN | (p->input ? POLLOUT : 0))};
        (void)poll(&wait, 1, (int)((end_ns - now + 999999) / 1000000));
    }
}

int sotto_process_close(sotto_process *p, int ms) {
    int status = -1;
    if (!p) return -1;
    (void)close(p->fd);
    uint64_t end_ns = sotto_time_ns() + (uint64_t)SOTTO_MAX(ms, 0) * 1000000;
    pid_t    ended = 0;
    while ((ended = waitpid(p->id, &status, WNOHANG)) <= 0 && sotto_time_ns() < end_ns)
        sotto_sleep_until_ns(sotto_time_ns() + 1000000);
    if (ended == 0) (void)kill(p->id, SIGKILL);
    while (ended <= 0 && (ended = waitpid(p->id, &status, 0)) < 0 && errno == EINTR) {}
    free(p);
    return ended > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
