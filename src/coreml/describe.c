/* What a language model's package says of itself, and what it will cost: from what the program declares, before it
 * runs. */
#include "coreml/run.h"

#include <stdlib.h>

/* ---- weights ------------------------------------------------------------------------------------------- */

static const char *pair(const sotto_mil_program *p, const char *key) {
    for (int32_t i = 0; i < p->n_pairs; i++)
        if (strcmp(p->pairs[i].key, key) == 0) return p->pairs[i].value;
    return "";
}

/* The matrix that a step multiplies with, or takes rows from; NULL: none. */
static const sotto_matrix *matrix_of(const sotto_program *p, const sotto_mil_step *s) {
    for (int32_t i = 0; i < SOTTO_MIL_PARAMS_MAX; i++) {
        const sotto_matrix *m = s->args[i] >= 0 && s->args[i] < p->f->n_vars ? &p->slots[s->args[i]].matrix : NULL;
        if (m && m->data) return m;
    }
    return NULL;
}

/* A matrix may serve twice, as table and as head; it is there once. */
static void count_weights(const sotto_program *p, sotto_program_info *out) {
    for (int32_t i = 0; i < p->f->n_vars; i++) {
        const sotto_matrix *m = &p->slots[i].matrix;
        out->n_params += (uint64_t)m->rows * (uint64_t)m->cols;
        out->weights_bytes += (uint64_t)m->rows * m->row_bytes;
    }
    for (int32_t i = 0; i < p->n_steps; i++) {
        const sotto_matrix *m = matrix_of(p, &p->steps[i]);
        if (!m) continue;
        bool table = strcmp(p->steps[i].kind->type, "gather") == 0;
        if (table && m->rows == out->n_vocab) out->n_embd = m->cols;
        out->decode_bytes += table ? m->row_bytes : (uint64_t)m->rows * m->row_bytes;
        if (!table && m->rows != out->n_vocab) out->prefill_macs += (uint64_t)m->rows * (uint64_t)m->cols;
    }
}

sotto_status sotto_program_describe(const sotto_program *p, sotto_program_info *out, sotto_error *err) {
    sotto_program_info info = {0};
    SOTTO_TRY(sotto_program_context(p, &info.context, err));
    const sotto_mil_type *logits = &p->f->vars[p->f->outputs.items[0].var].type;
    int64_t               n_vocab = logits->rank == 3 ? logits->dim[2] : 0;
    if (n_vocab < 1 || n_vocab > INT32_MAX)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "the package's logits are not [1, tokens, vocabulary]");
    info.n_vocab = (int32_t)n_vocab;
    info.last_logits = logits->dim[1] == 1;
    info.family = pair(p->program, "sotto.architecture");
    info.name = pair(p->program, "co.huggingface.exporters.name");
    for (int32_t i = 0; i < p->f->states.n; i++) {
        const sotto_mil_type *t = &p->f->states.items[i].type;
        size_t                n = 0, n_bytes;
        (void)sotto_mil_type_measure(t, &n, &n_bytes);
        if (t->rank == 5) info.n_layers = (int32_t)SOTTO_MIN(t->dim[0], INT32_MAX);
        if (t->rank >= 2 && t->dim[t->rank - 2] > 0)
            info.position_bytes += n / (size_t)t->dim[t->rank - 2] * sizeof(float); /* as they are kept */
    }
    count_weights(p, &info);
    if (p->package) info.file_bytes = p->package->model.size + p->package->weights.size;
    *out = info;
    return SOTTO_OK;
}

/* ---- memory of a call ---------------------------------------------------------------------------------- */

/* What a call leaves open: one dimension follows the call's tokens, or else all tokens so far, where it was cut out of
 * a state; of two, one is either. */
typedef struct var_use {
    bool of_state, held;
} var_use;

typedef struct extent {
    uint64_t n, context;
    var_use *vars; /* [n_vars] */
} extent;

static int32_t open_dims(const sotto_mil_type *t) {
    int32_t n = 0;
    for (int32_t i = 0; i < t->rank; i++) n += t->dim[i] < 0;
    return n;
}

static uint64_t var_bytes(const sotto_program *p, const extent *e, int32_t var) {
    const sotto_mil_type *t = &p->f->vars[var].type;
    int32_t               open = open_dims(t);
    double                n = sizeof(float);
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dim[i] >= 0) n *= (double)t->dim[i];
    if (open == 1) n *= (double)(e->vars[var].of_state ? e->context : e->n);
    if (open > 1) n *= (double)e->n * (double)e->context;
    return n < 1e18 ? (uint64_t)n : UINT64_MAX / 4;
}

