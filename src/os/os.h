/* os: what the program needs of the system. One contract, one file per facility; the only place (with
 * kernels/ and audio/) that may test for a system or a CPU in the preprocessor.
 *
 * Unless said otherwise functions may be called from any thread. Paths are UTF-8. */
#ifndef SOTTO_OS_H
#define SOTTO_OS_H

#include "base/base.h"

/* ---- files ---------------------------------------------------------------------------------------------- */

/* A whole file, read-only: mapped, or read into memory when `map` is false or the file cannot be mapped. */
typedef struct sotto_file {
    const uint8_t *data; /* page aligned when mapped, 64-byte aligned when read; NULL when size is 0 */
    size_t         size;
    bool           mapped;
} sotto_file;

sotto_status sotto_file_open(sotto_file *out, const char *path, bool map, sotto_error *err);
void         sotto_file_close(sotto_file *f);
/* Tell the system how pages are going to be read: soon and in order, or one here and one there. */
void         sotto_file_advise_sequential(const sotto_file *f, size_t offset, size_t n_bytes);
void         sotto_file_advise_random(const sotto_file *f, size_t offset, size_t n_bytes);
/* Pages in this range are not needed again soon (a converter that streams through a large mapping). */
void         sotto_file_advise_done(const sotto_file *f, size_t offset, size_t n_bytes);
/* Take a file out of the memory in which the system keeps what was read of it, as far as nobody has it mapped; *left
 * bytes are still there afterwards. UNSUPPORTED: the system has no way to. */
sotto_status sotto_file_uncache(const char *path, uint64_t *left, sotto_error *err);

typedef enum sotto_path_kind { SOTTO_PATH_NONE, SOTTO_PATH_FILE, SOTTO_PATH_FOLDER, SOTTO_PATH_OTHER } sotto_path_kind;
sotto_path_kind sotto_path_kind_of(const char *path);
/* "folder/name" in a buffer of its own; free() it. NULL: out of memory. */
char *sotto_path_join(const char *folder, const char *name);
/* The folder that holds `path`: "." and "/" where that is so. free() it. NULL: out of memory. */
char *sotto_path_parent(const char *path);
/* Make a folder and its parents (mode 0700). */
sotto_status sotto_path_make_folder(const char *path, sotto_error *err);
/* The user's folders by the XDG base directory rules (~/Library/... on macOS), "/sotto" included, not created.
 * free() the result. NULL: out of memory or no home. */
typedef enum sotto_user_folder {
    SOTTO_FOLDER_CONFIG,
    SOTTO_FOLDER_DATA,
    SOTTO_FOLDER_STATE,
    SOTTO_FOLDER_CACHE
} sotto_user_folder;
char *sotto_path_user_folder(sotto_user_folder which);
/* The file that this process runs; free() the result. NULL: out of memory or not known. */
char *sotto_path_program(void);
/* A file that comes with sotto: in share/sotto where this program is installed, in `folder` of the tree that it was
 * built in. free() the result. NULL: it is not there. */
char *sotto_path_shipped(const char *folder, const char *name);
/* An empty file that only this user may read (mode 0600), where there is none. */
sotto_status sotto_path_make_file(const char *path, sotto_error *err);

/* Write a file so that it is whole or not there: a temporary file in the same folder, then fsync, rename and
 * fsync of the folder. Closing without commit removes the temporary file; after a kill -9 only a file named
 * ".NAME.XXXXXX.part" can be left behind. One thread at a time. */
typedef struct sotto_writer sotto_writer;
sotto_status sotto_writer_open(sotto_writer **out, const char *path, sotto_error *err);
sotto_status sotto_writer_write(sotto_writer *w, const void *data, size_t n_bytes, sotto_error *err);
/* Overwrite bytes written before (a header whose sizes are known last). */
sotto_status sotto_writer_rewrite(sotto_writer *w, uint64_t offset, const void *data, size_t n_bytes, sotto_error *err);
uint64_t     sotto_writer_offset(const sotto_writer *w);
sotto_status sotto_writer_commit(sotto_writer *w, sotto_error *err); /* closes w in every case */
void         sotto_writer_close(sotto_writer *w);                    /* without commit: discards; NULL allowed */

