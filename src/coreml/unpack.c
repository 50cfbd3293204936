/* The bytes of model.mlmodel to a program. protobuf-c checks the wire format, in memory that is bounded here; this
 * file checks what the messages say. */
#include "coreml/mil.h"

#include "mil.pb-c.h"

#include <stdlib.h>

/* Memory per byte of the file: an empty message of two bytes takes some 60. */
enum { MEMORY_PER_BYTE = 64, MEMORY_MIN = 1 << 16, NAME_BYTES_MAX = 1024 };

typedef struct reader {
    sotto_mil_program *p;
    const uint8_t     *weights;
    size_t             n_weights;
    sotto_map          names; /* of the function's variables */
    sotto_error       *err;
} reader;

static void *take(reader *r, size_t count, size_t size) {
    void *memory = sotto_arena_array(&r->p->arena, SOTTO_MAX(count, (size_t)1), size);
    if (!memory) (void)sotto_fail_memory(r->err, "the program");
    return memory;
}
#define TAKE(to, r, count)                                                                                   \
    if (!((to) = take(r, count, sizeof *(to)))) return SOTTO_NO_MEMORY

/* Names are shown, and asked for by other programs: text without surprises, never empty. */
static sotto_status take_name(reader *r, const char **out, const char *from, const char *what) {
    size_t n = strlen(from);
    if (n == 0 || n > NAME_BYTES_MAX || !sotto_utf8_valid(from, n))
        return sotto_fail(r->err, SOTTO_FORMAT, "the name of %s is empty, too long or not UTF-8", what);
    *out = sotto_arena_text(&r->p->arena, from, n);
    return *out ? SOTTO_OK : sotto_fail_memory(r->err, "a name");
}

/* ---- types --------------------------------------------------------------------------------------------- */

static sotto_status read_dims(reader *r, sotto_mil_type *out, const Sotto__Pb__TensorType *t, const char *name) {
    if (!sotto_mil_dtype_get(t->data_type))
        return sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: its data type, number %d, is not known", name,
                          (int)t->data_type);
    if (t->rank < 0 || t->rank > SOTTO_MIL_RANK_MAX || (size_t)t->rank != t->n_dimensions)
        return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: rank %lld with %zu dimensions (at most %d)", name,
                          (long long)t->rank, t->n_dimensions, SOTTO_MIL_RANK_MAX);
    out->dtype = (sotto_mil_dtype)t->data_type;
    out->rank = (int32_t)t->rank;
    for (int32_t i = 0; i < out->rank; i++) {
        const Sotto__Pb__Dimension *d = t->dimensions[i];
        bool constant = d->kind_case == SOTTO__PB__DIMENSION__KIND_CONSTANT;
        if (constant && d->constant->size > INT64_MAX / 2)
            return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: a dimension of %llu", name,
                              (unsigned long long)d->constant->size);
        out->dim[i] = constant ? (int64_t)d->constant->size : SOTTO_MIL_ANY;
    }
    return SOTTO_OK;
}

static sotto_status read_type(reader *r, sotto_mil_type *out, const Sotto__Pb__ValueType *t, const char *name) {
    const Sotto__Pb__TensorType *tensor = NULL;
    *out = (sotto_mil_type){0};
    if (t && t->kind_case == SOTTO__PB__VALUE_TYPE__KIND_TENSOR) tensor = t->tensor;
    if (t && t->kind_case == SOTTO__PB__VALUE_TYPE__KIND_STATE) {
        out->state = true;
        if (t->state->wrapped) tensor = t->state->wrapped->tensor;
    }
    return tensor ? read_dims(r, out, tensor, name)
                  : sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: is neither a tensor nor a state", name);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static sotto_status read_blob(reader *r, sotto_mil_value *out, const Sotto__Pb__BlobValue *from, const char *name) {
    const sotto_mil_dtype_info *info = sotto_mil_dtype_get((int64_t)out->type.dtype);
    sotto_blob                  blob;
    size_t                      n_elements, n_bytes;
    if (!sotto_str_ends(sotto_str_from(from->file), "/weight.bin"))
        return sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: its bytes are in \"%.80s\", not in weight.bin", name,
                          from->file);
    SOTTO_TRY(sotto_blob_at(&blob, r->weights, r->n_weights, from->offset, r->err));
    if (!sotto_mil_type_measure(&out->type, &n_elements, &n_bytes) || n_bytes != blob.n_bytes ||
        blob.dtype != info->blob || info->blob == 0)
        return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: its record in weight.bin is of another type or size", name);
    out->data = blob.data;
    out->n_bytes = n_bytes;
    out->blob = from->offset;
    return SOTTO_OK;
}

