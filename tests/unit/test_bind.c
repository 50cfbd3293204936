/* Binding: a tensor that is missing, of another shape or type, or left over is refused by its name; Q, K and V kept as
 * one matrix compute what three do. The files are copies of a small GGUF with one thing changed. */
#define _XOPEN_SOURCE 700
#include "test.h"

#include <unistd.h>

#include <sotto/sotto.h>

#include "model/model.h"

static const char source[] = "fuzz/corpus/model/llama";
static char       path[64];

typedef enum change { NOTHING, LEAVE_OUT, TRANSPOSE, AS_I8, ADD_BIAS, FUSE, SHORT_NORM, ADD_ELSEWHERE } change;

static bool is(const sotto_tensor *t, const char *name) { return sotto_str_is(t->name, name); }

/* What the copy has in place of a tensor: its shape, or false when it has none. */
static bool place(const sotto_tensor *t, change what, sotto_dtype *dtype, int64_t dim[2]) {
    *dtype = t->dtype, dim[0] = t->dim[0], dim[1] = t->dim[1];
    bool q = is(t, "blk.1.attn_q.weight"), kv = is(t, "blk.1.attn_k.weight") || is(t, "blk.1.attn_v.weight");
    if (what == LEAVE_OUT && is(t, "blk.1.ffn_up.weight")) return false;
    if (what == TRANSPOSE && is(t, "blk.0.attn_k.weight")) dim[0] = t->dim[0] * 2, dim[1] = t->dim[1] / 2;
    if (what == AS_I8 && is(t, "blk.0.attn_k.weight")) *dtype = SOTTO_I8;
    if (what == SHORT_NORM && is(t, "blk.0.attn_norm.weight")) dim[0] = 31;
    if (what == FUSE && kv) return false;
    if (what == FUSE && q) dim[1] = 32 + 16 + 16;
    return true;
}

static void write_copy(change what) {
    sotto_error        err = {0};
    sotto_checkpoint  *c = NULL;
    sotto_gguf_writer *w = NULL;
    sotto_dtype        dtype;
    int64_t            dim[2], extra = 32;
    uint8_t            zeros[1024] = {0};
    CHECK_OK(sotto_checkpoint_open(&c, source, NULL, &err), err);
    CHECK_OK(sotto_gguf_writer_open(&w, path, &err), err);
    for (size_t i = 0; i < sotto_gguf_key_count(c->gguf); i++)
        CHECK_OK(sotto_gguf_put_value(w, sotto_gguf_key(c->gguf, i), sotto_gguf_at(c->gguf, i), &err), err);
    for (size_t i = 0; i < c->n_tensors; i++) {
        const sotto_tensor *t = &c->tensors[i];
        char                name[64];
        snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
        if (!place(t, what, &dtype, dim)) continue;
        if (what == FUSE && is(t, "blk.1.attn_q.weight")) snprintf(name, sizeof name, "blk.1.attn_qkv.weight");
        CHECK_OK(sotto_gguf_put_tensor(w, name, dtype, t->n_dims, dim, &err), err);
    }
    if (what == ADD_BIAS) CHECK_OK(sotto_gguf_put_tensor(w, "blk.0.attn_q.bias", SOTTO_F32, 1, &extra, &err), err);
    if (what == ADD_ELSEWHERE)
        CHECK_OK(sotto_gguf_put_tensor(w, "blk.2.nextn.weight", SOTTO_F32, 1, &extra, &err), err);
    CHECK_OK(sotto_gguf_begin_data(w, &err), err);
    for (size_t i = 0; i < c->n_tensors; i++) {
        const sotto_tensor *t = &c->tensors[i];
        if (!place(t, what, &dtype, dim)) continue;
        size_t n = t->n_bytes;
        if (what == AS_I8 && is(t, "blk.0.attn_k.weight")) n = (size_t)(t->dim[0] * t->dim[1]);
        if (what == SHORT_NORM && is(t, "blk.0.attn_norm.weight")) n = 31 * 4;
        CHECK_OK(sotto_gguf_write(w, n <= t->n_bytes ? t->data : zeros, n, &err), err);
        if (what == FUSE && is(t, "blk.1.attn_q.weight")) {
            const sotto_tensor *k = sotto_checkpoint_find(c, "blk.1.attn_k.weight"),
                               *v = sotto_checkpoint_find(c, "blk.1.attn_v.weight");
            CHECK_OK(sotto_gguf_write(w, k->data, k->n_bytes, &err), err);
            CHECK_OK(sotto_gguf_write(w, v->data, v->n_bytes, &err), err);
        }
    }
    if (what == ADD_BIAS || what == ADD_ELSEWHERE) CHECK_OK(sotto_gguf_write(w, zeros, 32 * 4, &err), err);
    CHECK_OK(sotto_gguf_commit(w, &err), err);
    sotto_checkpoint_close(c);
}

static void expect(change what, sotto_status status, const char *mention) {
    sotto_error  err = {0};
    sotto_model *m = NULL;
    write_copy(what);
    sotto_status s = sotto_model_open(&m, path, NULL, &err);
    test_checks++;
    if (s != status || (mention && !strstr(err.message, mention)))
        TEST_FAIL("change %d: status %d, \"%s\"; expected %d, mentioning \"%s\"", (int)what, (int)s,
                  err.message, (int)status, mention ? mention : "");
    sotto_model_close(m);
}

TEST(what_does_not_fit_is_refused_by_name) {
    expect(NOTHING, SOTTO_OK, NULL);
    expect(LEAVE_OUT, SOTTO_FORMAT, "blk.1.ffn_up.weight is missing");
    expect(TRANSPOSE, SOTTO_FORMAT, "blk.0.attn_k.weight: shape 8x64, expected 16x32");
    expect(AS_I8, SOTTO_UNSUPPORTED, "blk.0.attn_k.weight");
    expect(SHORT_NORM, SOTTO_FORMAT, "blk.0.attn_norm.weight");
    expect(ADD_BIAS, SOTTO_UNSUPPORTED, "blk.0.attn_q.bias");
    expect(ADD_ELSEWHERE, SOTTO_OK, NULL); /* a layer beyond the last: only speculation would use it */
}

static float *logits_of(const char *file) {
    const int32_t  ids[5] = {2, 260, 262, 264, 265};
    sotto_error    err = {0};
    sotto_model   *m = NULL;
    sotto_session *s = NULL;
    float         *logits = calloc(5 * 270, sizeof *logits);
    CHECK_OK(sotto_model_open(&m, file, NULL, &err), err);
    if (m) CHECK_OK(sotto_session_open(&s, m, NULL, &err), err);
    if (s) CHECK_OK(sotto_session_append_logits(s, ids, 5, logits, &err), err);
    sotto_session_close(s);
    sotto_model_close(m);
    return logits;
}

TEST(fused_qkv_computes_the_same) {
    write_copy(FUSE);
    float *a = logits_of(source), *b = logits_of(path);
    CHECK(a[7] != 0);
    CHECK(memcmp(a, b, 5 * 270 * sizeof *a) == 0);
    free(a);
    free(b);
}

int main(int argc, char **argv) {
    snprintf(path, sizeof path, "/tmp/sotto-bind-%d.gguf", (int)getpid());
    int result = test_main(argc, argv);
    unlink(path);
    return result;
}
