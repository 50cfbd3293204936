/* What a package is, as a document. */
#include <jansson.h>

#include <sotto/coreml.h>

#include "coreml/mil.h"

/* A file's text may be anything; a document's is UTF-8. */
static json_t *text(const char *s) {
    sotto_buf clean = {0};
    (void)sotto_buf_append_utf8(&clean, s, strlen(s));
    json_t *json = clean.failed ? NULL : json_stringn(clean.data ? clean.data : "", clean.len);
    sotto_buf_free(&clean);
    return json;
}

static json_t *numbers(const int64_t *values, int32_t n) {
    json_t *list = json_array();
    for (int32_t i = 0; i < n; i++) (void)json_array_append_new(list, json_integer(values[i]));
    return list;
}

static json_t *features_json(const sotto_mil_features *list, bool ranged) {
    json_t *all = json_array();
    for (int32_t i = 0; i < list->n; i++) {
        const sotto_mil_feature *f = &list->items[i];
        json_t *one = json_pack("{s:o, s:s, s:o}", "name", text(f->name), "type",
                                sotto_mil_dtype_get((int64_t)f->type.dtype)->name, "shape",
                                numbers(f->type.dim, f->type.rank));
        size_t n, n_bytes;
        if (ranged) {
            (void)json_object_set_new(one, "lower", numbers(f->lower, f->type.rank));
            (void)json_object_set_new(one, "upper", numbers(f->upper, f->type.rank));
        } else if (f->type.rank && sotto_mil_type_measure(&f->type, &n, &n_bytes)) {
            (void)json_object_set_new(one, "bytes", json_integer((json_int_t)n_bytes));
        }
        (void)json_array_append_new(all, one);
    }
    return all;
}

static json_t *operations_json(const sotto_mil_function *f) {
    json_t *counts = json_object();
    for (int32_t i = 0; i < f->n_ops; i++) {
        json_int_t before = json_integer_value(json_object_get(counts, f->ops[i].type));
        (void)json_object_set_new(counts, f->ops[i].type, json_integer(before + 1));
    }
    return counts;
}

static void count(json_t *types, const sotto_mil_type *type, size_t weights, size_t bytes) {
    const char *name = sotto_mil_dtype_get((int64_t)type->dtype)->name;
    json_t     *t = json_object_get(types, name);
    json_int_t  n[3] = {1, (json_int_t)weights, (json_int_t)bytes};
    static const char *const keys[] = {"tensors", "params", "bytes"};
    json_t *sum = json_object();
    for (size_t i = 0; i < 3; i++)
        (void)json_object_set_new(sum, keys[i], json_integer(n[i] + json_integer_value(json_object_get(t, keys[i]))));
    (void)json_object_set_new(types, name, sum);
}

/* What lies in weight.bin, by type: codes together with their scales and offsets. */
static json_t *types_json(const sotto_mil_function *f) {
    json_t *types = json_object();
    for (int32_t i = 0; i < f->n_ops; i++) {
        const sotto_mil_op    *op = &f->ops[i];
        const sotto_mil_value *v = op->n_outputs == 1 ? f->vars[op->outputs[0]].value : NULL;
        const sotto_mil_arg   *data = sotto_mil_arg_find(op, "data");
        size_t                 n, n_bytes, bytes = 0;
        if (v && v->blob && sotto_mil_type_measure(&v->type, &n, &n_bytes)) count(types, &v->type, n, n_bytes);
        if (strncmp(op->type, "constexpr_", 10) != 0 || !data || !data->value) continue;
        for (int32_t k = 0; k < op->n_args; k++) bytes += op->args[k].value ? op->args[k].value->n_bytes : 0;
        if (sotto_mil_type_measure(&data->value->type, &n, &n_bytes)) count(types, &data->value->type, n, bytes);
    }
    return types;
}

static json_t *document(const sotto_mil_package *p, const char *path, const char *problem) {
    const sotto_mil_function *f = sotto_mil_function_find(&p->program, "main");
    json_t                   *metadata = json_object();
    if (!f) f = &p->program.functions[0];
    for (int32_t i = 0; i < p->program.n_pairs; i++)
        (void)json_object_set_new(metadata, p->program.pairs[i].key, text(p->program.pairs[i].value));
    json_t *doc = json_pack("{s:s, s:o, s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "format", "mlpackage",
                            "path", text(path), "file_bytes", (json_int_t)(p->model.size + p->weights.size),
                            "specification", (int)p->program.version, "opset", text(f->opset), "description",
                            text(p->program.description), "metadata", metadata, "inputs",
                            features_json(&f->inputs, true), "outputs", features_json(&f->outputs, false), "states",
                            features_json(&f->states, false), "operations", operations_json(f), "types", types_json(f));
    (void)json_object_set_new(doc, "problems", problem ? json_pack("[o]", text(problem)) : json_array());
    return doc;
}

sotto_status sotto_program_inspect(const char *path, sotto_bytes *out, sotto_error *err) {
    sotto_mil_package *package;
    sotto_program     *program;
    sotto_error        why;
    SOTTO_TRY(sotto_mil_package_open(&package, path, true, err));
    const sotto_program_options look = {.threads = 1, .look_only = true};
    bool                        runs = sotto_program_open(&program, path, &look, &why) == SOTTO_OK;
    if (runs) sotto_program_close(program);
    json_t *doc = document(package, path, runs ? NULL : why.message);
    char   *made = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    sotto_mil_package_close(package);
    if (!made) return sotto_fail_memory(err, "the description of a package");
    *out = (sotto_bytes){made, strlen(made)};
    return SOTTO_OK;
}
