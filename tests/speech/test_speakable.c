/* What is said of a text, in which clauses, and that neither depends on how the text comes. */
#include "speech/speech.h"

#include "test.h"

/* ---- tables --------------------------------------------------------------------------------------------- */

enum { LINE_MAX_LEN = 2000 };

/* The next "text<TAB>wanted" of a table, "\n" in the text made a line's end. */
static bool read_row(FILE *f, char text[LINE_MAX_LEN], char **wanted) {
    char line[LINE_MAX_LEN];
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char  *tab = strchr(line, '\t'), *to = text;
        if (line[0] == '#' && line[1] == ' ' && !tab) continue;
        if (!tab) {
            TEST_FAIL("no tab in \"%s\"", line);
            continue;
        }
        *tab = '\0';
        for (const char *p = line; *p; p++)
            if (p[0] == '\\' && p[1] == 'n') *to++ = '\n', p++;
            else *to++ = *p;
        *to = '\0';
        *wanted = to + 1;
        memcpy(*wanted, tab + 1, strlen(tab + 1) + 1);
        return true;
    }
    return false;
}

static void say_whole(const char *text, sotto_buf *out) {
    sotto_error err = {0};
    sotto_buf_clear(out);
    CHECK_OK(sotto_speakable_text(text, strlen(text), out, &err), err);
}

TEST(table) {
    char      text[LINE_MAX_LEN], *wanted;
    sotto_buf said = {0};
    FILE     *f = fopen("speech/spoken.txt", "r");
    int       rows = 0;
    CHECK(f != NULL);
    while (f && read_row(f, text, &wanted)) {
        say_whole(text, &said);
        const char *got = said.data ? said.data : "";
        if (strcmp(got, wanted) != 0) printf("of \"%s\":\n", text);
        CHECK_STR(got, wanted);
        rows++;
    }
    CHECK(rows >= 150);
    if (f) (void)fclose(f);
    sotto_buf_free(&said);
}

/* ---- streams -------------------------------------------------------------------------------------------- */

/* The clauses of a text fed in pieces of random lengths up to `most` bytes, each with its n_text: "[12]Hello.|...". */
static void clauses_of(const char *text, size_t n, size_t most, uint64_t *seed, bool with_n_text, sotto_buf *out) {
    sotto_speakable *s = NULL;
    sotto_clause     c;
    sotto_error      err = {0};
    size_t           last = 0;
    sotto_buf_clear(out);
    CHECK_OK(sotto_speakable_open(&s, &err), err);
    for (size_t at = 0; s && at <= n;) {
        size_t piece = 1 + test_random(seed) % most, len = SOTTO_MIN(n - at, piece);
        CHECK_OK(sotto_speakable_feed(s, text + at, len, &err), err);
        at += len;
        if (at == n) sotto_speakable_end(s);
        while (sotto_speakable_next(s, &c)) {
            if (out->len > 0) (void)sotto_buf_puts(out, " | ");
            if (with_n_text) (void)sotto_buf_printf(out, "[%zu]", c.n_text);
            (void)sotto_buf_puts(out, c.spoken);
            if (c.n_text < last || c.n_text > at)
                TEST_FAIL("n_text %zu after %zu of %zu: %s", c.n_text, last, at, c.spoken);
            last = c.n_text;
        }
        if (at == n) break;
    }
    sotto_speakable_close(s);
}

TEST(clauses) {
    char      text[LINE_MAX_LEN], *wanted;
    sotto_buf got = {0};
    uint64_t  seed = 1;
    FILE     *f = fopen("speech/clauses.txt", "r");
    CHECK(f != NULL);
    while (f && read_row(f, text, &wanted)) {
        clauses_of(text, strlen(text), 1, &seed, false, &got);
        CHECK_STR(got.data ? got.data : "", wanted);
    }
    if (f) (void)fclose(f);
    sotto_buf_free(&got);
}