/* Where the elements of a type are, how many, and how wide there; 0: a type that has no such place. */
static size_t find_elements(const Sotto__Pb__TensorValue *t, sotto_mil_dtype dtype, const void **from, size_t *n) {
#define CASE(KIND, field)                                                                                    \
    if (t->kind_case == SOTTO__PB__TENSOR_VALUE__KIND_##KIND)                                                \
    return *from = t->field->values, *n = t->field->n_values, sizeof *t->field->values
    switch (dtype) {
    case SOTTO_MIL_BOOL: CASE(BOOLS, bools); break;
    case SOTTO_MIL_I16:
    case SOTTO_MIL_U16:
    case SOTTO_MIL_I32: CASE(INTS, ints); break;
    case SOTTO_MIL_F32: CASE(FLOATS, floats); break;
    case SOTTO_MIL_F64: CASE(DOUBLES, doubles); break;
    case SOTTO_MIL_I64:
    case SOTTO_MIL_U64: CASE(LONG_INTS, long_ints); break;
    default: break;
    }
#undef CASE
    return 0;
}

/* Elements of the program's own text, narrowed to the width that the type has in memory. */
static sotto_status read_elements(reader *r, sotto_mil_value *out, const Sotto__Pb__TensorValue *t, const char *name) {
    const void *from = NULL;
    size_t      n = 0, n_elements, width = find_elements(t, out->type.dtype, &from, &n);
    if (t->kind_case == SOTTO__PB__TENSOR_VALUE__KIND_BYTES)
        from = t->bytes->values.data, n = t->bytes->values.len, width = 1;
    bool bytes = t->kind_case == SOTTO__PB__TENSOR_VALUE__KIND_BYTES;
    if (!width || !sotto_mil_type_measure(&out->type, &n_elements, &out->n_bytes) ||
        n != (bytes ? out->n_bytes : n_elements))
        return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: its %zu elements are not what its type says", name, n);
    uint8_t *to;
    TAKE(to, r, out->n_bytes);
    size_t   wide = bytes || n == 0 ? 1 : out->n_bytes / n;
    for (size_t i = 0; i < n; i++) {
        if (out->type.dtype == SOTTO_MIL_BOOL && !bytes)
            to[i] = ((const protobuf_c_boolean *)from)[i] != 0;
        else
            memcpy(to + i * wide, (const uint8_t *)from + i * width, wide); /* little-endian: the low bytes */
    }
    out->data = to;
    return SOTTO_OK;
}

static sotto_status read_value(reader *r, sotto_mil_value *out, const Sotto__Pb__Value *v, const char *name) {
    *out = (sotto_mil_value){0};
    if (!v) return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: has no value", name);
    SOTTO_TRY(read_type(r, &out->type, v->type, name));
    if (v->kind_case == SOTTO__PB__VALUE__KIND_BLOB) return read_blob(r, out, v->blob, name);
    const Sotto__Pb__TensorValue *t = NULL;
    if (v->kind_case == SOTTO__PB__VALUE__KIND_IMMEDIATE) t = v->immediate->tensor;
    if (!t) return sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: is a constant that is no tensor", name);
    if (out->type.dtype != SOTTO_MIL_STRING) return read_elements(r, out, t, name);
    if (t->kind_case != SOTTO__PB__TENSOR_VALUE__KIND_STRINGS || t->strings->n_values != 1 || out->type.rank != 0)
        return sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: is a constant of several texts", name);
    out->n_bytes = strlen(t->strings->values[0]);
    out->data = sotto_arena_text(&r->p->arena, t->strings->values[0], out->n_bytes);
    return out->data ? SOTTO_OK : sotto_fail_memory(r->err, "a text");
}

/* ---- operations ---------------------------------------------------------------------------------------- */

static sotto_status add_var(reader *r, sotto_mil_function *f, const Sotto__Pb__NamedType *from, int32_t op,
                            int32_t *out) {
    sotto_mil_var *var = &f->vars[f->n_vars];
    SOTTO_TRY(take_name(r, &var->name, from->name, "a variable"));
    SOTTO_TRY(read_type(r, &var->type, from->type, var->name));
    var->op = op;
    int added = sotto_map_add(&r->names, sotto_str_from(var->name), f->n_vars);
    if (added < 0) return sotto_fail_memory(r->err, "the names");
    if (added == 0) return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: two variables have this name", var->name);
    *out = f->n_vars++;
    return SOTTO_OK;
}

static sotto_status find_var(reader *r, const char *name, const char *user, int32_t *out) {
    *out = sotto_map_get(&r->names, sotto_str_from(name));
    return *out >= 0 ? SOTTO_OK
                     : sotto_fail(r->err, SOTTO_FORMAT, "%.80s: uses \"%.80s\", which nothing before it computes", user,
                                  name);
}

static sotto_status read_argument(reader *r, sotto_mil_arg *to, const Sotto__Pb__ArgumentEntry *from, const char *op) {
    int32_t         *vars;
    sotto_mil_value *value;
    size_t           n = from->value ? from->value->n_bindings : 0;
    SOTTO_TRY(take_name(r, &to->name, from->key, "a parameter"));
    TAKE(vars, r, n);
    to->vars = vars;
    for (size_t i = 0; i < n; i++) {
        const Sotto__Pb__Binding *b = from->value->bindings[i];
        if (b->kind_case == SOTTO__PB__BINDING__KIND_NAME) {
            SOTTO_TRY(find_var(r, b->name, op, &vars[to->n++]));
        } else {
            if (n != 1 || b->kind_case != SOTTO__PB__BINDING__KIND_VALUE)
                return sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: a list of values in parameter %.80s", op,
                                  to->name);
            TAKE(value, r, 1);
            SOTTO_TRY(read_value(r, value, b->value, op));
            to->value = value;
        }
    }
    return SOTTO_OK;
}

