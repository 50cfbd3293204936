/* weight.bin, tensor by tensor: rows are read from the mapped source in pieces, made on all threads and written; pages
 * that are done are given back. Of a whole tensor only the scales are kept, since they lie behind its codes. */
#include "coreml/export.h"

#include <stdlib.h>

enum { PIECE_BYTES = 4 << 20 };

typedef struct stream {
    const sotto_export_plan    *plan;
    const sotto_checkpoint     *checkpoint;
    const sotto_export_options *o;
    sotto_writer               *writer;
    sotto_pool                 *pool;
    sotto_kernels               kernels;
    uint8_t                    *piece;  /* finished rows */
    float                      *floats; /* a row per thread */
    uint16_t                   *scales; /* of a whole tensor */
    int8_t                     *offsets;
    bool                       *bad;    /* by thread: a number that fp16 cannot hold */
} stream;

typedef struct piece_job {
    const stream       *s;
    const sotto_weight *w;
    size_t              row_bytes; /* of the result */
    int32_t             first;
} piece_job;

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* Where the source keeps row r of a target whose heads hold first all first, then all second parts of pairs. */
static int32_t source_row_of(const sotto_weight *w, int32_t r) {
    if (!w->pair_head) return r;
    int32_t in_head = r % w->pair_head, half = w->pair_head / 2;
    return r - in_head + 2 * (in_head % half) + in_head / half;
}

/* False: one is not finite in half precision. Its exponent, all ones, is what overflows into the sign. */
static bool make_halves(const stream *s, const float *from, uint16_t *to, size_t n) {
    uint16_t overflows = 0;
    s->kernels.from_f32(SOTTO_F16, from, to, (int32_t)n);
    for (size_t i = 0; i < n; i++) overflows |= (uint16_t)((to[i] & 0x7c00) + 0x0400);
    return (overflows & 0x8000) == 0;
}

/* Two codes in a byte, the first in its low half. By way of pairs, which compilers turn into vectors. */
static void pack_nibbles(const int8_t *codes, uint8_t *to) {
    uint16_t pairs[SOTTO_CODE_BLOCK / 2];
    uint8_t  packed[SOTTO_CODE_BLOCK / 2];
    memcpy(pairs, codes, sizeof pairs);
    for (int i = 0; i < SOTTO_CODE_BLOCK / 2; i++) packed[i] = (uint8_t)((pairs[i] & 15) | (pairs[i] >> 4 & 0xf0));
    memcpy(to, packed, sizeof packed);
}

static bool make_codes(const stream *s, const sotto_weight *w, int32_t r, const uint8_t *from, float *row,
                       uint8_t *to) {
    size_t n_blocks = (size_t)w->matrix->cols / SOTTO_CODE_BLOCK, first = (size_t)r * n_blocks;
    bool   fine = true, exact4 = s->o->bits == 4 && w->matrix->dtype == SOTTO_Q4_0;
    bool   exact8 = s->o->bits == 8 && w->matrix->dtype == SOTTO_Q8_0;
    int8_t codes[SOTTO_CODE_BLOCK];
    if (!exact4 && !exact8) s->kernels.to_f32(w->matrix->dtype, from, row, w->matrix->cols);
    for (size_t b = 0; b < n_blocks; b++) {
        uint16_t *scale = &s->scales[first + b];
        if (exact4) {
            sotto_block_q4_0 block;
            memcpy(&block, from + b * sizeof block, sizeof block);
            fine &= sotto_block_from_q4_0(&block, w->offset.rank != 0, codes, scale, &s->offsets[first + b]);
        } else if (exact8) {
            sotto_block_q8_0 block;
            memcpy(&block, from + b * sizeof block, sizeof block);
            memcpy(codes, block.qs, sizeof codes);
            *scale = block.d;
            fine &= (block.d & 0x7c00) != 0x7c00;
        } else {
            const float *importance = w->importance ? w->importance + b * SOTTO_CODE_BLOCK : NULL;
            fine &= sotto_block_quantize(&s->kernels, row + b * SOTTO_CODE_BLOCK, importance, s->o->bits,
                                         !s->o->round_to_nearest, codes, scale);
        }
        if (s->o->bits == 8)
            memcpy(to + b * sizeof codes, codes, sizeof codes);
        else
            pack_nibbles(codes, to + b * SOTTO_CODE_BLOCK / 2);
    }
    return fine;
}

