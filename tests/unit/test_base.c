/* base: strings, buffers, UTF-8, maps, arenas, errors. */
#include "test.h"

#include "base/base.h"

TEST(utf8_decodes_and_replaces) {
    static const struct { const char *bytes; size_t n, len; uint32_t cp; } cases[] = {
        {"a", 1, 1, 'a'},           {"\xc3\xa9", 2, 2, 0xe9},    {"\xe2\x82\xac", 3, 3, 0x20ac},
        {"\xf0\x9f\x98\x80", 4, 4, 0x1f600}, {"\xff", 1, 1, 0xfffd}, {"\xc0\x80", 2, 1, 0xfffd},
        {"\xed\xa0\x80", 3, 1, 0xfffd},      {"\xf4\x90\x80\x80", 4, 1, 0xfffd},
        {"\xe2\x82", 2, 2, 0xfffd}, {"\xe2\x82x", 3, 2, 0xfffd},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        uint32_t cp;
        CHECK_INT(sotto_utf8_decode(cases[i].bytes, cases[i].n, &cp), cases[i].len);
        CHECK_INT(cp, cases[i].cp);
    }
}

TEST(utf8_round_trips_every_code_point) {
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        if (cp >= 0xd800 && cp < 0xe000) continue;
        char     s[4];
        uint32_t back;
        size_t   n = sotto_utf8_encode(cp, s);
        if (sotto_utf8_decode(s, n, &back) != n || back != cp || !sotto_utf8_valid(s, n)) CHECK_INT(back, cp);
        for (size_t cut = 1; cut < n; cut++)
            if (sotto_utf8_incomplete(s, cut) != cut) CHECK_INT(sotto_utf8_incomplete(s, cut), cut);
        if (sotto_utf8_incomplete(s, n) != 0) CHECK_INT(sotto_utf8_incomplete(s, n), 0);
    }
}

TEST(buffers_stop_at_their_maximum) {
    sotto_buf b = {.max = 10};
    CHECK(sotto_buf_puts(&b, "12345"));
    CHECK(sotto_buf_printf(&b, "%d", 67890));
    CHECK_STR(b.data, "1234567890");
    CHECK(!sotto_buf_putc(&b, 'x'));
    CHECK(b.failed);
    CHECK_STR(b.data, "1234567890");
    sotto_buf_free(&b);
}

TEST(maps_keep_the_first_value) {
    static char keys[5000][16];
    sotto_map   m = {0};
    for (int i = 0; i < 5000; i++) {
        snprintf(keys[i], sizeof keys[i], "k%d", i);
        CHECK(sotto_map_add(&m, sotto_str_from(keys[i]), i) == 1);
    }
    CHECK(sotto_map_add(&m, sotto_str_from("k17"), 99) == 0);
    for (int i = 0; i < 5000; i++) CHECK_INT(sotto_map_get(&m, sotto_str_from(keys[i])), i);
    CHECK_INT(sotto_map_get(&m, sotto_str_from("absent")), -1);
    sotto_map_free(&m);
}

TEST(arenas_zero_and_align) {
    sotto_arena a = {0};
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = sotto_arena_alloc(&a, n);
        CHECK(p && (uintptr_t)p % 16 == 0);
        for (size_t i = 0; i < n; i++)
            if (p[i]) CHECK_INT(p[i], 0);
        memset(p, 0xff, n);
    }
    CHECK(sotto_arena_array(&a, SIZE_MAX / 2, 3) == NULL);
    sotto_arena_free(&a);
}

TEST(sizes_do_not_wrap) {
    size_t r;
    CHECK(!sotto_size_add(SIZE_MAX, 1, &r));
    CHECK(!sotto_size_mul(SIZE_MAX / 2, 3, &r));
    CHECK(!sotto_size_align(SIZE_MAX - 3, 32, &r));
    CHECK(sotto_size_align(33, 32, &r) && r == 64);
}

TEST(errors_are_one_printable_sentence) {
    sotto_error err;
    CHECK_INT(sotto_fail_at(&err, SOTTO_FORMAT, 12, "bad \x01 name \xff%s", "!"), SOTTO_FORMAT);
    CHECK_STR(err.message, "bad ? name ?!");
    CHECK_INT(err.offset, 12);
    sotto_fail_prefix(&err, err.status, "%s", "file.gguf");
    CHECK_STR(err.message, "file.gguf: bad ? name ?!");
    CHECK_INT(sotto_fail(NULL, SOTTO_IO, "nobody listens"), SOTTO_IO);
}

TEST_MAIN()