static const Sotto__Pb__Value *find_attribute(const Sotto__Pb__Operation *op, const char *key) {
    for (size_t i = 0; i < op->n_attributes; i++)
        if (strcmp(op->attributes[i]->key, key) == 0) return op->attributes[i]->value;
    return NULL;
}

/* The name is for people: an operation without one is called by its type. */
static sotto_status read_op_name(reader *r, sotto_mil_op *to, const Sotto__Pb__Operation *from) {
    const Sotto__Pb__Value *name = find_attribute(from, "name");
    sotto_mil_value         value = {0};
    if (name) SOTTO_TRY(read_value(r, &value, name, to->type));
    bool text = value.type.dtype == SOTTO_MIL_STRING && value.n_bytes > 0;
    return take_name(r, &to->name, text ? value.data : to->type, "an operation");
}

static sotto_status read_op(reader *r, sotto_mil_function *f, const Sotto__Pb__Operation *from) {
    sotto_mil_op  *to = &f->ops[f->n_ops];
    sotto_mil_arg *args;
    int32_t       *outputs;
    SOTTO_TRY(take_name(r, &to->type, from->type, "a type of operation"));
    SOTTO_TRY(read_op_name(r, to, from));
    if (from->n_nested_blocks)
        return sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: operation %.80s has a program of its own: loops and "
                          "conditions are not supported", to->name, to->type);
    TAKE(args, r, from->n_inputs);
    TAKE(outputs, r, from->n_outputs);
    to->args = args;
    to->outputs = outputs;
    for (size_t i = 0; i < from->n_inputs; i++) {
        SOTTO_TRY(read_argument(r, &args[i], from->inputs[i], to->name));
        if (sotto_mil_arg_find(to, args[i].name))
            return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: parameter %.80s is given twice", to->name, args[i].name);
        to->n_args++;
    }
    for (size_t i = 0; i < from->n_outputs; i++, to->n_outputs++)
        SOTTO_TRY(add_var(r, f, from->outputs[i], f->n_ops, &outputs[i]));
    f->n_ops++;
    if (strcmp(to->type, "const") != 0) return SOTTO_OK;
    if (to->n_outputs != 1) return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: a constant with %d outputs", to->name,
                                              (int)to->n_outputs);
    sotto_mil_value *value;
    TAKE(value, r, 1);
    f->vars[outputs[0]].value = value;
    return read_value(r, value, find_attribute(from, "val"), to->name);
}

