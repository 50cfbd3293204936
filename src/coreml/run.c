/* Preparing a program to be run: operations found in the tables, parameters in the operations, constants in a form to
 * compute with, and for each variable the last step that needs it. What cannot be run is refused here. */
#include "coreml/run.h"

#include <stdlib.h>

enum { THREADS_MAX = 256, CONSTANTS_MIN = 1 << 20 };

sotto_program_options sotto_program_options_default(void) { return (sotto_program_options){0}; }

/* ---- operations ---------------------------------------------------------------------------------------- */

static const sotto_mil_kind *find_kind(const char *type) {
    const sotto_mil_kind *const tables[] = {sotto_mil_dense_kinds, sotto_mil_conv_kinds, sotto_mil_math_kinds,
                                           sotto_mil_axes_kinds, sotto_mil_move_kinds};
    for (size_t i = 0; i < SOTTO_COUNT(tables); i++)
        for (const sotto_mil_kind *k = tables[i]; k->type; k++)
            if (strcmp(k->type, type) == 0) return k;
    return NULL;
}

/* Constants are no steps. */
static bool is_step(const sotto_mil_op *op) {
    return strcmp(op->type, "const") != 0 && strncmp(op->type, "constexpr_", 10) != 0;
}

static sotto_status fail_param(const sotto_mil_op *op, sotto_str name, const char *why, sotto_error *err) {
    return sotto_fail(err, SOTTO_UNSUPPORTED, "%.80s (%.60s): parameter %.*s %s", op->name, op->type, (int)name.n,
                      name.p, why);
}

/* One variable of a step, of the kind that the table says. */
static sotto_status prepare_var(sotto_program *p, const sotto_mil_op *op, int32_t var, char kind, sotto_str name,
                                sotto_error *err) {
    const sotto_mil_var *v = &p->f->vars[var];
    sotto_mil_slot      *slot = &p->slots[var];
    bool                 constexpr_ = sotto_mil_is_constexpr(p, var);
    bool table = kind == '#' || (kind == '%' && (constexpr_ || (v->value && v->value->type.rank == 2 &&
                                                                sotto_mil_is_float(v->value->type.dtype))));
    slot->last_use = p->n_steps;
    slot->n_uses++;
    if ((kind == '@') != (slot->state >= 0))
        return fail_param(op, name, kind == '@' ? "is no state" : "is a state, which must be read first", err);
    if (v->op < 0 && !slot->given && kind != '@')
        return fail_param(op, name, "is an input without description", err);
    if (kind == '@') return SOTTO_OK;
    if (kind == '$')
        return v->value && v->value->type.dtype == SOTTO_MIL_STRING
                   ? SOTTO_OK : fail_param(op, name, "is no constant text", err);
    if (table) return sotto_mil_matrix(p, var, err);
    return v->value || constexpr_ ? sotto_mil_constant(p, var, err) : SOTTO_OK;
}

/* The next of the names in `params`; its kind, ' ' of a plain tensor; 0 at the end. */
static char next_param(const char **params, sotto_str *name, bool *optional) {
    const char *p = *params;
    while (*p == ' ') p++;
    name->p = p;
    while (*p && !strchr(" ?*@$#%", *p)) p++;
    name->n = (size_t)(p - name->p);
    char kind = *p && *p != ' ' && *p != '?' ? *p++ : ' ';
    *optional = *p == '?';
    *params = p + *optional;
    return name->n ? kind : 0;
}

