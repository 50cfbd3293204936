/* Programs in memory: types, and the builder. */
#include "coreml/mil.h"

#include <stdio.h>

static const sotto_mil_dtype_info dtypes[] = {
    {SOTTO_MIL_BOOL, "bool", 8, 0},   {SOTTO_MIL_STRING, "string", 0, 0}, {SOTTO_MIL_F16, "fp16", 16, 1},
    {SOTTO_MIL_F32, "fp32", 32, 2},   {SOTTO_MIL_F64, "fp64", 64, 0},     {SOTTO_MIL_I8, "int8", 8, 4},
    {SOTTO_MIL_I16, "int16", 16, 6},  {SOTTO_MIL_I32, "int32", 32, 14},   {SOTTO_MIL_I64, "int64", 64, 0},
    {SOTTO_MIL_I4, "int4", 4, 8},     {SOTTO_MIL_U8, "uint8", 8, 3},      {SOTTO_MIL_U16, "uint16", 16, 7},
    {SOTTO_MIL_U32, "uint32", 32, 15}, {SOTTO_MIL_U64, "uint64", 64, 0},  {SOTTO_MIL_U4, "uint4", 4, 11},
    {SOTTO_MIL_U2, "uint2", 2, 10},   {SOTTO_MIL_U1, "uint1", 1, 9},      {SOTTO_MIL_U6, "uint6", 6, 13},
    {SOTTO_MIL_U3, "uint3", 3, 12},
};

const sotto_mil_dtype_info *sotto_mil_dtype_get(int64_t dtype) {
    for (size_t i = 0; i < SOTTO_COUNT(dtypes); i++)
        if ((int64_t)dtypes[i].dtype == dtype) return &dtypes[i];
    return NULL;
}

bool sotto_mil_type_measure(const sotto_mil_type *t, size_t *n_elements, size_t *n_bytes) {
    const sotto_mil_dtype_info *info = sotto_mil_dtype_get((int64_t)t->dtype);
    size_t                      n = 1, bits;
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dim[i] < 0 || (uint64_t)t->dim[i] > SIZE_MAX || !sotto_size_mul(n, (size_t)t->dim[i], &n)) return false;
    if (!info || !sotto_size_mul(n, info->bits, &bits) || !sotto_size_add(bits, 7, &bits)) return false;
    *n_elements = n;
    *n_bytes = bits / 8;
    return true;
}

void sotto_mil_type_text(const sotto_mil_type *t, char *out, size_t n) {
    const sotto_mil_dtype_info *info = sotto_mil_dtype_get((int64_t)t->dtype);
    sotto_buf                   text = {0};
    sotto_buf_printf(&text, "%s%s", t->state ? "state " : "", info ? info->name : "?");
    for (int32_t i = 0; i < t->rank; i++) {
        sotto_buf_puts(&text, i ? ", " : "[");
        if (t->dim[i] < 0)
            sotto_buf_putc(&text, '?');
        else
            sotto_buf_printf(&text, "%lld", (long long)t->dim[i]);
    }
    if (t->rank) sotto_buf_putc(&text, ']');
    (void)snprintf(out, n, "%s", text.failed ? "?" : text.data);
    sotto_buf_free(&text);
}

void sotto_mil_program_free(sotto_mil_program *p) {
    sotto_arena_free(&p->arena);
    *p = (sotto_mil_program){0};
}

const sotto_mil_function *sotto_mil_function_find(const sotto_mil_program *p, const char *name) {
    for (int32_t i = 0; i < p->n_functions; i++)
        if (strcmp(p->functions[i].name, name) == 0) return &p->functions[i];
    return NULL;
}

const sotto_mil_arg *sotto_mil_arg_find(const sotto_mil_op *op, const char *name) {
    for (int32_t i = 0; i < op->n_args; i++)
        if (strcmp(op->args[i].name, name) == 0) return &op->args[i];
    return NULL;
}

