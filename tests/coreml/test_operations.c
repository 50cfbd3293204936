/* Every operation against coremltools: tools/coreml/make_operations.py wrote the program, its inputs and what its
 * outputs are. In fp32, so that only the order of sums differs: 2^-18 of an output's largest number is allowed. */
#include <sotto/coreml.h>

#include "format/parse.h"
#include "test.h"

enum { OUTPUTS_MAX = 160 };

static const sotto_tensor *find(const sotto_tensor_list *list, const char *prefix, const char *name) {
    char key[96];
    (void)snprintf(key, sizeof key, "%s%s", prefix, name);
    int32_t i = sotto_map_get(&list->names, sotto_str_from(key));
    return i < 0 ? NULL : &list->items[i];
}

static size_t take_inputs(const sotto_program *p, const sotto_tensor_list *list, sotto_array *in) {
    size_t                       n;
    const sotto_program_feature *f = sotto_program_inputs(p, &n);
    for (size_t i = 0; i < n; i++) {
        const sotto_tensor *t = find(list, "in_", f[i].name);
        CHECK(t && t->n_dims == f[i].rank);
        in[i] = (sotto_array){.name = f[i].name, .element = f[i].element, .rank = f[i].rank,
                              .data = t ? t->data : NULL};
        memcpy(in[i].shape, f[i].shape, sizeof in[i].shape);
    }
    return n;
}

static double value(sotto_element type, const void *data, size_t i) {
    return type == SOTTO_ELEMENT_F32 ? (double)((const float *)data)[i] : (double)((const int32_t *)data)[i];
}

static void check_output(const sotto_array *got, const sotto_tensor *want) {
    size_t n = 1, n_want = want ? want->n_bytes / 4 : 0;
    double top = 0, worst = 0;
    for (int32_t i = 0; i < got->rank; i++) n *= (size_t)got->shape[i];
    test_checks++;
    if (!want || n != n_want) {
        TEST_FAIL("%s: %zu numbers, %zu are expected", got->name, n, n_want);
        return;
    }
    for (int32_t i = 0; got->rank == want->n_dims && i < got->rank; i++) /* a file's go backwards */
        CHECK_INT(got->shape[i], want->dim[got->rank - 1 - i]);
    for (size_t i = 0; i < n; i++) {
        double a = value(got->element, got->data, i), b = value(got->element, want->data, i), d = fabs(a - b);
        worst = d > worst || d != d ? d : worst;
        top = fabs(b) > top ? fabs(b) : top;
    }
    if (!(worst <= (got->element == SOTTO_ELEMENT_F32 ? ldexp(top, -18) : 0)))
        TEST_FAIL("%s: off by %.2e, of numbers up to %.2e", got->name, worst, top);
}

static void check_all(sotto_program *p, const sotto_tensor_list *list) {
    sotto_array          in[8], out[OUTPUTS_MAX];
    sotto_program_state *st = NULL;
    sotto_error          err = {0};
    size_t               n_in = take_inputs(p, list, in), n_out;
    (void)sotto_program_outputs(p, &n_out);
    CHECK(n_out >= 90 && n_out <= OUTPUTS_MAX);
    CHECK_OK(sotto_program_state_open(&st, p, &err), err);
    if (st) CHECK_OK(sotto_program_predict(p, st, in, n_in, out, n_out, &err), err);
    for (size_t i = 0; st && !err.message[0] && i < n_out; i++) check_output(&out[i], find(list, "", out[i].name));
    sotto_program_state_close(st);
}

TEST(operations_mean_what_coremltools_says) {
    sotto_file        file = {0};
    sotto_tensor_list list = {0};
    sotto_error       err = {0};
    CHECK_OK(sotto_file_open(&file, "coreml/operations.safetensors", true, &err), err);
    CHECK_OK(sotto_safetensors_parse(&list, file.data, file.size, 0, &err), err);
    for (int32_t threads = 1; threads <= 3; threads += 2) {
        sotto_program        *p = NULL;
        sotto_program_options o = {.threads = threads, .exact = true};
        CHECK_OK(sotto_program_open(&p, "coreml/operations.mlpackage", &o, &err), err);
        if (p) check_all(p, &list);
        sotto_program_close(p);
    }
    sotto_tensor_list_free(&list);
    sotto_file_close(&file);
}

TEST_MAIN()
