/* A program to the bytes of model.mlmodel: messages of the schema are laid out in an arena, then packed at once. */
#include "coreml/mil.h"

#include "mil.pb-c.h"

#include <stdlib.h>

typedef struct packer {
    sotto_arena arena;
    bool        failed;
} packer;

static void *take(packer *p, size_t count, size_t size) {
    void *memory = sotto_arena_array(&p->arena, SOTTO_MAX(count, (size_t)1), size);
    p->failed |= !memory;
    return memory;
}

/* A message of the schema, initialised; NULL when memory ran out, and `p->failed`. */
static void *message(packer *p, const ProtobufCMessageDescriptor *type) {
    ProtobufCMessage *m = take(p, 1, type->sizeof_message);
    if (m) protobuf_c_message_init(type, m);
    return m;
}
#define NEW(p, name) message(p, &sotto__pb__##name##__descriptor)

/* An array of pointers to fresh messages. */
static void *messages(packer *p, const ProtobufCMessageDescriptor *type, int32_t n) {
    void **list = take(p, (size_t)n, sizeof *list);
    for (int32_t i = 0; list && i < n; i++)
        if (!(list[i] = message(p, type))) return NULL;
    return list;
}
#define NEW_LIST(p, name, n) messages(p, &sotto__pb__##name##__descriptor, n)

/* The schema's texts are not const, though packing only reads them. */
static char *text(packer *p, const char *from) {
    char *to = sotto_arena_text(&p->arena, from, strlen(from));
    p->failed |= !to;
    return to;
}

/* ---- types --------------------------------------------------------------------------------------------- */

static Sotto__Pb__TensorType *pack_tensor_type(packer *p, const sotto_mil_type *t) {
    Sotto__Pb__TensorType *tensor = NEW(p, tensor_type);
    if (!tensor) return NULL;
    tensor->data_type = (int32_t)t->dtype;
    tensor->rank = t->rank;
    tensor->dimensions = NEW_LIST(p, dimension, t->rank);
    for (int32_t i = 0; !p->failed && i < t->rank; i++) {
        Sotto__Pb__Dimension *d = tensor->dimensions[i];
        if (t->dim[i] < 0) {
            d->kind_case = SOTTO__PB__DIMENSION__KIND_UNKNOWN;
            d->unknown = NEW(p, unknown_dimension);
        } else {
            d->kind_case = SOTTO__PB__DIMENSION__KIND_CONSTANT;
            if ((d->constant = NEW(p, constant_dimension))) d->constant->size = (uint64_t)t->dim[i];
        }
        tensor->n_dimensions++;
    }
    return tensor;
}

static Sotto__Pb__ValueType *pack_type(packer *p, const sotto_mil_type *t) {
    Sotto__Pb__ValueType *type = NEW(p, value_type);
    if (!type) return NULL;
    if (!t->state) {
        type->kind_case = SOTTO__PB__VALUE_TYPE__KIND_TENSOR;
        type->tensor = pack_tensor_type(p, t);
        return type;
    }
    type->kind_case = SOTTO__PB__VALUE_TYPE__KIND_STATE;
    type->state = NEW(p, state_type);
    if (type->state && (type->state->wrapped = NEW(p, wrapped_type)))
        type->state->wrapped->tensor = pack_tensor_type(p, t);
    return type;
}

static void pack_named(packer *p, Sotto__Pb__NamedType *to, const sotto_mil_var *var) {
    to->name = text(p, var->name);
    to->type = pack_type(p, &var->type);
}

/* ---- values -------------------------------------------------------------------------------------------- */

/* Each type has its place: bools, ints, floats and strings as such, all others as bytes. */
static Sotto__Pb__TensorValue *pack_tensor_value(packer *p, const sotto_mil_value *v) {
    Sotto__Pb__TensorValue *t = NEW(p, tensor_value);
    size_t                  n = 0, n_bytes;
    if (!t || !sotto_mil_type_measure(&v->type, &n, &n_bytes)) return p->failed = true, NULL;
    void               *data = take(p, v->n_bytes + 1, 1); /* aligned for any element */
    protobuf_c_boolean *bools = take(p, v->type.dtype == SOTTO_MIL_BOOL ? n : 0, sizeof *bools);
    char              **string = take(p, 1, sizeof *string);
    if (p->failed) return NULL;
    memcpy(data, v->data, v->n_bytes);
    *string = data;
    for (size_t i = 0; v->type.dtype == SOTTO_MIL_BOOL && i < n; i++) bools[i] = ((const uint8_t *)v->data)[i];
#define CASE(dtype, KIND, field, name, member)                                                            \
    case dtype:                                                                                              \
        t->kind_case = SOTTO__PB__TENSOR_VALUE__KIND_##KIND;                                                 \
        if ((t->field = NEW(p, name))) t->field->n_values = n, t->field->values = member;                 \
        break
    switch (v->type.dtype) {
        CASE(SOTTO_MIL_BOOL, BOOLS, bools, bools, bools);
        CASE(SOTTO_MIL_I32, INTS, ints, ints, data);
        CASE(SOTTO_MIL_F32, FLOATS, floats, floats, data);
        CASE(SOTTO_MIL_STRING, STRINGS, strings, strings, string);
    default:
        t->kind_case = SOTTO__PB__TENSOR_VALUE__KIND_BYTES;
        if ((t->bytes = NEW(p, bytes))) t->bytes->values = (ProtobufCBinaryData){v->n_bytes, data};
    }
#undef CASE
    return t;
}