/* ---- building ------------------------------------------------------------------------------------------ */

/* Memory for the program; on failure NULL, and the program has failed. */
static void *take(sotto_mil_program *p, size_t count, size_t size) {
    void *memory = p->failed ? NULL : sotto_arena_array(&p->arena, SOTTO_MAX(count, (size_t)1), size);
    p->failed |= !memory;
    return memory;
}

static const void *copy(sotto_mil_program *p, const void *from, size_t n_bytes) {
    void *to = take(p, n_bytes + 1, 1); /* a text keeps its NUL */
    if (to && n_bytes) memcpy(to, from, n_bytes);
    return to;
}

static const char *copy_text(sotto_mil_program *p, const char *text) { return copy(p, text, strlen(text)); }

/* The array with room for one more item; an old one stays in the arena, which at most doubles it. */
static void *grow(sotto_mil_program *p, void *items, int32_t n, int32_t *cap, size_t size) {
    if (n < *cap) return items;
    int32_t more = *cap ? 2 * *cap : 16;
    void   *larger = n < INT32_MAX / 4 ? take(p, (size_t)more, size) : NULL;
    p->failed |= !larger;
    if (!larger) return items;
    if (n) memcpy(larger, items, (size_t)n * size);
    *cap = more;
    return larger;
}

sotto_mil_function *sotto_mil_begin(sotto_mil_program *p, int32_t version, const char *opset) {
    p->version = version;
    p->description = "";
    p->functions = take(p, 1, sizeof *p->functions);
    if (!p->functions) return NULL;
    p->n_functions = 1;
    sotto_mil_function *f = p->functions;
    *f = (sotto_mil_function){.name = "main", .opset = copy_text(p, opset), .program = p};
    f->vars = grow(p, NULL, 0, &f->cap_vars, sizeof *f->vars); /* variable 0 can be looked at, whatever fails later */
    return p->failed ? NULL : f;
}

static int32_t add_var(sotto_mil_function *f, const char *name, const sotto_mil_type *type, int32_t op) {
    f->vars = grow(f->program, f->vars, f->n_vars, &f->cap_vars, sizeof *f->vars);
    if (f->program->failed) return 0;
    f->vars[f->n_vars] = (sotto_mil_var){.name = copy_text(f->program, name), .type = *type, .op = op};
    return f->program->failed ? 0 : f->n_vars++;
}

static void add_feature(sotto_mil_function *f, sotto_mil_features *list, const sotto_mil_feature *feature) {
    list->items = grow(f->program, list->items, list->n, &list->cap, sizeof *list->items);
    if (f->program->failed) return;
    list->items[list->n] = *feature;
    list->items[list->n++].name = copy_text(f->program, feature->name);
}

int32_t sotto_mil_add_input(sotto_mil_function *f, const sotto_mil_feature *feature) {
    sotto_mil_feature added = *feature;
    sotto_mil_type    type = feature->type;
    for (int32_t i = 0; i < type.rank; i++)
        if (feature->lower[i] != feature->upper[i]) type.dim[i] = SOTTO_MIL_ANY;
    added.var = add_var(f, feature->name, &type, -1);
    add_feature(f, &f->inputs, &added);
    return added.var;
}

int32_t sotto_mil_add_state(sotto_mil_function *f, const char *name, sotto_mil_type type) {
    type.state = true;
    int32_t var = add_var(f, name, &type, -1);
    type.state = false;
    add_feature(f, &f->states, &(sotto_mil_feature){.name = name, .type = type, .var = var});
    return var;
}

void sotto_mil_add_output(sotto_mil_function *f, int32_t var) {
    if (f->program->failed) return;
    sotto_mil_feature added = {.name = f->vars[var].name, .type = f->vars[var].type, .var = var};
    for (int32_t i = 0; i < f->vars[var].type.rank; i++)
        if (f->vars[var].type.dim[i] < 0) added.type.rank = 0;
    add_feature(f, &f->outputs, &added);
}

