/* Writing GGUF: what is written is read back, and misuse gives no file. */
#include "model_folder.h"

#include "model_bytes.h"

static const int64_t two_by_64[2] = {64, 2};

/* One of each kind of key, three tensors. */
static sotto_status write_all(const char *path, sotto_error *err) {
    static const sotto_str strings[] = {{"x", 1}, {"", 0}, {"a\0b", 3}};
    static const bool      bools[] = {true, false};
    sotto_gguf_writer     *w;
    uint8_t                bytes[512];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
    SOTTO_TRY(sotto_gguf_writer_open(&w, path, err));
    CHECK_OK(sotto_gguf_put_str(w, "general.architecture", sotto_str_from("gemma3"), err), *err);
    CHECK_OK(sotto_gguf_put_u32(w, "u32", UINT32_MAX, err), *err);
    CHECK_OK(sotto_gguf_put_i32(w, "i32", INT32_MIN, err), *err);
    CHECK_OK(sotto_gguf_put_f32(w, "f32", 0.1f, err), *err);
    CHECK_OK(sotto_gguf_put_bool(w, "bool", true, err), *err);
    CHECK_OK(sotto_gguf_put_u32_array(w, "u32s", (uint32_t[]){1, 2, 3}, 3, err), *err);
    CHECK_OK(sotto_gguf_put_i32_array(w, "i32s", (int32_t[]){-1, 2}, 2, err), *err);
    CHECK_OK(sotto_gguf_put_f32_array(w, "f32s", (float[]){0.5f, -3}, 2, err), *err);
    CHECK_OK(sotto_gguf_put_bool_array(w, "bools", bools, 2, err), *err);
    CHECK_OK(sotto_gguf_put_str_array(w, "strs", strings, 3, err), *err);
    CHECK_OK(sotto_gguf_put_str_array(w, "none", NULL, 0, err), *err);
    CHECK_OK(sotto_gguf_put_tensor(w, "odd", SOTTO_F32, 2, (int64_t[]){3, 5}, err), *err);
    CHECK_OK(sotto_gguf_put_tensor(w, "q4", SOTTO_Q4_0, 2, two_by_64, err), *err);
    CHECK_OK(sotto_gguf_put_tensor(w, "one", SOTTO_F16, 1, (int64_t[]){1}, err), *err);
    uint64_t total = sotto_gguf_writer_total_bytes(w);
    CHECK_OK(sotto_gguf_begin_data(w, err), *err);
    CHECK_INT(sotto_gguf_writer_total_bytes(w), total);
    CHECK_INT(total % 32, 0);
    for (size_t i = 0; i < 60; i += 20) CHECK_OK(sotto_gguf_write(w, bytes + i, 20, err), *err);
    CHECK_OK(sotto_gguf_write(w, bytes, 72, err), *err);
    CHECK_OK(sotto_gguf_write(w, bytes + 7, 2, err), *err);
    SOTTO_TRY(sotto_gguf_commit(w, err));
    sotto_file f;
    SOTTO_TRY(sotto_file_open(&f, path, true, err));
    CHECK_INT(f.size, total);
    sotto_file_close(&f);
    return SOTTO_OK;
}

static void check_all(const sotto_checkpoint *c) {
    const sotto_gguf *g = c->gguf;
    int64_t           i = 0;
    double            f = 0;
    bool              flag = false;
    sotto_str         s = {0};
    CHECK_INT(sotto_gguf_key_count(g), 11);
    CHECK(sotto_gguf_get_str(sotto_gguf_find(g, "general.architecture"), &s) && sotto_str_is(s, "gemma3"));
    CHECK(sotto_gguf_get_i64(sotto_gguf_find(g, "u32"), &i) && i == UINT32_MAX);
    CHECK(sotto_gguf_get_i64(sotto_gguf_find(g, "i32"), &i) && i == INT32_MIN);
    CHECK(sotto_gguf_get_f64(sotto_gguf_find(g, "f32"), &f) && f == (double)0.1f);
    CHECK(sotto_gguf_get_bool(sotto_gguf_find(g, "bool"), &flag) && flag);
    CHECK(sotto_gguf_item_i64(sotto_gguf_find(g, "u32s"), 2, &i) && i == 3);
    CHECK(sotto_gguf_item_i64(sotto_gguf_find(g, "i32s"), 0, &i) && i == -1);
    CHECK(sotto_gguf_item_f64(sotto_gguf_find(g, "f32s"), 1, &f) && f == -3);
    CHECK(sotto_gguf_item_bool(sotto_gguf_find(g, "bools"), 1, &flag) && !flag);
    CHECK(sotto_gguf_item_bool(sotto_gguf_find(g, "bools"), 0, &flag) && flag);
    CHECK(sotto_gguf_item_str(sotto_gguf_find(g, "strs"), 2, &s) && s.n == 3 && memcmp(s.p, "a\0b", 3) == 0);
    CHECK(sotto_gguf_is_array(sotto_gguf_find(g, "none")) &&
          sotto_gguf_count(sotto_gguf_find(g, "none")) == 0);
    CHECK_INT(c->n_tensors, 3);
    const sotto_tensor *odd = sotto_checkpoint_find(c, "odd"), *q4 = sotto_checkpoint_find(c, "q4");
    const sotto_tensor *one = sotto_checkpoint_find(c, "one");
    CHECK(odd && odd->dtype == SOTTO_F32 && odd->dim[0] == 3 && odd->dim[1] == 5 && odd->n_bytes == 60);
    CHECK(q4 && q4->dtype == SOTTO_Q4_0 && q4->n_bytes == 72 && ((const uint8_t *)q4->data)[71] == 71);
    CHECK(one && one->n_dims == 1 && one->n_bytes == 2 && ((const uint8_t *)one->data)[0] == 7);
    for (int k = 0; odd && k < 60; k++) CHECK(((const uint8_t *)odd->data)[k] == k);
}

