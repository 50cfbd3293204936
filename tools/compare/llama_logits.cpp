// Prints what llama.cpp computes for a prompt: "n_vocab n_tokens", one line of logits per token, then the tokens of a
// greedy continuation.   llama_logits MODEL.gguf ID,ID,... N_GREEDY
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "llama.h"

static int best_of(const float *logits, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: llama_logits MODEL.gguf ID,ID,... N_GREEDY\n"), 2;
    llama_log_set([](ggml_log_level level, const char *text, void *) {
        if (level >= GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
    }, nullptr);
    llama_backend_init();
    llama_model_params mp = llama_model_default_params();
    llama_model *model = llama_model_load_from_file(argv[1], mp);
    if (!model) return 1;
    std::vector<llama_token> ids;
    for (const char *p = argv[2]; *p; p += *p == ',') ids.push_back((llama_token)strtol(p, const_cast<char **>(&p), 10));

    llama_context_params cp = llama_context_default_params();
    cp.n_ctx = cp.n_batch = cp.n_ubatch = 512;
    cp.type_k = cp.type_v = GGML_TYPE_F32; // as sotto's --cache-type f32
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    cp.swa_full = true;
    llama_context *ctx = llama_init_from_model(model, cp);
    if (!ctx) return 1;
    const int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));

    llama_batch batch = llama_batch_init(512, 0, 1);
    auto put = [&](int i, llama_token id, int pos) {
        batch.token[i] = id, batch.pos[i] = pos, batch.n_seq_id[i] = 1, batch.seq_id[i][0] = 0, batch.logits[i] = 1;
        batch.n_tokens = i + 1;
    };
    for (size_t i = 0; i < ids.size(); i++) put((int)i, ids[i], (int)i);
    if (llama_decode(ctx, batch)) return 1;
    printf("%d %zu\n", n_vocab, ids.size());
    for (size_t i = 0; i < ids.size(); i++) {
        const float *logits = llama_get_logits_ith(ctx, (int)i);
        for (int k = 0; k < n_vocab; k++) printf("%.9g ", logits[k]);
        puts("");
    }
    const float *logits = llama_get_logits_ith(ctx, (int)ids.size() - 1);
    for (int n = atoi(argv[3]), pos = (int)ids.size(); n > 0; n--, pos++) {
        int id = best_of(logits, n_vocab);
        printf("%d ", id);
        put(0, id, pos);
        if (llama_decode(ctx, batch)) return 1;
        logits = llama_get_logits_ith(ctx, 0);
    }
    puts("");
    return 0;
}
