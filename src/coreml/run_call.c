/* A call of a program: inputs checked and taken in, the steps one after the other, outputs lent. The memory of a
 * variable goes back after its last use and serves others; what was once taken is kept for the next call, so that a
 * dialogue settles at what its largest call needed. */
#include "coreml/run.h"

#include <stdlib.h>

/* ---- memory -------------------------------------------------------------------------------------------- */

static void *take(sotto_mil_run *r, size_t n) {
    size_t n_bytes;
    if (!sotto_size_mul(n, sizeof(float), &n_bytes)) n_bytes = SIZE_MAX;
    int32_t          k = sotto_mil_size_class(n_bytes);
    size_t           size = ((size_t)1 << k) + SOTTO_MIL_BLOCK_HEAD;
    sotto_mil_block *b = k < SOTTO_MIL_CLASSES ? r->st->free_blocks[k] : NULL;
    if (b) {
        r->st->free_blocks[k] = b->next;
    } else {
        uint64_t limit = r->p->options.memory_limit;
        if (k >= SOTTO_MIL_CLASSES || size > limit - SOTTO_MIN(limit, (uint64_t)r->st->taken)) {
            (void)sotto_fail(r->err, SOTTO_LIMIT, "the call needs more than the %llu MiB that were allowed",
                             (unsigned long long)(limit >> 20));
            return NULL;
        }
        if (!(b = sotto_aligned_alloc(size))) {
            (void)sotto_fail_memory(r->err, "a tensor");
            return NULL;
        }
        r->st->taken += size;
        *b = (sotto_mil_block){.n_bytes = size, .size_class = k};
    }
    return (uint8_t *)b + SOTTO_MIL_BLOCK_HEAD;
}

static void give_back(sotto_program_state *st, sotto_mil_tensor *t) {
    if (t->owned) {
        sotto_mil_block *b = (sotto_mil_block *)(void *)((uint8_t *)t->f - SOTTO_MIL_BLOCK_HEAD);
        b->next = st->free_blocks[b->size_class];
        st->free_blocks[b->size_class] = b;
    }
    t->owned = false;
    t->f = NULL;
}

static sotto_status hold(sotto_mil_run *r, sotto_mil_tensor *t) {
    const sotto_mil_type type = {.dtype = SOTTO_MIL_F32, .rank = t->rank,
                                 .dim = {t->dim[0], t->dim[1], t->dim[2], t->dim[3], t->dim[4], t->dim[5], t->dim[6],
                                         t->dim[7]}};
    size_t               n_bytes;
    if (!sotto_mil_type_measure(&type, &t->n, &n_bytes))
        return sotto_fail(r->err, SOTTO_LIMIT, "a tensor is too large");
    t->f = take(r, t->n);
    t->owned = t->f != NULL;
    return t->owned ? SOTTO_OK : r->err ? r->err->status : SOTTO_LIMIT;
}

/* ---- for operations ------------------------------------------------------------------------------------ */

sotto_status sotto_mil_refuse(const sotto_mil_run *r, const sotto_mil_step *s, const char *why) {
    return sotto_fail(r->err, SOTTO_INVALID, "%.80s (%.60s): %s", s->op->name, s->op->type, why);
}

const sotto_mil_tensor *sotto_mil_in_tensor(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param) {
    return s->args[param] < 0 ? NULL : &r->st->values[s->args[param]];
}

const char *sotto_mil_in_text(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param) {
    return r->p->f->vars[s->args[param]].value->data;
}

int32_t sotto_mil_in_ints(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param, int64_t *out) {
    const sotto_mil_tensor *t = sotto_mil_in_tensor(r, s, param);
    if (!t) return 0;
    if (sotto_mil_is_float(t->dtype) || t->rank > 1 || t->n > SOTTO_MIL_RANK_MAX) return -1;
    for (size_t i = 0; i < t->n; i++) out[i] = t->i[i];
    return (int32_t)t->n;
}

bool sotto_mil_in_int(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param, int64_t otherwise, int64_t *out) {
    int64_t list[SOTTO_MIL_RANK_MAX];
    *out = otherwise;
    if (s->args[param] < 0) return true;
    if (sotto_mil_in_ints(r, s, param, list) != 1) return false;
    *out = list[0];
    return true;
}

bool sotto_mil_in_axis(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param, int64_t otherwise, int32_t rank,
                       int32_t *out) {
    int64_t axis;
    if (!sotto_mil_in_int(r, s, param, otherwise, &axis)) return false;
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return false;
    *out = (int32_t)axis;
    return true;
}