static sotto_status prepare_params(sotto_program *p, sotto_mil_step *step, sotto_error *err) {
    const sotto_mil_op *op = step->op;
    const char         *params = step->kind->params;
    sotto_str           name;
    int32_t             n_found = 0;
    char                kind;
    bool                optional;
    for (int32_t i = 0; (kind = next_param(&params, &name, &optional)); i++) {
        int32_t at = 0;
        while (at < op->n_args && !sotto_str_is(name, op->args[at].name)) at++;
        step->args[i] = -1;
        if (at == op->n_args) {
            if (optional) continue;
            return fail_param(op, name, "is missing", err);
        }
        const sotto_mil_arg *arg = &op->args[at];
        n_found++;
        if (arg->value || arg->n < 1 || (kind != '*' && arg->n != 1))
            return fail_param(op, name, "must be the name of a variable", err);
        for (int32_t k = 0; k < arg->n; k++) SOTTO_TRY(prepare_var(p, op, arg->vars[k], kind, name, err));
        step->args[i] = kind == '*' ? at : arg->vars[0];
    }
    if (n_found == op->n_args) return SOTTO_OK;
    return sotto_fail(err, SOTTO_UNSUPPORTED, "%.80s (%.60s): has a parameter that is not known", op->name, op->type);
}

static sotto_status prepare_step(sotto_program *p, const sotto_mil_op *op, sotto_error *err) {
    sotto_mil_step *step = &p->steps[p->n_steps];
    *step = (sotto_mil_step){.op = op, .kind = find_kind(op->type)};
    if (!step->kind)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "%.80s: operations of type \"%.60s\" are not supported", op->name,
                          op->type);
    if (step->kind->n_outputs < 0 ? op->n_outputs < 1 : op->n_outputs != step->kind->n_outputs)
        return sotto_fail(err, SOTTO_FORMAT, "%.80s (%s): has %d outputs", op->name, op->type, (int)op->n_outputs);
    for (int32_t i = 0; i < op->n_outputs; i++)
        if (p->f->vars[op->outputs[i]].type.state)
            return sotto_fail(err, SOTTO_FORMAT, "%.80s (%s): gives a state", op->name, op->type);
    SOTTO_TRY(prepare_params(p, step, err));
    p->n_steps++;
    return SOTTO_OK;
}

/* ---- states -------------------------------------------------------------------------------------------- */

/* The state that a step changes, -1: none. */
static int32_t changed_state(const sotto_program *p, const sotto_mil_step *s) {
    return strcmp(s->kind->type, "write_state") == 0 ? p->slots[s->args[0]].state : -1;
}

static const sotto_mil_step *step_of(const sotto_program *p, int32_t var, const int32_t *step_of_op) {
    int32_t op = p->f->vars[var].op;
    return op >= 0 && step_of_op[op] >= 0 ? &p->steps[step_of_op[op]] : NULL;
}

/* A slice_update changes a state in place when what it changes was read from it for nothing else, and what it gives is
 * written back by the next step and needed by nothing else. */
static bool updates_in_place(const sotto_program *p, int32_t i, const int32_t *step_of_op) {
    const sotto_mil_step *s = &p->steps[i], *next = s + 1;
    if (strcmp(s->kind->type, "slice_update") != 0 || i + 1 >= p->n_steps || changed_state(p, next) < 0) return false;
    const sotto_mil_step *from = step_of(p, s->args[0], step_of_op), *update = step_of(p, s->args[1], step_of_op);
    return from && strcmp(from->kind->type, "read_state") == 0 && from->args[0] == next->args[0] &&
           !(update && strcmp(update->kind->type, "read_state") == 0) && next->args[1] == s->op->outputs[0] &&
           p->slots[s->args[0]].n_uses == 1 && p->slots[s->op->outputs[0]].n_uses == 1;
}