/* All texts of the tables one after the other, which also makes unlikely neighbours. */
static void all_texts(sotto_buf *out) {
    static const char *const files[] = {"speech/spoken.txt", "speech/clauses.txt"};
    char                     text[LINE_MAX_LEN], *wanted;
    for (size_t i = 0; i < SOTTO_COUNT(files); i++) {
        FILE *f = fopen(files[i], "r");
        while (f && read_row(f, text, &wanted)) (void)sotto_buf_printf(out, "%s%s", text, i ? " " : "\n");
        if (f) (void)fclose(f);
    }
}

static void check_cuts(const char *text, size_t n, uint64_t *seed, int times) {
    sotto_buf whole = {0}, cut = {0};
    clauses_of(text, n, SIZE_MAX, seed, true, &whole);
    for (int i = 0; i < times; i++) {
        clauses_of(text, n, (size_t)1 << i % 6, seed, true, &cut);
        CHECK_STR(cut.data ? cut.data : "", whole.data ? whole.data : "");
    }
    sotto_buf_free(&whole);
    sotto_buf_free(&cut);
}

TEST(cuts_do_not_matter) {
    sotto_buf text = {0};
    uint64_t  seed = 2;
    all_texts(&text);
    check_cuts(text.data, text.len, &seed, 12);
    for (int i = 0; i < 100; i++) { /* parts of it: an end anywhere */
        size_t at = test_random(&seed) % text.len, n = test_random(&seed) % 300;
        check_cuts(text.data + at, SOTTO_MIN(n, text.len - at), &seed, 3);
    }
    sotto_buf_free(&text);
}

/* Marks, words and bytes that mean something, in no order. */
static size_t random_text(uint64_t *seed, char *out, size_t max) {
    static const char *const parts[] = {
        "*", "**", "_", "`", "```", "\n", "\n\n", "- ", "# ", "| ", "[", "](", ")", "<", ">", "&amp;", "&",
        "https://a.b", "1", "23", ".", ", ", "; ", " ", "$", "%", "/", "-", "word", "Dr. ", "e.g. ", "5:30",
        "pm", "\xc3\xa9", "\xe2\x80\x94", "\xf0\x9f\x98\x80", "\xff", "\xe2\x82", "km", "'", "\"", "(", "!",
        "? ", ":", "^", "~", "\\", "+", "=", "@", "1/2", "Nov ", "26", "2026", "st", "x", "\t"
    };
    size_t n = 0;
    while (n + 16 < max) {
        const char *part = parts[test_random(seed) % SOTTO_COUNT(parts)];
        memcpy(out + n, part, strlen(part));
        n += strlen(part);
    }
    return n;
}

/* What voices are given: letters, blanks, apostrophes and four marks; no digits, no signs. */
static void check_spoken(const char *spoken) {
    if (spoken[0] == ' ' || !sotto_utf8_valid(spoken, strlen(spoken)) || strstr(spoken, "  "))
        TEST_FAIL("\"%s\" has a blank too many, or is no UTF-8", spoken);
    for (const char *p = spoken; *p; p++) {
        bool letter = ((unsigned)(*p | 32) - 'a') < 26 || (*p & 0x80);
        if (letter || strchr(" ',.?!", *p)) continue;
        TEST_FAIL("'%c' is spoken in \"%s\"", *p, spoken);
        return;
    }
}

TEST(random_texts) {
    uint64_t  seed = 3;
    char      text[400];
    sotto_buf said = {0};
    for (int i = 0; i < 400; i++) {
        size_t n = random_text(&seed, text, 20 + test_random(&seed) % 380);
        check_cuts(text, n, &seed, 2);
        sotto_error err = {0};
        sotto_buf_clear(&said);
        CHECK_OK(sotto_speakable_text(text, n, &said, &err), err);
        if (said.len > 0) check_spoken(said.data);
    }
    sotto_buf_free(&said);
}