TEST(what_is_written_is_read) {
    sotto_error       err = {0};
    sotto_checkpoint *c = NULL;
    CHECK_OK(write_all(in_folder("a.gguf"), &err), err);
    CHECK_OK(sotto_checkpoint_open(&c, in_folder("a.gguf"), NULL, &err), err);
    if (c) check_all(c);
    sotto_checkpoint_close(c);
}

TEST(values_are_copied_as_they_are) {
    sotto_error        err = {0};
    sotto_checkpoint  *from = NULL, *to = NULL;
    sotto_gguf_writer *w = NULL;
    CHECK_OK(sotto_checkpoint_open(&from, "unit/data/reference.gguf", NULL, &err), err);
    if (!from) return;
    CHECK_OK(sotto_gguf_writer_open(&w, in_folder("copy.gguf"), &err), err);
    for (size_t i = 0; i < sotto_gguf_key_count(from->gguf); i++)
        CHECK_OK(sotto_gguf_put_value(w, sotto_gguf_key(from->gguf, i), sotto_gguf_at(from->gguf, i), &err),
                 err);
    for (size_t i = 0; i < from->n_tensors; i++) {
        const sotto_tensor *t = &from->tensors[i];
        char                name[64];
        snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        CHECK_OK(sotto_gguf_put_tensor(w, name, t->dtype, t->n_dims, t->dim, &err), err);
    }
    CHECK_OK(sotto_gguf_begin_data(w, &err), err);
    for (size_t i = 0; i < from->n_tensors; i++)
        CHECK_OK(sotto_gguf_write(w, from->tensors[i].data, from->tensors[i].n_bytes, &err), err);
    CHECK_OK(sotto_gguf_commit(w, &err), err);
    CHECK_OK(sotto_checkpoint_open(&to, in_folder("copy.gguf"), NULL, &err), err);
    /* The reference writer lays a file out as ours does: the copy is the same, byte for byte. */
    CHECK(to && to->n_bytes == from->n_bytes &&
          memcmp(to->files[0].data, from->files[0].data, from->n_bytes) == 0);
    sotto_checkpoint_close(from);
    sotto_checkpoint_close(to);
}

/* One mistake each, in an otherwise good file of one key and one tensor. */
typedef sotto_status (*mistake)(sotto_gguf_writer *w, int stage, sotto_error *err);

static sotto_status key_twice(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 0 ? sotto_gguf_put_u32(w, "key", 2, err) : SOTTO_OK;
}
static sotto_status key_empty(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 0 ? sotto_gguf_put_u32(w, "", 2, err) : SOTTO_OK;
}
static sotto_status key_alignment(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 0 ? sotto_gguf_put_u32(w, "general.alignment", 64, err) : SOTTO_OK;
}
static sotto_status key_late(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 1 ? sotto_gguf_put_u32(w, "late", 2, err) : SOTTO_OK;
}
static sotto_status tensor_twice(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 1 ? sotto_gguf_put_tensor(w, "tensor", SOTTO_F32, 2, two_by_64, err) : SOTTO_OK;
}
static sotto_status tensor_name(sotto_gguf_writer *w, int stage, sotto_error *err) {
    static const char name[] = "name of 64 bytes 89012345678901234567890123456789012345678901234";
    return stage == 1 ? sotto_gguf_put_tensor(w, name, SOTTO_F32, 2, two_by_64, err) : SOTTO_OK;
}
static sotto_status tensor_rows(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 1 ? sotto_gguf_put_tensor(w, "rows", SOTTO_Q4_K, 2, two_by_64, err) : SOTTO_OK;
}
static sotto_status tensor_dims(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 1 ? sotto_gguf_put_tensor(w, "dims", SOTTO_F32, 2, (int64_t[]){4, 0}, err) : SOTTO_OK;
}
static sotto_status tensor_huge(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 1 ? sotto_gguf_put_tensor(w, "huge", SOTTO_F32, 2, (int64_t[]){INT64_MAX, 8}, err)
                      : SOTTO_OK;
}
static sotto_status tensor_type(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 1 ? sotto_gguf_put_tensor(w, "type", SOTTO_BOOL, 2, two_by_64, err) : SOTTO_OK;
}
static sotto_status tensor_late(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 2 ? sotto_gguf_put_tensor(w, "late", SOTTO_F32, 2, two_by_64, err) : SOTTO_OK;
}
static sotto_status data_early(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 1 ? sotto_gguf_write(w, "12", 2, err) : SOTTO_OK;
}
static sotto_status data_too_long(sotto_gguf_writer *w, int stage, sotto_error *err) {
    static const char bytes[37];
    return stage == 2 ? sotto_gguf_write(w, bytes, sizeof bytes, err) : SOTTO_OK;
}
static sotto_status data_after_end(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 3 ? sotto_gguf_write(w, "1", 1, err) : SOTTO_OK;
}
static sotto_status data_twice(sotto_gguf_writer *w, int stage, sotto_error *err) {
    return stage == 2 ? sotto_gguf_begin_data(w, err) : SOTTO_OK;
}