sotto_status sotto_mil_output(sotto_mil_run *r, const sotto_mil_step *s, int32_t k, const sotto_mil_tensor *like,
                              sotto_mil_tensor **out) {
    const sotto_mil_type *declared = &r->p->f->vars[s->op->outputs[k]].type;
    sotto_mil_tensor      t = {.dtype = like->dtype, .rank = like->rank};
    bool                  same = like->dtype == declared->dtype && like->rank == declared->rank;
    memcpy(t.dim, like->dim, sizeof t.dim);
    for (int32_t i = 0; same && i < t.rank; i++) same = declared->dim[i] < 0 || declared->dim[i] == t.dim[i];
    if (!same) {
        char           got[96], want[96];
        sotto_mil_type type = {.dtype = t.dtype, .rank = t.rank};
        memcpy(type.dim, t.dim, sizeof type.dim);
        sotto_mil_type_text(&type, got, sizeof got);
        sotto_mil_type_text(declared, want, sizeof want);
        return sotto_fail(r->err, SOTTO_INVALID, "%.80s (%.60s): it declares %s, but its inputs give %s", s->op->name,
                          s->op->type, want, got);
    }
    *out = &r->st->values[s->op->outputs[k]];
    give_back(r->st, *out);
    SOTTO_TRY(hold(r, &t));
    **out = t;
    return SOTTO_OK;
}

float *sotto_mil_scratch(sotto_mil_run *r, size_t n) {
    r->st->scratch.f = take(r, n);
    r->st->scratch.owned = r->st->scratch.f != NULL;
    return r->st->scratch.f;
}

void sotto_mil_round(const sotto_program *p, sotto_mil_tensor *t) {
    uint16_t half[256];
    for (size_t i = 0; t->dtype == SOTTO_MIL_F16 && i < t->n; i += SOTTO_COUNT(half)) {
        int32_t n = (int32_t)SOTTO_MIN(SOTTO_COUNT(half), t->n - i);
        p->kernels.from_f32(SOTTO_F16, t->f + i, half, n);
        p->kernels.to_f32(SOTTO_F16, half, t->f + i, n);
    }
}

/* ---- states -------------------------------------------------------------------------------------------- */

sotto_status sotto_program_state_open(sotto_program_state **out, sotto_program *p, sotto_error *err) {
    *out = NULL;
    if (p->options.look_only)
        return sotto_fail(err, SOTTO_INVALID, "the program was opened to be looked at: open it anew to run it");
    sotto_program_state *st = calloc(1, sizeof *st);
    if (!st) return sotto_fail_memory(err, "a state");
    sotto_status status = SOTTO_OK;
    uint64_t     left = p->options.memory_limit;
    st->program = p;
    st->values = calloc((size_t)SOTTO_MAX(p->f->n_vars, 1), sizeof *st->values);
    st->states = calloc((size_t)SOTTO_MAX(p->f->states.n, 1), sizeof *st->states);
    if (!st->values || !st->states) status = sotto_fail_memory(err, "a state");
    for (int32_t i = 0; status == SOTTO_OK && i < p->f->states.n; i++) {
        sotto_mil_type type = p->f->states.items[i].type;
        size_t         n, n_bytes;
        type.dtype = SOTTO_MIL_F32;
        if (!sotto_mil_type_measure(&type, &n, &n_bytes) || n_bytes > left)
            status = sotto_fail(err, SOTTO_LIMIT, "%.80s: the state is too large", p->f->states.items[i].name);
        else
            left -= n_bytes, status = sotto_vm_reserve((void **)&st->states[i], SOTTO_MAX(n_bytes, (size_t)1), err);
    }
    for (int32_t i = 0; status == SOTTO_OK && i < p->f->n_vars; i++) st->values[i] = p->slots[i].tensor;
    if (status == SOTTO_OK)
        *out = st;
    else
        sotto_program_state_close(st);
    return status;
}

static size_t state_bytes(const sotto_program *p, int32_t i) {
    sotto_mil_type type = p->f->states.items[i].type;
    size_t         n, n_bytes;
    type.dtype = SOTTO_MIL_F32;
    return sotto_mil_type_measure(&type, &n, &n_bytes) ? SOTTO_MAX(n_bytes, (size_t)1) : 0;
}

void sotto_program_state_clear(sotto_program_state *st) {
    for (int32_t i = 0; i < st->program->f->states.n; i++) memset(st->states[i], 0, state_bytes(st->program, i));
}

void sotto_program_state_close(sotto_program_state *st) {
    if (!st) return;
    for (int32_t i = 0; st->values && i < st->program->f->n_vars; i++) give_back(st, &st->values[i]);
    for (int32_t k = 0; k < SOTTO_MIL_CLASSES; k++)
        while (st->free_blocks[k]) {
            sotto_mil_block *b = st->free_blocks[k];
            st->free_blocks[k] = b->next;
            sotto_aligned_free(b);
        }
    for (int32_t i = 0; st->states && i < st->program->f->states.n; i++)
        if (st->states[i]) sotto_vm_release(st->states[i], state_bytes(st->program, i));
    free(st->values);
    free(st->states);
    free(st->mask);
    free(st);
}

/* ---- calls --------------------------------------------------------------------------------------------- */

