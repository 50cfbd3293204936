/* The KV cache's memory: what no query can see any more is given back (it reads as zero again), what an edit of the
 * last turn needs is kept, and the budget says what can come to be used. */
#include "test.h"

#include "model/model.h"

enum { HEAD_DIM = 256, CONTEXT = 20000, WINDOW = 100, SLACK = 4096 };

static sotto_layer_config layers[] = {
    {.n_heads = 2, .n_kv_heads = 1, .head_dim = HEAD_DIM, .n_ff = 1, .window = WINDOW, .kv_layer = 0},
    {.n_heads = 2, .n_kv_heads = 1, .head_dim = HEAD_DIM, .n_ff = 1, .window = 0, .kv_layer = 1},
    {.n_heads = 2,
     .n_kv_heads = 1,
     .head_dim = HEAD_DIM,
     .n_ff = 1,
     .window = WINDOW,
     .kv_layer = 0}, /* shares layer 0 */
};
static const sotto_config config = {.n_layers = 3, .layers = layers};

/* Positions [from, to) of a layer that hold something: every one is written with ones. */
static void put(sotto_kv *kv, int32_t from, int32_t to) {
    for (int32_t i = 0; i < 2; i++)
        for (int32_t p = from; p < to; p++) {
            memset(kv->layers[i].k + (size_t)p * kv->layers[i].stride, 1, kv->layers[i].stride);
            memset(kv->layers[i].v + (size_t)p * kv->layers[i].stride, 1, kv->layers[i].stride);
        }
    kv->n = to;
}

static int32_t held(const sotto_kv *kv, int32_t layer, int32_t upto) {
    int32_t n = 0;
    for (int32_t p = 0; p < upto; p++) n += kv->layers[layer].k[(size_t)p * kv->layers[layer].stride];
    return n;
}

TEST(window_layers_give_back_what_nobody_sees) {
    sotto_kv    kv;
    sotto_error err = {0};
    CHECK_OK(sotto_kv_open(&kv, &config, SOTTO_F16, CONTEXT, &err), err);
    CHECK(kv.layers[2].k == NULL);
    put(&kv, 0, 3000);
    sotto_kv_set_mark(&kv, 2000);
    CHECK_INT(held(&kv, 1, 3000), 3000);
    CHECK_INT(kv.layers[0].floor, 2000 - WINDOW + 1);
    int32_t kept = held(&kv, 0, 3000); /* whole pages only: 512 bytes a position */
    CHECK(kept >= 1000 + WINDOW - 1 && kept <= 1000 + WINDOW - 1 + (1 << 14) / 512);
    CHECK(sotto_kv_rewind(&kv, 2000)); /* the last turn can be edited */
    CHECK_INT(kv.n, 2000);
    CHECK(held(&kv, 1, 3000) <= 2000 + (1 << 14) / 512); /* forgotten positions are given back too */
    CHECK(!sotto_kv_rewind(&kv, 1999));                  /* the turn before it cannot: its window is gone */
    CHECK(sotto_kv_rewind(&kv, 0));
    CHECK_INT(kv.layers[0].floor, 0);
    sotto_kv_close(&kv);
}

TEST(a_long_turn_does_not_keep_everything) {
    sotto_kv    kv;
    sotto_error err = {0};
    CHECK_OK(sotto_kv_open(&kv, &config, SOTTO_F16, CONTEXT, &err), err);
    put(&kv, 0, 15000);
    sotto_kv_set_mark(&kv, 0);
    CHECK_INT(kv.mark, 15000 - SLACK);
    CHECK(held(&kv, 0, 15000) <= SLACK + WINDOW + (1 << 14) / 512);
    CHECK(sotto_kv_rewind(&kv, 15000 - SLACK));
    sotto_kv_close(&kv);
}

TEST(the_budget_counts_windows_and_sharing) {
    const uint64_t row = 2 * HEAD_DIM * 2; /* key and value, f16 */
    uint64_t       full = CONTEXT * row, window = (WINDOW + SLACK) * row,
             bytes = sotto_kv_bytes(&config, SOTTO_F16, CONTEXT, 0);
    CHECK(bytes >= full + window && bytes <= full + window + 4 * (1 << 14));
    CHECK_INT(sotto_kv_read_bytes(&config, SOTTO_F16, 1000), 1000 * row + 2 * WINDOW * row);
}

TEST_MAIN()