static Sotto__Pb__Value *pack_value(packer *p, const sotto_mil_value *v) {
    Sotto__Pb__Value *value = NEW(p, value);
    if (!value) return NULL;
    value->type = pack_type(p, &v->type);
    if (v->blob) {
        value->kind_case = SOTTO__PB__VALUE__KIND_BLOB;
        if (!(value->blob = NEW(p, blob_value))) return value;
        value->blob->file = text(p, "@model_path/weights/weight.bin");
        value->blob->offset = v->blob;
        return value;
    }
    value->kind_case = SOTTO__PB__VALUE__KIND_IMMEDIATE;
    if ((value->immediate = NEW(p, immediate_value))) value->immediate->tensor = pack_tensor_value(p, v);
    return value;
}

/* ---- operations ---------------------------------------------------------------------------------------- */

static void pack_attribute(packer *p, Sotto__Pb__Operation *op, const char *key, const sotto_mil_value *value) {
    Sotto__Pb__AttributeEntry *entry = op->attributes[op->n_attributes++];
    entry->key = text(p, key);
    entry->value = pack_value(p, value);
}

static void pack_argument(packer *p, Sotto__Pb__ArgumentEntry *to, const sotto_mil_function *f,
                          const sotto_mil_arg *arg) {
    int32_t n = arg->value ? 1 : arg->n;
    to->key = text(p, arg->name);
    if (!(to->value = NEW(p, argument)) || !(to->value->bindings = NEW_LIST(p, binding, n))) return;
    to->value->n_bindings = (size_t)n;
    for (int32_t i = 0; i < n; i++) {
        Sotto__Pb__Binding *b = to->value->bindings[i];
        b->kind_case = arg->value ? SOTTO__PB__BINDING__KIND_VALUE : SOTTO__PB__BINDING__KIND_NAME;
        if (arg->value)
            b->value = pack_value(p, arg->value);
        else
            b->name = text(p, f->vars[arg->vars[i]].name);
    }
}

static void pack_op(packer *p, Sotto__Pb__Operation *to, const sotto_mil_function *f, const sotto_mil_op *op) {
    sotto_mil_value name = {.type = {.dtype = SOTTO_MIL_STRING}, .data = op->name, .n_bytes = strlen(op->name)};
    to->type = text(p, op->type);
    to->inputs = NEW_LIST(p, argument_entry, op->n_args);
    to->outputs = NEW_LIST(p, named_type, op->n_outputs);
    to->attributes = NEW_LIST(p, attribute_entry, 2);
    if (p->failed) return;
    to->n_inputs = (size_t)op->n_args;
    to->n_outputs = (size_t)op->n_outputs;
    for (int32_t i = 0; i < op->n_args; i++) pack_argument(p, to->inputs[i], f, &op->args[i]);
    for (int32_t i = 0; i < op->n_outputs; i++) pack_named(p, to->outputs[i], &f->vars[op->outputs[i]]);
    pack_attribute(p, to, "name", &name);
    if (op->n_outputs == 1 && f->vars[op->outputs[0]].value)
        pack_attribute(p, to, "val", f->vars[op->outputs[0]].value);
}

static Sotto__Pb__Function *pack_function(packer *p, const sotto_mil_function *f) {
    Sotto__Pb__Function *to = NEW(p, function);
    Sotto__Pb__Block    *block = NEW(p, block);
    int32_t              n_inputs = f->inputs.n + f->states.n;
    if (p->failed || !(to->inputs = NEW_LIST(p, named_type, n_inputs)) ||
        !(to->blocks = NEW_LIST(p, block_entry, 1)) || !(block->operations = NEW_LIST(p, operation, f->n_ops)) ||
        !(block->outputs = take(p, (size_t)f->outputs.n, sizeof *block->outputs)))
        return NULL;
    to->n_inputs = (size_t)n_inputs;
    for (int32_t i = 0; i < n_inputs; i++)
        pack_named(p, to->inputs[i],
                   &f->vars[i < f->inputs.n ? f->inputs.items[i].var : f->states.items[i - f->inputs.n].var]);
    to->opset = text(p, f->opset);
    to->n_blocks = 1;
    to->blocks[0]->key = text(p, f->opset);
    to->blocks[0]->value = block;
    for (int32_t i = 0; i < f->outputs.n; i++) block->outputs[block->n_outputs++] = text(p, f->outputs.items[i].name);
    block->n_operations = (size_t)f->n_ops;
    for (int32_t i = 0; !p->failed && i < f->n_ops; i++) pack_op(p, block->operations[i], f, &f->ops[i]);
    return to;
}