/* From the end: for each state the next step that changes it; what is read lasts no longer than until there. */
static sotto_status find_aliases(sotto_program *p, sotto_error *err) {
    int32_t *step_of_op = calloc((size_t)SOTTO_MAX(p->f->n_ops, 1), sizeof *step_of_op);
    int32_t *changes = calloc((size_t)SOTTO_MAX(p->f->states.n, 1), sizeof *changes);
    if (step_of_op && changes) {
        for (int32_t i = 0; i < p->f->n_ops; i++) step_of_op[i] = -1;
        for (int32_t i = 0; i < p->n_steps; i++) step_of_op[p->steps[i].op - p->f->ops] = i;
        for (int32_t i = 0; i < p->f->states.n; i++) changes[i] = INT32_MAX;
        for (int32_t i = p->n_steps - 1; i >= 0; i--) {
            sotto_mil_step *s = &p->steps[i];
            int32_t         state = changed_state(p, s);
            if (updates_in_place(p, i, step_of_op)) s->alias = true, state = changed_state(p, s + 1);
            if (state >= 0) changes[state] = i;
            if (strcmp(s->kind->type, "read_state") == 0)
                s->alias = p->slots[s->op->outputs[0]].last_use <= changes[p->slots[s->args[0]].state];
        }
    }
    bool ok = step_of_op && changes;
    free(step_of_op);
    free(changes);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the program");
}

/* ---- interface ----------------------------------------------------------------------------------------- */

static sotto_status describe(sotto_program *p, int which, const sotto_mil_features *list, sotto_error *err) {
    sotto_program_feature *to = sotto_arena_array(&p->arena, (size_t)SOTTO_MAX(list->n, 1), sizeof *to);
    if (!to) return sotto_fail_memory(err, "the interface");
    p->features[which] = to;
    for (int32_t i = 0; i < list->n; i++, to++) {
        const sotto_mil_feature *from = &list->items[i];
        *to = (sotto_program_feature){.name = from->name, .rank = from->type.rank,
                                      .type = sotto_mil_dtype_get((int64_t)from->type.dtype)->name,
                                      .element = sotto_mil_is_float(from->type.dtype) ? SOTTO_ELEMENT_F32
                                                                                      : SOTTO_ELEMENT_I32};
        if (!sotto_mil_is_float(from->type.dtype) && from->type.dtype != SOTTO_MIL_I32)
            return sotto_fail(err, SOTTO_UNSUPPORTED, "%.80s: arrays of %s are not supported", from->name, to->type);
        memcpy(to->shape, from->type.dim, sizeof to->shape);
        memcpy(to->lower, from->lower, sizeof to->lower);
        memcpy(to->upper, from->upper, sizeof to->upper);
    }
    return SOTTO_OK;
}

static sotto_status fail_twice(const sotto_mil_feature *f, sotto_error *err) {
    return sotto_fail(err, SOTTO_FORMAT, "%.80s: is described twice", f->name);
}