/* The first operand that leaves something open; -1: none. */
static int32_t open_operand(const sotto_program *p, const sotto_mil_step *s) {
    for (int32_t i = 0; i < s->op->n_args; i++) {
        int32_t var = s->args[i];
        if (i == 0 && strchr(s->kind->params, '*') && var >= 0) var = s->op->args[var].vars[0];
        if (var >= 0 && open_dims(&p->f->vars[var].type) > 0) return var;
    }
    return -1;
}

/* Memory is kept by size: of each size as much as was needed at once. */
typedef struct usage {
    int64_t now[SOTTO_MIL_CLASSES], most[SOTTO_MIL_CLASSES];
} usage;

static void use(usage *u, uint64_t n_bytes, int64_t by) {
    int32_t k = SOTTO_MIN(sotto_mil_size_class(n_bytes), SOTTO_MIL_CLASSES - 1);
    u->now[k] += by;
    u->most[k] = SOTTO_MAX(u->most[k], u->now[k]);
}

static void hold(const sotto_program *p, extent *e, usage *u, int32_t var) {
    e->vars[var].held = true;
    use(u, var_bytes(p, e, var), 1);
}

/* What a step needs beside its output: rows of a product's operand, padded; for each thread a query and its scores. */
static uint64_t side_bytes(const sotto_program *p, const extent *e, const sotto_mil_step *s) {
    const sotto_matrix *m = matrix_of(p, s);
    if (strcmp(s->kind->type, "linear") == 0) return e->n * ((uint64_t)m->cols + 15) / 16 * 16 * sizeof(float);
    if (strcmp(s->kind->type, "scaled_dot_product_attention") != 0) return 0;
    const sotto_mil_type *q = &p->f->vars[s->args[0]].type;
    uint64_t              width = q->rank > 0 && q->dim[q->rank - 1] > 0 ? (uint64_t)q->dim[q->rank - 1] : 0;
    return (uint64_t)sotto_pool_threads(p->pool) * (width + e->context + 32) * sizeof(float);
}

static void walk_step(const sotto_program *p, extent *e, usage *u, int32_t i) {
    const sotto_mil_step *s = &p->steps[i];
    const sotto_mil_op   *op = s->op;
    int32_t               x = open_operand(p, s);
    for (int32_t k = 0; k < op->n_outputs; k++) {
        e->vars[op->outputs[k]].of_state = x < 0 || e->vars[x].of_state;
        if (!s->alias) hold(p, e, u, op->outputs[k]);
    }
    uint64_t side = side_bytes(p, e, s);
    if (side) use(u, side, 1), use(u, side, -1);
    for (int32_t a = 0; a < op->n_args; a++)
        for (int32_t k = 0; k < op->args[a].n; k++) {
            int32_t var = op->args[a].vars[k];
            if (e->vars[var].held && p->slots[var].last_use == i) {
                use(u, var_bytes(p, e, var), -1);
                e->vars[var].held = false;
            }
        }
}

static void walk(const sotto_program *p, extent *e, usage *u) {
    memset(e->vars, 0, (size_t)p->f->n_vars * sizeof *e->vars);
    memset(u->now, 0, sizeof u->now);
    for (int32_t i = 0; i < p->f->inputs.n; i++) hold(p, e, u, p->f->inputs.items[i].var);
    for (int32_t i = 0; i < p->n_steps; i++) walk_step(p, e, u, i);
}

/* A dialogue comes through smaller calls to the largest, and what those took, in other sizes, stays as well. */
uint64_t sotto_program_call_bytes(const sotto_program *p, int32_t n, int32_t context) {
    extent   e = {.vars = calloc((size_t)SOTTO_MAX(p->f->n_vars, 1), sizeof *e.vars)};
    usage    u = {0};
    uint64_t sum = 0;
    if (!e.vars) return 0;
    for (e.context = (uint64_t)context; e.context > 0; e.context /= 2)
        for (e.n = (uint64_t)n; e.n > 0; e.n /= 2) walk(p, &e, &u);
    for (int32_t k = 0; k < SOTTO_MIL_CLASSES; k++)
        sum += (uint64_t)u.most[k] * (((uint64_t)1 << k) + SOTTO_MIL_BLOCK_HEAD);
    free(e.vars);
    return sum;
}