/* ---- description --------------------------------------------------------------------------------------- */

/* The description has its own numbers for types; of those that a caller can hold only these. */
static int32_t array_type(sotto_mil_dtype dtype) {
    return dtype == SOTTO_MIL_F16 ? 65552 : dtype == SOTTO_MIL_F32 ? 65568 : dtype == SOTTO_MIL_I32 ? 131104 : 0;
}

static void pack_range(packer *p, Sotto__Pb__ArrayType *to, const sotto_mil_feature *f) {
    to->flexibility_case = SOTTO__PB__ARRAY_TYPE__FLEXIBILITY_RANGE;
    if (!(to->range = NEW(p, shape_range)) || !(to->range->sizes = NEW_LIST(p, size_range, f->type.rank))) return;
    to->range->n_sizes = (size_t)f->type.rank;
    for (int32_t i = 0; i < f->type.rank; i++) {
        to->range->sizes[i]->lower = (uint64_t)f->lower[i];
        to->range->sizes[i]->upper = f->upper[i];
    }
}

static Sotto__Pb__ArrayType *pack_array(packer *p, const sotto_mil_feature *f) {
    Sotto__Pb__ArrayType *to = NEW(p, array_type);
    bool                  flexible = false;
    if (!to || !(to->shape = take(p, (size_t)f->type.rank, sizeof *to->shape))) return NULL;
    to->data_type = array_type(f->type.dtype);
    for (int32_t i = 0; i < f->type.rank; i++) {
        to->shape[to->n_shape++] = f->type.dim[i];
        flexible |= f->lower[i] != f->upper[i];
    }
    if (flexible) pack_range(p, to, f);
    return to;
}

static Sotto__Pb__Feature **pack_features(packer *p, const sotto_mil_features *list, bool state, size_t *n) {
    Sotto__Pb__Feature **to = NEW_LIST(p, feature, list->n);
    for (int32_t i = 0; !p->failed && i < list->n; i++, ++*n) {
        Sotto__Pb__FeatureType *type = to[i]->type = NEW(p, feature_type);
        to[i]->name = text(p, list->items[i].name);
        Sotto__Pb__ArrayType *array = pack_array(p, &list->items[i]);
        if (!type) break;
        type->kind_case = state ? SOTTO__PB__FEATURE_TYPE__KIND_STATE : SOTTO__PB__FEATURE_TYPE__KIND_ARRAY;
        if (!state)
            type->array = array;
        else if ((type->state = NEW(p, state_feature)))
            type->state->array = array;
    }
    return to;
}

static Sotto__Pb__ModelDescription *pack_description(packer *p, const sotto_mil_program *program) {
    Sotto__Pb__ModelDescription *to = NEW(p, model_description);
    const sotto_mil_function    *f = &program->functions[0];
    if (!to || !(to->metadata = NEW(p, metadata))) return NULL;
    to->input = pack_features(p, &f->inputs, false, &to->n_input);
    to->output = pack_features(p, &f->outputs, false, &to->n_output);
    to->state = pack_features(p, &f->states, true, &to->n_state);
    to->metadata->description = text(p, program->description);
    to->metadata->user = NEW_LIST(p, metadata_entry, program->n_pairs);
    for (int32_t i = 0; !p->failed && i < program->n_pairs; i++, to->metadata->n_user++) {
        to->metadata->user[i]->key = text(p, program->pairs[i].key);
        to->metadata->user[i]->value = text(p, program->pairs[i].value);
    }
    return to;
}

static Sotto__Pb__Model *pack_model(packer *p, const sotto_mil_program *program) {
    Sotto__Pb__Model *model = NEW(p, model);
    if (!model || !(model->ml_program = NEW(p, program))) return NULL;
    Sotto__Pb__Program *to = model->ml_program;
    model->specification_version = program->version;
    model->description = pack_description(p, program);
    to->version = 1;
    if (!(to->functions = NEW_LIST(p, function_entry, 1))) return NULL;
    to->n_functions = 1;
    to->functions[0]->key = text(p, program->functions[0].name);
    to->functions[0]->value = pack_function(p, &program->functions[0]);
    return model;
}

sotto_status sotto_mil_program_pack(const sotto_mil_program *program, sotto_buf *out, sotto_error *err) {
    packer            p = {.failed = program->failed};
    Sotto__Pb__Model *model = p.failed ? NULL : pack_model(&p, program);
    size_t            n = p.failed || !model ? 0 : protobuf_c_message_get_packed_size(&model->base);
    bool              ok = n > 0 && sotto_buf_reserve(out, n);
    if (ok) {
        out->len += protobuf_c_message_pack(&model->base, (uint8_t *)out->data + out->len);
        out->data[out->len] = '\0';
    }
    sotto_arena_free(&p.arena);
    return ok ? SOTTO_OK : sotto_fail_memory(err, "the program");
}