static size_t row_floats(const sotto_weight *w) { return ((size_t)w->matrix->cols + 15) & ~(size_t)15; }

static void make_row(void *arg, int chunk, int worker) {
    const piece_job    *j = arg;
    const stream       *s = j->s;
    const sotto_matrix *m = j->w->matrix;
    int32_t             r = j->first + chunk;
    const uint8_t      *from = m->data + (size_t)source_row_of(j->w, r) * m->row_bytes;
    uint8_t            *to = s->piece + (size_t)chunk * j->row_bytes;
    float              *row = s->floats + (size_t)worker * row_floats(j->w);
    bool                fine;
    if (j->w->form == SOTTO_WEIGHT_CODES) {
        fine = make_codes(s, j->w, r, from, row, to);
    } else {
        s->kernels.to_f32(m->dtype, from, row, m->cols);
        fine = make_halves(s, row, (uint16_t *)(void *)to, (size_t)m->cols);
    }
    s->bad[worker] |= !fine;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static void advise_done(const stream *s, const uint8_t *from, size_t n_bytes) {
    for (size_t i = 0; i < s->checkpoint->n_files; i++) {
        const sotto_file *f = &s->checkpoint->files[i];
        if (f->data && from >= f->data && from < f->data + f->size)
            sotto_file_advise_done(f, (size_t)(from - f->data), n_bytes);
    }
}

static sotto_status step(const stream *s, sotto_error *err) {
    if (s->o->progress && !s->o->progress(s->o->progress_user, sotto_writer_offset(s->writer), s->plan->layout.end))
        return sotto_fail(err, SOTTO_CANCELLED, "cancelled: nothing was written");
    return SOTTO_OK;
}

static sotto_status bad_number(const sotto_weight *w, sotto_error *err) {
    return sotto_fail(err, SOTTO_FORMAT, "%s: has a number that is not finite or does not fit into fp16: the model is "
                      "damaged, or cannot be computed in fp16", w->name);
}

static sotto_status write_rows(stream *s, const sotto_weight *w, sotto_error *err) {
    const sotto_matrix *m = w->matrix;
    piece_job           j = {.s = s, .w = w};
    size_t              n_elements, n_bytes;
    int32_t             rows;
    if (!sotto_mil_type_measure(&w->type, &n_elements, &n_bytes)) return sotto_fail_memory(err, w->name);
    j.row_bytes = n_bytes / (size_t)m->rows;
    rows = (int32_t)SOTTO_MAX((size_t)PIECE_BYTES / SOTTO_MAX(j.row_bytes, m->row_bytes), (size_t)1);
    SOTTO_TRY(sotto_blob_write_record(s->writer, &w->type, err));
    for (int32_t r = 0; r < m->rows; r += rows) {
        int32_t n = SOTTO_MIN(rows, m->rows - r);
        SOTTO_TRY(step(s, err));
        j.first = r;
        sotto_pool_run(s->pool, n, make_row, &j);
        for (int i = 0; i < sotto_pool_threads(s->pool); i++)
            if (s->bad[i]) return bad_number(w, err);
        SOTTO_TRY(sotto_writer_write(s->writer, s->piece, (size_t)n * j.row_bytes, err));
        /* Heads that are read in another order than they lie are done when the tensor is. */
        if (!w->pair_head) advise_done(s, m->data + (size_t)r * m->row_bytes, (size_t)n * m->row_bytes);
    }
    advise_done(s, m->data, (size_t)m->rows * m->row_bytes);
    return SOTTO_OK;
}

static sotto_status write_scales(stream *s, const sotto_weight *w, sotto_error *err) {
    size_t n_blocks, n_bytes;
    if (!sotto_mil_type_measure(&w->scale, &n_blocks, &n_bytes)) return sotto_fail_memory(err, w->name);
    SOTTO_TRY(sotto_blob_write_record(s->writer, &w->scale, err));
    SOTTO_TRY(sotto_writer_write(s->writer, s->scales, n_bytes, err));
    if (!w->offset.rank) return SOTTO_OK;
    uint8_t *packed = (uint8_t *)s->offsets; /* over what was read already */
    for (size_t i = 0; i < n_blocks; i += 2)
        packed[i / 2] = (uint8_t)((s->offsets[i] & 15) | (i + 1 < n_blocks ? (s->offsets[i + 1] & 15) << 4 : 0));
    SOTTO_TRY(sotto_blob_write_record(s->writer, &w->offset, err));
    return sotto_writer_write(s->writer, packed, (n_blocks + 1) / 2, err);
}

static sotto_status write_vector(stream *s, const sotto_weight *w, sotto_error *err) {
    size_t n, n_bytes, step_n = PIECE_BYTES / sizeof(uint16_t);
    if (!sotto_mil_type_measure(&w->type, &n, &n_bytes)) return sotto_fail_memory(err, w->name);
    SOTTO_TRY(sotto_blob_write_record(s->writer, &w->type, err));
    for (size_t i = 0; i < n; i += step_n) {
        size_t count = SOTTO_MIN(step_n, n - i);
        if (!make_halves(s, w->values + i, (uint16_t *)(void *)s->piece, count)) return bad_number(w, err);
        SOTTO_TRY(sotto_writer_write(s->writer, s->piece, count * sizeof(uint16_t), err));
    }
    return SOTTO_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static sotto_status make_room(stream *s, sotto_error *err) {
    size_t piece = PIECE_BYTES, floats = 16, blocks = 1, n, n_bytes;
    for (size_t i = 0; i < s->plan->n; i++) {
        const sotto_weight *w = &s->plan->items[i];
        if (w->form == SOTTO_WEIGHT_VECTOR) continue;
        floats = SOTTO_MAX(floats, row_floats(w));
        piece = SOTTO_MAX(piece, (size_t)w->matrix->cols * sizeof(uint16_t));
        if (w->form == SOTTO_WEIGHT_CODES && sotto_mil_type_measure(&w->scale, &n, &n_bytes))
            blocks = SOTTO_MAX(blocks, n);
    }
    size_t threads = (size_t)sotto_pool_threads(s->pool);
    s->piece = sotto_aligned_alloc(piece);
    s->floats = sotto_aligned_alloc(floats * threads * sizeof *s->floats);
    s->scales = calloc(blocks, sizeof *s->scales);
    s->offsets = calloc(blocks, sizeof *s->offsets);
    s->bad = calloc(threads, sizeof *s->bad);
    return s->piece && s->floats && s->scales && s->offsets && s->bad ? SOTTO_OK
                                                                       : sotto_fail_memory(err, "the export's buffers");
}

static sotto_status write_all(stream *s, sotto_error *err) {
    SOTTO_TRY(make_room(s, err));
    SOTTO_TRY(sotto_blob_write_header(s->writer, &s->plan->layout, err));
    for (size_t i = 0; i < s->plan->n; i++) {
        const sotto_weight *w = &s->plan->items[i];
        SOTTO_TRY(w->form == SOTTO_WEIGHT_VECTOR ? write_vector(s, w, err) : write_rows(s, w, err));
        if (w->form == SOTTO_WEIGHT_CODES) SOTTO_TRY(write_scales(s, w, err));
    }
    if (sotto_writer_offset(s->writer) != s->plan->layout.end)
        return sotto_fail(err, SOTTO_IO, "weight.bin: %llu bytes were written and %llu planned",
                          (unsigned long long)sotto_writer_offset(s->writer), (unsigned long long)s->plan->layout.end);
    return step(s, err);
}

sotto_status sotto_export_weights(const sotto_export_plan *plan, const sotto_checkpoint *c,
                                  const sotto_export_options *o, const char *path, sotto_error *err) {
    stream s = {.plan = plan, .checkpoint = c, .o = o};
    sotto_kernels_init(&s.kernels, sotto_cpu_flags());
    SOTTO_TRY(sotto_pool_open(&s.pool, sotto_cpu_physical_cores(), err));
    sotto_status status = sotto_writer_open(&s.writer, path, err);
    if (status == SOTTO_OK) status = write_all(&s, err);
    if (status == SOTTO_OK)
        status = sotto_writer_commit(s.writer, err);
    else
        sotto_writer_close(s.writer);
    sotto_pool_close(s.pool);
    sotto_aligned_free(s.piece);
    sotto_aligned_free(s.floats);
    free(s.scales);
    free(s.offsets);
    free(s.bad);
    return status;
}