/* The same for a folder: it comes into being under a name of its own beside the destination, and is moved there when
 * it is complete; a folder that was there before is moved away first and then removed. */
typedef struct sotto_folder_writer sotto_folder_writer;
sotto_status sotto_folder_writer_open(sotto_folder_writer **out, const char *path, sotto_error *err);
/* Where to write the file "a/b/name" of it; "a/b" is made. free() it. NULL: `err` says why. */
char        *sotto_folder_writer_file(sotto_folder_writer *w, const char *name, sotto_error *err);
sotto_status sotto_folder_writer_commit(sotto_folder_writer *w, sotto_error *err); /* closes w in every case */
void         sotto_folder_writer_close(sotto_folder_writer *w); /* without commit: discards; NULL allowed */

/* ---- memory --------------------------------------------------------------------------------------------- */

/* Address space for `n_bytes` that reads as zero and takes physical memory only page by page as it is written.
 * This is how the KV cache grows without ever moving. */
sotto_status sotto_vm_reserve(void **out, size_t n_bytes, sotto_error *err);
/* Give the physical pages wholly inside the range back; they read as zero again. */
void         sotto_vm_discard(void *p, size_t n_bytes);
void         sotto_vm_release(void *p, size_t n_bytes);

uint64_t sotto_memory_total_bytes(void);     /* 0: unknown */
uint64_t sotto_memory_available_bytes(void); /* what could be used without swapping; 0: unknown */
uint64_t sotto_memory_peak_rss_bytes(void);

/* ---- time ----------------------------------------------------------------------------------------------- */

uint64_t sotto_time_ns(void); /* monotonic */
int64_t  sotto_time_unix(void);
uint64_t sotto_random_seed(void); /* from the system's entropy, for a sampler without a seed */

/* What the clock on the wall and the calendar beside it show, in the time zone of this machine (TZ). */
typedef struct sotto_wall {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
    int weekday; /* 0: Sunday */
} sotto_wall;
bool sotto_wall_from_unix(sotto_wall *out, int64_t unix_seconds); /* false: out of the years 1..9999 */
/* The other way; weekday is ignored, day may be out of its month (day 32: the next one's first). A time that a change
 * of the clocks leaves out is read as if it had not been made; of one that comes twice, the first is meant. */
bool    sotto_wall_to_unix(const sotto_wall *wall, int64_t *unix_seconds);
int64_t sotto_wall_as_utc(const sotto_wall *wall); /* as if the wall were in UTC: by 86400 a count of days */

/* ---- cpu ------------------------------------------------------------------------------------------------ */

/* Features that the processor has and the system saves. A bit per instruction set that a kernel file needs. */
enum {
    SOTTO_CPU_AVX2        = 1 << 0, /* with FMA and F16C */
    SOTTO_CPU_AVX512      = 1 << 1, /* F, BW, DQ, VL */
    SOTTO_CPU_AVX512_VNNI = 1 << 2,
    SOTTO_CPU_AVX512_VBMI = 1 << 3,
    SOTTO_CPU_AVX512_BF16 = 1 << 4,
    SOTTO_CPU_AVX_VNNI    = 1 << 5,
    SOTTO_CPU_NEON        = 1 << 8,
    SOTTO_CPU_DOTPROD     = 1 << 9,
    SOTTO_CPU_I8MM        = 1 << 10,
    SOTTO_CPU_FP16        = 1 << 11, /* arithmetic */
    SOTTO_CPU_BF16        = 1 << 12,
};
uint32_t    sotto_cpu_flags(void);
const char *sotto_cpu_name(void);           /* marketing name, or the architecture's */
int         sotto_cpu_physical_cores(void); /* that this process may use; at least 1 */
/* Names of the flags set, separated by spaces, cut to n. */
void        sotto_cpu_flags_text(uint32_t flags, char *out, size_t n);

/* ---- threads -------------------------------------------------------------------------------------------- */

/* A persistent pool. `run` calls fn(arg, chunk, worker) for every chunk in [0, n_chunks), handing the chunks
 * out one by one (so a stolen core only costs the chunk that it holds), and returns when all are done; the
 * caller is worker 0. Idle workers spin for at most a few tens of microseconds, then sleep. One `run` at a
 * time per pool. */