/* The first clause is there with the character that ends it, or the one after that. */
TEST(first_clause_is_early) {
    static const struct {
        const char *text;
        size_t      fed;
    } rows[] = {{"Sure! Here it is.", 6},
                {"The weather is nice, and warm.", 22},
                {"Yes. No.", 5},
                {"**Hello.** More", 11},
                {"Paris is the capital of France and more", 35}};
    for (size_t i = 0; i < SOTTO_COUNT(rows); i++) {
        sotto_speakable *s = NULL;
        sotto_clause     c;
        sotto_error      err = {0};
        size_t           fed = 0;
        CHECK_OK(sotto_speakable_open(&s, &err), err);
        do CHECK_OK(sotto_speakable_feed(s, rows[i].text + fed, 1, &err), err);
        while (!sotto_speakable_next(s, &c) && ++fed < strlen(rows[i].text));
        CHECK_INT(fed + 1, rows[i].fed);
        sotto_speakable_close(s);
    }
}

/* What has been said, as the history keeps it: whole words and their marks. */
TEST(n_text) {
    static const char *const text = "**Hello there.** See [this](http://a.b/c) now. \xf0\x9f\x98\x80 Bye";
    static const char *const kept[] = {"**Hello there.**", "**Hello there.** See [this](http://a.b/c) now.", NULL};
    sotto_speakable         *s = NULL;
    sotto_clause             c;
    sotto_error              err = {0};
    CHECK_OK(sotto_speakable_open(&s, &err), err);
    CHECK_OK(sotto_speakable_feed(s, text, strlen(text), &err), err);
    sotto_speakable_end(s);
    for (int i = 0; i < 3; i++) {
        CHECK(sotto_speakable_next(s, &c));
        CHECK_INT(c.n_text, kept[i] ? strlen(kept[i]) : strlen(text));
    }
    CHECK(!sotto_speakable_next(s, &c));
    sotto_speakable_close(s);
}

/* ---- hostile texts -------------------------------------------------------------------------------------- */

/* A megabyte and more without an end to anything: clauses come all the same, and none is long. */
TEST(endless) {
    static const char *const units[] = {
        "a", "[", "](", "`", "*", "_", "1", "1,", ".", "\xe2\x82", "\xf0\x9f\x98\x80", "<a ", "&a", "http://a",
        "|", "\n- ", "# ", "> ", "a.", "Dr. ", "1/", "-", "(", "a, ", "~", "\\", "999999999 ", "e.g. "
    };
    for (size_t i = 0; i < SOTTO_COUNT(units); i++) {
        sotto_speakable *s = NULL;
        sotto_clause     c;
        sotto_error      err = {0};
        sotto_buf        piece = {0};
        size_t           fed = 0, longest_gap = 0, said = 0;
        CHECK_OK(sotto_speakable_open(&s, &err), err);
        while (piece.len < 2000) (void)sotto_buf_puts(&piece, units[i]);
        for (; fed < 40000; fed += piece.len) {
            CHECK_OK(sotto_speakable_feed(s, piece.data, piece.len, &err), err);
            while (sotto_speakable_next(s, &c)) {
                longest_gap = SOTTO_MAX(longest_gap, strlen(c.spoken));
                said = c.n_text;
            }
        }
        CHECK(longest_gap < 8000);
        CHECK(said == 0 || fed - said < 4000); /* 0: it says nothing at all */
        sotto_speakable_end(s);
        while (sotto_speakable_next(s, &c)) {}
        sotto_buf_free(&piece);
        sotto_speakable_close(s);
    }
}

TEST(limits_and_reset) {
    sotto_speakable *s = NULL;
    sotto_clause     c;
    sotto_error      err = {0};
    static char      much[(1 << 20) + 1];
    memset(much, 'a', sizeof much);
    CHECK_OK(sotto_speakable_open(&s, &err), err);
    CHECK_INT(sotto_speakable_feed(s, much, sizeof much, &err), SOTTO_LIMIT);
    CHECK_OK(sotto_speakable_feed(s, "Half a sen", 10, &err), err);
    CHECK(!sotto_speakable_next(s, &c));
    sotto_speakable_reset(s);
    CHECK_OK(sotto_speakable_feed(s, "Whole.", 6, &err), err);
    sotto_speakable_end(s);
    CHECK(sotto_speakable_next(s, &c));
    CHECK_STR(c.spoken, "Whole.");
    CHECK_INT(c.n_text, 6);
    CHECK(!sotto_speakable_next(s, &c));
    sotto_speakable_close(s);
    sotto_speakable_close(NULL);
}

TEST_MAIN()