static sotto_status prepare_interface(sotto_program *p, sotto_error *err) {
    const sotto_mil_function *f = p->f;
    for (int32_t i = 0; i < f->n_vars; i++) p->slots[i].state = p->slots[i].last_use = -1;
    for (int32_t i = 0; i < f->states.n; i++) {
        if (!sotto_mil_is_float(f->states.items[i].type.dtype))
            return sotto_fail(err, SOTTO_UNSUPPORTED, "%.80s: states of %s are not supported", f->states.items[i].name,
                              sotto_mil_dtype_get((int64_t)f->states.items[i].type.dtype)->name);
        if (p->slots[f->states.items[i].var].state >= 0) return fail_twice(&f->states.items[i], err);
        p->slots[f->states.items[i].var].state = i;
    }
    for (int32_t i = 0; i < f->inputs.n; i++) {
        if (p->slots[f->inputs.items[i].var].given) return fail_twice(&f->inputs.items[i], err);
        p->slots[f->inputs.items[i].var].given = true;
    }
    SOTTO_TRY(describe(p, 0, &f->inputs, err));
    SOTTO_TRY(describe(p, 1, &f->outputs, err));
    return describe(p, 2, &f->states, err);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static sotto_status prepare(sotto_program *p, sotto_error *err) {
    const sotto_mil_function *f = p->f;
    uint32_t                  flags = sotto_cpu_flags(), allowed;
    int32_t threads = p->options.threads ? p->options.threads : sotto_cpu_physical_cores();
    if (threads < 1 || threads > THREADS_MAX)
        return sotto_fail(err, SOTTO_INVALID, "%d threads: choose 1 to %d", (int)threads, (int)THREADS_MAX);
    if (p->options.cpu && !sotto_kernels_level(p->options.cpu, &allowed))
        return sotto_fail(err, SOTTO_INVALID, "kernel level \"%.60s\" does not exist", p->options.cpu);
    sotto_kernels_init(&p->kernels, p->options.cpu ? flags & allowed : flags);
    p->slots = sotto_arena_array(&p->arena, (size_t)SOTTO_MAX(f->n_vars, 1), sizeof *p->slots);
    p->steps = sotto_arena_array(&p->arena, (size_t)SOTTO_MAX(f->n_ops, 1), sizeof *p->steps);
    if (!p->slots || !p->steps) return sotto_fail_memory(err, "the program");
    SOTTO_TRY(prepare_interface(p, err));
    for (int32_t i = 0; i < f->n_ops; i++)
        if (is_step(&f->ops[i])) SOTTO_TRY(prepare_step(p, &f->ops[i], err));
    for (int32_t i = 0; i < f->outputs.n; i++) {
        int32_t var = f->outputs.items[i].var;
        bool    computed = f->vars[var].op >= 0 && is_step(&f->ops[f->vars[var].op]);
        if (!computed || f->vars[var].type.dtype != f->outputs.items[i].type.dtype)
            return sotto_fail(err, SOTTO_UNSUPPORTED,
                              "%.80s: no operation computes this output, or one of another type",
                              f->outputs.items[i].name);
        p->slots[var].last_use = INT32_MAX;
        p->slots[var].n_uses++;
    }
    SOTTO_TRY(find_aliases(p, err));
    return sotto_pool_open(&p->pool, threads, err);
}

sotto_status sotto_program_prepare(sotto_program **out, const sotto_mil_program *program, size_t n_bytes,
                                   const sotto_program_options *opt, sotto_error *err) {
    *out = NULL;
    sotto_program *p = calloc(1, sizeof *p);
    if (!p) return sotto_fail_memory(err, "a program");
    p->options = opt ? *opt : sotto_program_options_default();
    if (!p->options.memory_limit) p->options.memory_limit = (uint64_t)16 << 30;
    p->program = program;
    p->constants_left = n_bytes < SIZE_MAX / 8 ? 4 * n_bytes + CONSTANTS_MIN : SIZE_MAX;
    p->f = sotto_mil_function_find(program, "main");
    sotto_status status = p->f ? prepare(p, err) : sotto_fail(err, SOTTO_UNSUPPORTED, "it has no function \"main\"");
    if (status == SOTTO_OK)
        *out = p;
    else
        sotto_program_close(p);
    return status;
}

sotto_status sotto_program_open(sotto_program **out, const char *path, const sotto_program_options *opt,
                                sotto_error *err) {
    sotto_mil_package *package;
    *out = NULL;
    SOTTO_TRY(sotto_mil_package_open(&package, path, !opt || !opt->no_map, err));
    sotto_status status = sotto_program_prepare(out, &package->program, package->model.size + package->weights.size,
                                                opt, err);
    if (status != SOTTO_OK) {
        sotto_mil_package_close(package);
        return sotto_fail_prefix(err, status, "%s", path);
    }
    /* What became blocks is not needed as codes; what stays in fp16 comes back when it is read. */
    if (!(*out)->options.look_only) sotto_file_advise_done(&package->weights, 0, package->weights.size);
    (*out)->package = package;
    return SOTTO_OK;
}

void sotto_program_close(sotto_program *p) {
    if (!p) return;
    sotto_pool_close(p->pool);
    sotto_arena_free(&p->arena);
    sotto_mil_package_close(p->package);
    free(p);
}

#define FEATURES(name, which, list)                                                                          \
    const sotto_program_feature *sotto_program_##name(const sotto_program *p, size_t *n) {                   \
        *n = (size_t)p->f->list.n;                                                                           \
        return p->features[which];                                                                           \
    }
FEATURES(inputs, 0, inputs)
FEATURES(outputs, 1, outputs)
FEATURES(states, 2, states)