static const Sotto__Pb__Block *find_block(const Sotto__Pb__Function *f) {
    for (size_t i = 0; i < f->n_blocks; i++)
        if (strcmp(f->blocks[i]->key, f->opset) == 0) return f->blocks[i]->value;
    return NULL;
}

/* ---- description --------------------------------------------------------------------------------------- */

static sotto_status read_array(reader *r, sotto_mil_feature *to, const Sotto__Pb__ArrayType *from) {
    static const struct {
        int32_t         number;
        sotto_mil_dtype dtype;
    } dtypes[] = {{65552, SOTTO_MIL_F16}, {65568, SOTTO_MIL_F32}, {65600, SOTTO_MIL_F64}, {131080, SOTTO_MIL_I8},
                  {131104, SOTTO_MIL_I32}};
    const Sotto__Pb__ShapeRange *range =
        from->flexibility_case == SOTTO__PB__ARRAY_TYPE__FLEXIBILITY_RANGE ? from->range : NULL;
    for (size_t i = 0; i < SOTTO_COUNT(dtypes); i++)
        if (dtypes[i].number == from->data_type) to->type.dtype = dtypes[i].dtype;
    if (!to->type.dtype || from->n_shape > SOTTO_MIL_RANK_MAX || (range && range->n_sizes != from->n_shape))
        return sotto_fail(r->err, SOTTO_UNSUPPORTED, "the description of %.80s has a type or shape that is not known",
                          to->name);
    if (from->flexibility_case == SOTTO__PB__ARRAY_TYPE__FLEXIBILITY_ENUMERATED)
        return sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: its shapes are a list; only ranges are supported",
                          to->name);
    to->type.rank = (int32_t)from->n_shape;
    for (size_t i = 0; i < from->n_shape; i++) {
        to->type.dim[i] = to->lower[i] = to->upper[i] = from->shape[i];
        if (range) {
            to->lower[i] = (int64_t)SOTTO_MIN(range->sizes[i]->lower, (uint64_t)INT64_MAX);
            to->upper[i] = range->sizes[i]->upper < 0 ? -1 : range->sizes[i]->upper;
        }
        if (from->shape[i] < 0 || (to->upper[i] >= 0 && to->lower[i] > to->upper[i]))
            return sotto_fail(r->err, SOTTO_FORMAT, "the description of %.80s has an impossible shape", to->name);
    }
    return SOTTO_OK;
}

static sotto_status read_features(reader *r, sotto_mil_features *to, Sotto__Pb__Feature *const *from, size_t n) {
    if (n > INT32_MAX / 2) return sotto_fail(r->err, SOTTO_FORMAT, "too many inputs or outputs");
    TAKE(to->items, r, n);
    for (size_t i = 0; i < n; i++, to->n++) {
        sotto_mil_feature           *f = &to->items[i];
        const Sotto__Pb__FeatureType *t = from[i]->type;
        const Sotto__Pb__ArrayType   *array = NULL;
        SOTTO_TRY(take_name(r, &f->name, from[i]->name, "an input or output"));
        if (t && t->kind_case == SOTTO__PB__FEATURE_TYPE__KIND_ARRAY) array = t->array;
        if (t && t->kind_case == SOTTO__PB__FEATURE_TYPE__KIND_STATE) array = t->state->array;
        if (!array) return sotto_fail(r->err, SOTTO_UNSUPPORTED, "%.80s: is not an array of numbers", f->name);
        SOTTO_TRY(read_array(r, f, array));
        SOTTO_TRY(find_var(r, f->name, "the description", &f->var));
    }
    return SOTTO_OK;
}

