/* What this machine can do at most, beside which a benchmark's figures mean something: memory read by every
 * thread at once, and multiply-accumulates in registers. Each is warmed up once and then measured for a
 * quarter second. */
#include "runtime/engine.h"

enum { CHUNKS_PER_THREAD = 8 };
#define MEASURE_NS 250000000u
#define READ_CHUNK ((size_t)4 << 20)

/* Larger than any cache, but never more than a quarter of what is free. */
static size_t buffer_bytes(void) {
    size_t   n = (size_t)512 << 20, least = (size_t)64 << 20;
    uint64_t available = sotto_memory_available_bytes();
    while (available && n > least && n > available / 4) n /= 2;
    return n;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

typedef struct read_job {
    uint8_t  *bytes;
    uint64_t *sums; /* one per chunk, so that the reads cannot be left out */
    int       way;
} read_job;

static void fill_chunk(void *arg, int chunk, int worker) {
    const read_job *job = arg;
    (void)worker;
    memset(job->bytes + (size_t)chunk * READ_CHUNK, chunk | 1, READ_CHUNK);
}

static void read_chunk(void *arg, int chunk, int worker) {
    const read_job *job = arg;
    (void)worker;
    job->sums[chunk] = sotto_peak_read(job->bytes + (size_t)chunk * READ_CHUNK, READ_CHUNK, job->way);
}

/* The ways take turns, so that what disturbs one disturbs all; the fastest counts. */
static double read_all_ways(sotto_pool *pool, int n_chunks, read_job *job) {
    uint64_t begin = sotto_time_ns(), now = begin, ns[SOTTO_PEAK_READ_WAYS] = {0}, n_rounds = 0;
    for (; now - begin < MEASURE_NS; n_rounds++)
        for (job->way = 0; job->way < SOTTO_PEAK_READ_WAYS; job->way++) {
            uint64_t start = now;
            sotto_pool_run(pool, n_chunks, read_chunk, job);
            ns[job->way] += (now = sotto_time_ns()) - start;
        }
    uint64_t best = ns[0];
    for (int i = 1; i < SOTTO_PEAK_READ_WAYS; i++) best = SOTTO_MIN(best, ns[i]);
    return (double)n_rounds * (double)n_chunks * (double)READ_CHUNK / (double)SOTTO_MAX(best, (uint64_t)1);
}

static sotto_status measure_read(sotto_pool *pool, double *gbps, sotto_error *err) {
    size_t       n = buffer_bytes();
    int          n_chunks = (int)(n / READ_CHUNK);
    void        *memory;
    sotto_arena  arena = {0};
    read_job     job = {.sums = sotto_arena_array(&arena, (size_t)n_chunks, sizeof *job.sums)};
    sotto_status status =
        job.sums ? sotto_vm_reserve(&memory, n, err) : sotto_fail_memory(err, "the read test");
    if (status == SOTTO_OK) {
        job.bytes = memory;
        sotto_pool_run(pool, n_chunks, fill_chunk, &job); /* takes the pages */
        sotto_pool_run(pool, n_chunks, read_chunk, &job);
        *gbps = read_all_ways(pool, n_chunks, &job);
        sotto_vm_release(memory, n);
    }
    sotto_arena_free(&arena);
    return status;
}

/* ---- multiplying --------------------------------------------------------------------------------------- */

typedef struct peak_job {
    uint64_t (*peak)(uint64_t rounds);
    uint64_t rounds;
} peak_job;

static void peak_chunk(void *arg, int chunk, int worker) {
    const peak_job *job = arg;
    (void)chunk;
    (void)worker;
    (void)job->peak(job->rounds);
}

/* A chunk is made a fraction of a millisecond long: then handing chunks out costs nothing, and a thread that
 * loses its core for a while does not keep the others waiting. */
static double measure_peak(sotto_pool *pool, uint64_t (*peak)(uint64_t rounds)) {
    peak_job job = {peak, 1024};
    uint64_t start, now, n_chunks = (uint64_t)sotto_pool_threads(pool) * CHUNKS_PER_THREAD, n_runs = 0;
    do {
        job.rounds *= 2;
        start = sotto_time_ns();
        (void)peak(job.rounds);
    } while (sotto_time_ns() - start < 500000);
    sotto_pool_run(pool, (int)n_chunks, peak_chunk, &job);
    start = sotto_time_ns();
    do {
        sotto_pool_run(pool, (int)n_chunks, peak_chunk, &job);
        n_runs++;
    } while ((now = sotto_time_ns()) - start < MEASURE_NS);
    uint64_t macs_per_round = peak(1);
    return (double)(n_runs * n_chunks * job.rounds * macs_per_round) / (double)(now - start);
}

static sotto_status measure(sotto_pool *pool, const sotto_kernels *k, sotto_ceiling *out, sotto_error *err) {
    sotto_ceiling c;
    SOTTO_TRY(measure_read(pool, &c.read_gbps, err));
    c.int8_gmacs = measure_peak(pool, k->peak_int8);
    c.float_gmacs = measure_peak(pool, k->peak_f32);
    c.bf16_gmacs = k->peak_bf16 == k->peak_f32 ? c.float_gmacs : measure_peak(pool, k->peak_bf16);
    *out = c;
    return SOTTO_OK;
}

sotto_status sotto_ceiling_measure(sotto_model *model, sotto_ceiling *out, sotto_error *err) {
    return measure(model->pool, &model->kernels, out, err);
}

sotto_status sotto_ceiling_measure_machine(int32_t threads, const char *cpu, sotto_ceiling *out, sotto_error *err) {
    sotto_kernels kernels;
    sotto_pool   *pool;
    SOTTO_TRY(sotto_threads_resolve(&threads, err));
    SOTTO_TRY(sotto_kernels_choose(&kernels, cpu, err));
    SOTTO_TRY(sotto_pool_open(&pool, threads, err));
    sotto_status status = measure(pool, &kernels, out, err);
    sotto_pool_close(pool);
    return status;
}

uint64_t sotto_session_cache_read_bytes(const sotto_session *s, int32_t depth) {
    return s->model->engine->read_bytes(s, depth);
}