typedef struct sotto_pool sotto_pool;
typedef void (*sotto_pool_fn)(void *arg, int chunk, int worker);

sotto_status sotto_pool_open(sotto_pool **out, int n_threads, sotto_error *err);
void         sotto_pool_run(sotto_pool *pool, int n_chunks, sotto_pool_fn fn, void *arg);
int          sotto_pool_threads(const sotto_pool *pool);
void         sotto_pool_close(sotto_pool *pool);

/* A thread of its own work, and what threads wait for. A mutex and a condition are initialised by their functions and
 * lie where their owner puts them; they are never moved. */
typedef struct sotto_thread sotto_thread;
sotto_status sotto_thread_start(sotto_thread **out, void (*fn)(void *arg), void *arg, sotto_error *err);
void         sotto_thread_join(sotto_thread *t); /* waits for its end and frees it; NULL allowed */

typedef struct sotto_mutex {
    _Alignas(16) unsigned char state[64];
} sotto_mutex;
typedef struct sotto_condition {
    _Alignas(16) unsigned char state[64];
} sotto_condition;
void sotto_mutex_init(sotto_mutex *m);
void sotto_mutex_lock(sotto_mutex *m);
void sotto_mutex_unlock(sotto_mutex *m);
void sotto_mutex_destroy(sotto_mutex *m);
void sotto_condition_init(sotto_condition *c);
void sotto_condition_wait(sotto_condition *c, sotto_mutex *m);
/* false: `ns` nanoseconds have passed. A wake-up without cause may come, as from the other. */
bool sotto_condition_wait_for(sotto_condition *c, sotto_mutex *m, uint64_t ns);
void sotto_condition_signal(sotto_condition *c); /* wakes all who wait */
void sotto_condition_destroy(sotto_condition *c);
void sotto_sleep_until_ns(uint64_t time_ns); /* of sotto_time_ns */

/* Calls fn unless a call with this *done, in any thread, has done so before. */
void sotto_once(bool *done, void (*fn)(void));

/* ---- other programs ------------------------------------------------------------------------------------- */

/* A program, argv[0] looked up in PATH, argv ending with NULL; never through a shell. `input` (not copied: it must stay
 * until the program is closed) is its standard input, and is written while its output is read. NOT_FOUND: there is no
 * such program. One thread at a time. */
typedef struct sotto_process sotto_process;
sotto_status sotto_process_start(sotto_process **out, const char *const *argv, const void *input, size_t n_input,
                                 sotto_error *err);
/* What it has written to its standard output, waiting for it at most so many milliseconds. The number of bytes; 0: the
 * end; -1: nothing has come. */
long sotto_process_read(sotto_process *p, void *data, size_t n, int ms);
/* Waits at most so many milliseconds for it to end by itself, then ends it. Its exit status; -1: it was ended, by
 * this or by a signal. NULL allowed. */
int sotto_process_close(sotto_process *p, int ms);

/* ---- terminal and signals (programs only) --------------------------------------------------------------- */

bool sotto_terminal_is(int fd);
int  sotto_terminal_columns(void); /* 80 when unknown */
/* Read what has come, waiting for it at most so many milliseconds (-1: for ever). The number of bytes; 0: the end;
 * -1: there is nothing yet, or a signal came. */
long sotto_terminal_read(int fd, void *data, size_t n, int ms);
/* On: keys come one by one, at once and without being shown, from the terminal of standard input. Off, and when the
 * program ends: as it was before. */
void sotto_terminal_keys(bool on);
/* Count Ctrl-C instead of dying of it: each SIGINT increments a counter that this returns; `reset` sets it to 0.
 * A second SIGINT within the count of 1 still not handled leaves the process with exit code 130. */
void sotto_signals_catch_interrupt(void);
int  sotto_signals_interrupts(void);
void sotto_signals_reset(void);
/* A mapped file that shrinks under us raises SIGBUS: print `message` to stderr and exit with code 1. */
void sotto_signals_catch_bus_error(const char *message);

#endif