static sotto_status write_with(const char *path, mistake make, sotto_error *err) {
    static const char  bytes[36];
    sotto_gguf_writer *w;
    SOTTO_TRY(sotto_gguf_writer_open(&w, path, err));
    sotto_status status = sotto_gguf_put_u32(w, "key", 1, err);
    if (status == SOTTO_OK) status = make(w, 0, err);
    if (status == SOTTO_OK) status = sotto_gguf_put_tensor(w, "tensor", SOTTO_Q4_0, 2, two_by_64, err);
    if (status == SOTTO_OK) status = make(w, 1, err);
    if (status == SOTTO_OK) status = sotto_gguf_begin_data(w, err);
    if (status == SOTTO_OK) status = sotto_gguf_write(w, bytes, 36, err);
    if (status == SOTTO_OK) status = make(w, 2, err);
    if (status == SOTTO_OK) status = sotto_gguf_write(w, bytes, 36, err);
    if (status == SOTTO_OK) status = make(w, 3, err);
    sotto_gguf_writer_close(w);
    return status;
}

TEST(mistakes_are_named) {
    static const struct {
        mistake     make;
        const char *culprit;
    } cases[] = {
        {key_twice, "key 'key' is written twice"},
        {key_empty, "not 0"},
        {key_alignment, "general.alignment"},
        {key_late, "key 'late'"},
        {tensor_twice, "tensor 'tensor' is written twice"},
        {tensor_name, "has 64"},
        {tensor_rows, "tensor 'rows' cannot be written as q4_k"},
        {tensor_dims, "tensor 'dims'"},
        {tensor_huge, "tensor 'huge'"},
        {tensor_type, "GGUF has no type bool"},
        {tensor_late, "tensor 'late'"},
        {data_early, "no tensor awaits"},
        {data_too_long, "tensor 'tensor' has 72 bytes"},
        {data_after_end, "no tensor awaits"},
        {data_twice, "begin twice"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_error err = {0};
        CHECK_INT(write_with(in_folder("bad.gguf"), cases[i].make, &err), SOTTO_INVALID);
        if (!strstr(err.message, cases[i].culprit)) CHECK_STR(err.message, cases[i].culprit);
        CHECK(sotto_path_kind_of(in_folder("bad.gguf")) == SOTTO_PATH_NONE);
    }
}

TEST(half_a_file_is_not_committed) {
    sotto_error        err = {0};
    sotto_gguf_writer *w;
    CHECK_OK(sotto_gguf_writer_open(&w, in_folder("half.gguf"), &err), err);
    CHECK_INT(sotto_gguf_commit(w, &err), SOTTO_INVALID);
    CHECK_OK(sotto_gguf_writer_open(&w, in_folder("half.gguf"), &err), err);
    CHECK_OK(sotto_gguf_put_tensor(w, "t", SOTTO_F32, 2, two_by_64, &err), err);
    CHECK_OK(sotto_gguf_begin_data(w, &err), err);
    CHECK_OK(sotto_gguf_write(w, "1234", 4, &err), err);
    CHECK_INT(sotto_gguf_commit(w, &err), SOTTO_INVALID);
    CHECK(strstr(err.message, "4 of the 512 bytes of tensor 't'") != NULL);
    CHECK(sotto_path_kind_of(in_folder("half.gguf")) == SOTTO_PATH_NONE);
    CHECK(sotto_gguf_writer_open(&w, in_folder("absent/x.gguf"), &err) != SOTTO_OK && w == NULL);
    sotto_gguf_writer_close(NULL);
}

TEST_MAIN()
