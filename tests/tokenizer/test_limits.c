/* Long inputs: time stays near linear however the text is made, and the canonical ordering of long runs of
 * combining marks is that of utf8proc. */
#define _POSIX_C_SOURCE 200809L
#include "tokenizer/fixtures.h"

#include "os/os.h"
#include <utf8proc.h>

enum { LONG = 1 << 18 };

static double seconds_to_encode(const sotto_tokenizer *t, sotto_str text, size_t *n) {
    sotto_token_buf ids = {0};
    uint64_t        start = sotto_time_ns();
    CHECK(sotto_tokenizer_encode(t, text, (sotto_encode_options){.first = true, .special = true}, &ids, NULL) ==
          SOTTO_OK);
    double seconds = (double)(sotto_time_ns() - start) / 1e9;
    *n = ids.n;
    sotto_token_buf_free(&ids);
    return seconds;
}

/* Quadratic steps would take minutes each. The bound leaves room for sanitizers and busy machines. */
TEST(a_quarter_megabyte_of_anything_is_quick) {
    static const char *const units[] = {"a",
                                        "ab",
                                        "the ",
                                        "\n",
                                        " ",
                                        "\t",
                                        "\xf0\x9f\x98\x80",
                                        "1",
                                        "<",
                                        "!?",
                                        "x\xcc\x81\xcc\xa3",
                                        " a\n",
                                        "\xcc\x81\xcc\xa3",
                                        "<s>",
                                        "\xff",
                                        "\r\n ",
                                        "'s"};
    static const char *const folders[] = {"gemma", "llama2", "llama3", "qwen2", "smollm2"};
    char                    *text = malloc(LONG);
    for (size_t f = 0; f < SOTTO_COUNT(folders); f++) {
        sotto_tokenizer *t = open_fixture(folders[f], "tokenizer.json");
        for (size_t u = 0; u < SOTTO_COUNT(units); u++) {
            size_t len = strlen(units[u]), n = 0;
            for (size_t i = 0; i < LONG; i++) text[i] = units[u][i % len];
            double seconds = seconds_to_encode(t, (sotto_str){text, LONG - LONG % len}, &n);
            CHECK(n > 0);
            if (seconds > 4.0)
                TEST_FAIL("%s: a quarter megabyte of \"%s\" took %.1f s", folders[f], units[u], seconds);
        }
        sotto_tokenizer_close(t);
    }
    free(text);
}

/* Random marks on letters, Hangul and ready-made characters, against utf8proc's own composition. */
TEST(composition_is_utf8procs) {
    static const uint32_t bases[] = {'a',    'e',    0xe9,   0x1e9b, 0x1100, 0x1161, 0x11a8, 0xac00,
                                     0x212b, 0x0344, 0x0915, 0x1f82, 0x2126, 'q',    0xfb01};
    uint64_t              state = 11;
    for (int round = 0; round < 2000; round++) {
        sotto_buf text = {0}, got = {0};
        for (size_t n = test_random(&state) % 30; n > 0; n--) {
            uint64_t r = test_random(&state);
            uint32_t cp = r % 3 ? 0x300 + (uint32_t)(r >> 8) % 0x70 : bases[(r >> 8) % SOTTO_COUNT(bases)];
            char     utf8[4];
            size_t   len = sotto_utf8_encode(cp, utf8);
            sotto_buf_append(&text, utf8, len);
        }
        utf8proc_uint8_t *want = NULL;
        sotto_str         s = sotto_buf_str(&text);
        utf8proc_ssize_t  n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &want,
                                           UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        CHECK(sotto_nfc(s, &got));
        CHECK(n >= 0 && sotto_str_eq(sotto_buf_str(&got), (sotto_str){(const char *)want, (size_t)n}));
        free(want);
        sotto_buf_free(&text);
        sotto_buf_free(&got);
    }
}

TEST_MAIN()