static sotto_status take_input(sotto_mil_run *r, const sotto_mil_feature *f, const sotto_program_feature *what,
                               const sotto_array *from) {
    const sotto_mil_type *type = &r->p->f->vars[f->var].type;
    sotto_mil_tensor      t = {.dtype = f->type.dtype, .rank = from->rank};
    if (from->element != what->element || from->rank != f->type.rank || !from->data)
        return sotto_fail(r->err, SOTTO_INVALID, "input %.80s: %s numbers of rank %d are needed", f->name, what->type,
                          (int)f->type.rank);
    for (int32_t i = 0; i < t.rank; i++) {
        t.dim[i] = from->shape[i];
        if (t.dim[i] < f->lower[i] || (f->upper[i] >= 0 && t.dim[i] > f->upper[i]) || t.dim[i] < 0 ||
            (type->dim[i] >= 0 && type->dim[i] != t.dim[i]))
            return sotto_fail(r->err, SOTTO_INVALID, "input %.80s: axis %d has %lld elements; %lld to %lld are allowed",
                              f->name, (int)i, (long long)t.dim[i], (long long)f->lower[i], (long long)f->upper[i]);
    }
    SOTTO_TRY(hold(r, &t));
    if (t.n) memcpy(t.f, from->data, t.n * sizeof *t.f);
    sotto_mil_round(r->p, &t);
    r->st->values[f->var] = t;
    return SOTTO_OK;
}

static sotto_status take_inputs(sotto_mil_run *r, const sotto_array *inputs, size_t n) {
    const sotto_mil_features *list = &r->p->f->inputs;
    if (n != (size_t)list->n)
        return sotto_fail(r->err, SOTTO_INVALID, "%zu inputs were given; the program has %d", n, (int)list->n);
    for (int32_t i = 0; i < list->n; i++) {
        size_t k = 0;
        while (k < n && !(inputs[k].name && strcmp(inputs[k].name, list->items[i].name) == 0)) k++;
        if (k == n) return sotto_fail(r->err, SOTTO_INVALID, "input %.80s was not given", list->items[i].name);
        SOTTO_TRY(take_input(r, &list->items[i], &r->p->features[0][i], &inputs[k]));
    }
    return SOTTO_OK;
}

static void release_after(sotto_mil_run *r, int32_t i) {
    const sotto_mil_op *op = r->p->steps[i].op;
    for (int32_t a = 0; a < op->n_args; a++)
        for (int32_t k = 0; k < op->args[a].n; k++)
            if (r->p->slots[op->args[a].vars[k]].last_use == i) {
                sotto_mil_tensor *t = &r->st->values[op->args[a].vars[k]];
                if (t->owned) give_back(r->st, t);
            }
    for (int32_t k = 0; k < op->n_outputs; k++)
        if (r->p->slots[op->outputs[k]].last_use < 0) give_back(r->st, &r->st->values[op->outputs[k]]);
    give_back(r->st, &r->st->scratch);
}

static sotto_status run_steps(sotto_mil_run *r) {
    for (int32_t i = 0; i < r->p->n_steps; i++) {
        const sotto_mil_step *s = &r->p->steps[i];
        sotto_status          status = s->kind->run(r, s);
        for (int32_t k = 0; status == SOTTO_OK && k < s->op->n_outputs; k++)
            if (r->st->values[s->op->outputs[k]].owned) sotto_mil_round(r->p, &r->st->values[s->op->outputs[k]]);
        if (status != SOTTO_OK) {
            give_back(r->st, &r->st->scratch);
            return status;
        }
        release_after(r, i);
    }
    return SOTTO_OK;
}

sotto_status sotto_program_predict(sotto_program *p, sotto_program_state *st, const sotto_array *inputs,
                                   size_t n_inputs, sotto_array *outputs, size_t n_outputs, sotto_error *err) {
    sotto_error   own;
    sotto_mil_run r = {.p = p, .st = st, .err = err ? err : &own};
    if (st->program != p) return sotto_fail(err, SOTTO_MISMATCH, "the state is another program's");
    if (n_outputs != (size_t)p->f->outputs.n)
        return sotto_fail(err, SOTTO_INVALID, "%zu outputs are asked for; the program has %d", n_outputs,
                          (int)p->f->outputs.n);
    for (int32_t i = 0; i < p->f->n_vars; i++)
        if (st->values[i].owned) give_back(st, &st->values[i]);
    SOTTO_TRY(take_inputs(&r, inputs, n_inputs));
    SOTTO_TRY(run_steps(&r));
    for (int32_t i = 0; i < p->f->outputs.n; i++) {
        const sotto_mil_tensor *t = &st->values[p->f->outputs.items[i].var];
        outputs[i] = (sotto_array){.name = p->f->outputs.items[i].name, .element = p->features[1][i].element,
                                   .rank = t->rank, .data = t->bits};
        memcpy(outputs[i].shape, t->dim, sizeof outputs[i].shape);
    }
    return SOTTO_OK;
}