/* A model of one function describes it at the top; one of several, in a list. */
static sotto_status read_description(reader *r, sotto_mil_function *f, const Sotto__Pb__ModelDescription *d) {
    for (size_t i = 0; i < d->n_functions; i++) {
        const Sotto__Pb__FunctionDescription *of = d->functions[i];
        if (strcmp(of->name, f->name) != 0) continue;
        SOTTO_TRY(read_features(r, &f->inputs, of->input, of->n_input));
        SOTTO_TRY(read_features(r, &f->states, of->state, of->n_state));
        return read_features(r, &f->outputs, of->output, of->n_output);
    }
    SOTTO_TRY(read_features(r, &f->inputs, d->input, d->n_input));
    SOTTO_TRY(read_features(r, &f->states, d->state, d->n_state));
    return read_features(r, &f->outputs, d->output, d->n_output);
}

/* Caller and program must mean the same: types equal, states declared as such, every input described. */
static sotto_status check_interface(reader *r, const sotto_mil_function *f, size_t n_inputs) {
    const sotto_mil_features *lists[] = {&f->inputs, &f->states};
    if ((size_t)f->inputs.n + (size_t)f->states.n != n_inputs)
        return sotto_fail(r->err, SOTTO_FORMAT, "function %.80s has %zu inputs and states, its description %d", f->name,
                          n_inputs, (int)(f->inputs.n + f->states.n));
    for (int which = 0; which < 2; which++)
        for (int32_t i = 0; i < lists[which]->n; i++) {
            const sotto_mil_feature *d = &lists[which]->items[i];
            const sotto_mil_var     *v = &f->vars[d->var];
            bool same = v->op < 0 && v->type.state == (which == 1) && v->type.dtype == d->type.dtype &&
                        v->type.rank == d->type.rank;
            for (int32_t k = 0; same && k < v->type.rank; k++)
                same = v->type.dim[k] < 0 ? which == 0 : v->type.dim[k] == d->type.dim[k];
            if (!same)
                return sotto_fail(r->err, SOTTO_FORMAT, "%.80s: program and description do not agree on its type",
                                  d->name);
        }
    return SOTTO_OK;
}

/* ---- functions ----------------------------------------------------------------------------------------- */

static sotto_status read_function(reader *r, sotto_mil_function *f, const Sotto__Pb__FunctionEntry *from,
                                  const Sotto__Pb__ModelDescription *description) {
    const Sotto__Pb__Function *function = from->value;
    SOTTO_TRY(take_name(r, &f->name, from->key, "a function"));
    const Sotto__Pb__Block *block = function ? find_block(function) : NULL;
    if (!block) return sotto_fail(r->err, SOTTO_FORMAT, "function %.80s has no block of its own opset", f->name);
    SOTTO_TRY(take_name(r, &f->opset, function->opset, "an opset"));
    size_t n_vars = function->n_inputs;
    for (size_t i = 0; i < block->n_operations; i++) n_vars += block->operations[i]->n_outputs;
    if (n_vars > INT32_MAX / 2 || block->n_operations > INT32_MAX / 2)
        return sotto_fail(r->err, SOTTO_LIMIT, "function %.80s is too large", f->name);
    f->program = r->p;
    TAKE(f->vars, r, n_vars);
    TAKE(f->ops, r, block->n_operations);
    for (size_t i = 0; i < function->n_inputs; i++) {
        int32_t var;
        SOTTO_TRY(add_var(r, f, function->inputs[i], -1, &var));
    }
    for (size_t i = 0; i < block->n_operations; i++) SOTTO_TRY(read_op(r, f, block->operations[i]));
    SOTTO_TRY(read_description(r, f, description));
    SOTTO_TRY(check_interface(r, f, function->n_inputs));
    if ((size_t)f->outputs.n != block->n_outputs)
        return sotto_fail(r->err, SOTTO_FORMAT, "function %.80s has %zu outputs, its description %d", f->name,
                          block->n_outputs, (int)f->outputs.n);
    for (size_t i = 0; i < block->n_outputs; i++) {
        int32_t var;
        SOTTO_TRY(find_var(r, block->outputs[i], "the program's end", &var));
    }
    return SOTTO_OK;
}