static const sotto_mil_value *copy_value(sotto_mil_program *p, const sotto_mil_value *value) {
    sotto_mil_value *to = take(p, 1, sizeof *to);
    if (!to) return NULL;
    *to = *value;
    if (value->data) to->data = copy(p, value->data, value->n_bytes);
    return to;
}

void sotto_mil_add_op_n(sotto_mil_function *f, const char *type, const char *name, const sotto_mil_type *out,
                        int32_t n_out, const sotto_mil_in *in, int32_t n_in, int32_t *vars) {
    sotto_mil_program *p = f->program;
    char               made[64], suffixed[128];
    memset(vars, 0, (size_t)n_out * sizeof *vars);
    f->ops = grow(p, f->ops, f->n_ops, &f->cap_ops, sizeof *f->ops);
    if (p->failed) return;
    (void)snprintf(made, sizeof made, "%s_%d", type, (int)f->n_ops);
    if (!name) name = made;
    sotto_mil_arg *args = take(p, (size_t)n_in, sizeof *args);
    for (int32_t i = 0; args && i < n_in; i++) {
        args[i] = (sotto_mil_arg){.name = copy_text(p, in[i].param)};
        if (in[i].value) {
            args[i].value = copy_value(p, in[i].value);
            continue;
        }
        args[i].n = in[i].vars ? in[i].n : 1;
        args[i].vars = copy(p, in[i].vars ? in[i].vars : &in[i].var, (size_t)args[i].n * sizeof(int32_t));
    }
    for (int32_t i = 0; i < n_out; i++) {
        (void)snprintf(suffixed, sizeof suffixed, "%s_%d", name, (int)i);
        vars[i] = add_var(f, n_out > 1 ? suffixed : name, &out[i], f->n_ops);
    }
    const int32_t *outputs = copy(p, vars, (size_t)n_out * sizeof *vars);
    f->ops[f->n_ops] = (sotto_mil_op){.type = copy_text(p, type), .name = copy_text(p, name), .args = args,
                                      .outputs = outputs, .n_args = n_in, .n_outputs = n_out};
    f->n_ops += !p->failed;
}

int32_t sotto_mil_add_op(sotto_mil_function *f, const char *type, const char *name, const sotto_mil_type *out,
                         const sotto_mil_in *in, int32_t n_in) {
    int32_t var = -1;
    sotto_mil_add_op_n(f, type, name, out, out ? 1 : 0, in, n_in, &var);
    return var;
}

static bool same_value(const sotto_mil_value *a, const sotto_mil_value *b) {
    if (a->type.dtype != b->type.dtype || a->type.rank != b->type.rank || a->n_bytes != b->n_bytes) return false;
    if (memcmp(a->type.dim, b->type.dim, (size_t)a->type.rank * sizeof a->type.dim[0]) != 0) return false;
    return a->data && b->data ? memcmp(a->data, b->data, a->n_bytes) == 0 : !a->data && !b->data && a->blob == b->blob;
}

int32_t sotto_mil_add_const(sotto_mil_function *f, const char *name, const sotto_mil_value *value) {
    for (int32_t i = 0; !name && i < f->n_vars; i++)
        if (f->vars[i].value && same_value(f->vars[i].value, value)) return i;
    int32_t var = sotto_mil_add_op(f, "const", name, &value->type, NULL, 0);
    if (!f->program->failed) f->vars[var].value = copy_value(f->program, value);
    return var;
}

void sotto_mil_add_pair(sotto_mil_program *p, const char *key, const char *value) {
    p->pairs = grow(p, p->pairs, p->n_pairs, &p->cap_pairs, sizeof *p->pairs);
    if (p->failed) return;
    p->pairs[p->n_pairs++] = (sotto_mil_pair){copy_text(p, key), copy_text(p, value)};
}
