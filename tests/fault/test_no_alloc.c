/* Once an answer is under way no token of it allocates: what a step needs is there when the generator is opened or has
 * grown with the first tokens. The linker redirects the allocations here (-Wl,--wrap=...). */
#include "fault/allocations.h"
#include "test.h"

#include <stdatomic.h>

#include <sotto/sotto.h>

enum { WARM_UP = 5, COUNTED = 40 };

static atomic_long allocations; /* of every thread */

static void count(void) { atomic_fetch_add(&allocations, 1); }
void *__wrap_malloc(size_t n) { return count(), __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return count(), __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return count(), __real_realloc(p, n); }
void *__wrap_aligned_alloc(size_t align, size_t n) { return count(), __real_aligned_alloc(align, n); }

static void generate(const char *path, const sotto_generate_options *o) {
    sotto_error           err = {0};
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_generator      *g = NULL;
    sotto_tokens          prompt = {0};
    sotto_piece           piece = {0};
    sotto_model_options   mo = {.threads = 2, .chat_format = o->tools ? "chatml" : NULL};
    sotto_tokenize_options to = {.bos = true};
    allocations = 0;
    CHECK_OK(sotto_model_open(&m, path, &mo, &err), err);
    CHECK_OK(sotto_session_open(&s, m, NULL, &err), err);
    CHECK_OK(sotto_tokenize(m, "hello there", 11, to, &prompt, &err), err);
    CHECK_OK(sotto_session_sync(s, prompt.ids, prompt.n, &err), err);
    CHECK_OK(sotto_generator_open(&g, s, o, &err), err);
    CHECK(allocations > 10); /* or nothing is counted */
    size_t n_text = 0;
    for (int i = 0; i < WARM_UP; i++) CHECK_OK(sotto_generator_next(g, &piece, &err), err);
    allocations = 0;
    for (int i = 0; i < COUNTED; i++) {
        CHECK_OK(sotto_generator_next(g, &piece, &err), err);
        n_text += piece.n_text;
    }
    CHECK_INT(allocations, 0);
    CHECK(!piece.done);
    CHECK(n_text > 0);
    sotto_generator_close(g);
    sotto_tokens_free(&prompt);
    sotto_session_close(s);
    sotto_model_close(m);
}

static const char *const paths[] = {"golden/gemma3", "golden/llama3"}; /* one with a byte-level tokenizer */

TEST(the_likeliest_tokens) {
    sotto_generate_options o = sotto_generate_options_default();
    sotto_sampling         sampling = {.temperature = 0, .top_p = 1, .typical_p = 1, .repetition_penalty = 1,
                                       .dry_base = 1.75f, .dry_allowed_length = 2};
    o.sampling = &sampling, o.ignore_end = true;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) generate(paths[i], &o);
}

TEST(every_step_of_sampling_with_stop_strings_and_logprobs) {
    static const char *const stops[] = {"a text that does not come"};
    sotto_generate_options   o = sotto_generate_options_default();
    sotto_sampling           sampling = {.temperature = 1, .top_k = 40, .top_p = 0.9f, .min_p = 0.01f,
                                         .typical_p = 0.95f, .repetition_penalty = 1.1f, .presence_penalty = 0.1f,
                                         .frequency_penalty = 0.1f, .penalty_last = 64, .dry_multiplier = 0.8f,
                                         .dry_base = 1.75f, .dry_allowed_length = 2, .dry_last = -1, .seed = 1};
    o.sampling = &sampling, o.ignore_end = true, o.top_logprobs = 5, o.stops = stops, o.n_stops = 1;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) generate(paths[i], &o);
}

TEST(text_in_which_a_call_may_begin) {
    sotto_generate_options o = sotto_generate_options_default();
    sotto_sampling         sampling = {.temperature = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1,
                                       .dry_base = 1.75f, .dry_allowed_length = 2, .seed = 1};
    o.sampling = &sampling, o.ignore_end = true, o.tools = "[{\"name\":\"flip_coin\"}]";
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) generate(paths[i], &o);
}

TEST(under_a_grammar) {
    static const char      gbnf[] = "root ::= \"[\" item (\",\" \" \"? item){400} \"]\"\n"
                                    "item ::= [a-e] | \"(\" item \")\"";
    sotto_generate_options o = sotto_generate_options_default();
    sotto_error            err = {0};
    sotto_grammar         *g = NULL;
    CHECK_OK(sotto_grammar_open(&g, gbnf, sizeof gbnf - 1, &err), err);
    o.grammar = g;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) generate(paths[i], &o);
    sotto_grammar_close(g);
}

TEST_MAIN()