static sotto_status read_metadata(reader *r, const Sotto__Pb__Metadata *m) {
    r->p->description = sotto_arena_text(&r->p->arena, m ? m->description : "", m ? strlen(m->description) : 0);
    size_t n = m ? m->n_user : 0;
    TAKE(r->p->pairs, r, n);
    for (size_t i = 0; i < n; i++) {
        const Sotto__Pb__MetadataEntry *from = m->user[i];
        r->p->pairs[i] = (sotto_mil_pair){sotto_arena_text(&r->p->arena, from->key, strlen(from->key)),
                                          sotto_arena_text(&r->p->arena, from->value, strlen(from->value))};
        if (!r->p->pairs[i].key || !r->p->pairs[i].value) return sotto_fail_memory(r->err, "the metadata");
    }
    r->p->n_pairs = (int32_t)n;
    return r->p->description ? SOTTO_OK : sotto_fail_memory(r->err, "the metadata");
}

static sotto_status read_model(reader *r, const Sotto__Pb__Model *model) {
    const Sotto__Pb__Program *program = model->ml_program;
    if (!program || !model->description)
        return sotto_fail(r->err, SOTTO_UNSUPPORTED, "the model is not an ML Program: only those are supported");
    if (program->version != 1)
        return sotto_fail(r->err, SOTTO_UNSUPPORTED, "the program is of version %lld; only version 1 is known",
                          (long long)program->version);
    if (program->n_functions > 256)
        return sotto_fail(r->err, SOTTO_LIMIT, "the program has %zu functions", program->n_functions);
    r->p->version = model->specification_version;
    SOTTO_TRY(read_metadata(r, model->description->metadata));
    TAKE(r->p->functions, r, program->n_functions);
    for (size_t i = 0; i < program->n_functions; i++, r->p->n_functions++) {
        sotto_status status =
            read_function(r, &r->p->functions[i], program->functions[i], model->description);
        sotto_map_free(&r->names);
        r->names = (sotto_map){0};
        if (status != SOTTO_OK) return status;
    }
    return r->p->n_functions ? SOTTO_OK : sotto_fail(r->err, SOTTO_FORMAT, "the program has no function");
}

/* ---- memory for protobuf-c ----------------------------------------------------------------------------- */

/* What a block takes is kept before it, so that what is freed can be taken again. */
enum { BEFORE = 16 };

static void *budget_alloc(void *left, size_t size) {
    size_t *budget = left, whole;
    if (!sotto_size_add(size, BEFORE, &whole) || whole > *budget) return NULL;
    uint8_t *block = malloc(whole);
    if (!block) return NULL;
    memcpy(block, &whole, sizeof whole);
    *budget -= whole;
    return block + BEFORE;
}

static void budget_free(void *left, void *p) {
    size_t whole;
    if (!p) return;
    memcpy(&whole, (uint8_t *)p - BEFORE, sizeof whole);
    *(size_t *)left += whole;
    free((uint8_t *)p - BEFORE);
}

sotto_status sotto_mil_program_unpack(sotto_mil_program *p, const uint8_t *data, size_t size, const uint8_t *weights,
                                      size_t n_weights, sotto_error *err) {
    reader r = {.p = p, .weights = weights, .n_weights = n_weights, .err = err};
    size_t budget;
    *p = (sotto_mil_program){0};
    if (!sotto_size_mul(size, MEMORY_PER_BYTE, &budget) || !sotto_size_add(budget, MEMORY_MIN, &budget))
        return sotto_fail(err, SOTTO_LIMIT, "the program is too large");
    ProtobufCAllocator allocator = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
    Sotto__Pb__Model  *model = sotto__pb__model__unpack(&allocator, size, data);
    if (!model) return sotto_fail(err, SOTTO_FORMAT, "the model is damaged: its bytes are not a protobuf message");
    sotto_status status = read_model(&r, model);
    sotto__pb__model__free_unpacked(model, &allocator);
    if (status != SOTTO_OK) sotto_mil_program_free(p);
    return status;
}
