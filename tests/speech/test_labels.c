/* The labels that HTS is given, against those that Festival makes of the same sentences (tools/speech/labels.sh). They
 * may cut phrases differently; where they do not, every label is the same. */
#include "speech/tts.h"

#include "test.h"

#if SOTTO_HTS

enum { LABELS_MAX = 200, LABEL_MAX = 400 };

typedef struct sentence {
    char text[LABEL_MAX];
    char labels[LABELS_MAX][LABEL_MAX];
    int  n;
} sentence;

/* "# text", then its labels, up to the next "# ". */
static bool read_sentence(FILE *f, char line[LABEL_MAX], sentence *s) {
    if (line[0] != '#' && !fgets(line, LABEL_MAX, f)) return false;
    if (line[0] != '#') return false;
    (void)snprintf(s->text, sizeof s->text, "%.*s", (int)strcspn(line + 2, "\n"), line + 2);
    line[0] = '\0';
    for (s->n = 0; s->n < LABELS_MAX && fgets(line, LABEL_MAX, f) && line[0] != '#'; s->n++)
        (void)snprintf(s->labels[s->n], LABEL_MAX, "%.*s", (int)strcspn(line, "\n"), line);
    return true;
}

/* The phone "c" of "a^b-c+d=e@...". */
static sotto_str phone(const char *label) {
    const char *p = strchr(label, '-');
    return p ? (sotto_str){p + 1, strcspn(p + 1, "+")} : (sotto_str){label, 0};
}

/* The phones but for pauses, in order; whether they are the same, and *pauses: the pauses as well. */
static bool same_phones(const sentence *s, char **labels, size_t n, bool *pauses) {
    size_t i = 0, j = 0;
    *pauses = (size_t)s->n == n;
    for (;; i++, j++) {
        while (i < (size_t)s->n && sotto_str_is(phone(s->labels[i]), "pau")) i++;
        while (j < n && sotto_str_is(phone(labels[j]), "pau")) j++;
        if (i == (size_t)s->n || j == n) return i == (size_t)s->n && j == n;
        if (!sotto_str_eq(phone(s->labels[i]), phone(labels[j]))) return false;
    }
}

TEST(labels_are_festivals) {
    static sentence s;
    char            line[LABEL_MAX] = "";
    FILE           *f = fopen("speech/labels.txt", "r");
    int             sentences = 0, compared = 0;
    CHECK(f != NULL);
    while (f && read_sentence(f, line, &s)) {
        sotto_arena arena = {0};
        size_t      n = 0;
        bool        pauses = false;
        char      **labels = sotto_hts_labels(&arena, s.text, &n);
        CHECK(labels && same_phones(&s, labels, n, &pauses));
        sentences++;
        for (size_t i = 0; pauses && i < n; i++) CHECK_STR(labels[i], s.labels[i]);
        compared += pauses;
        sotto_arena_free(&arena);
    }
    CHECK(sentences == 8 && compared >= 7);
    if (f) (void)fclose(f);
}

#endif

TEST(no_text) {
#if SOTTO_HTS
    sotto_arena arena = {0};
    size_t      n = 0;
    CHECK(sotto_hts_labels(&arena, "", &n) != NULL && n <= 2);
    sotto_arena_free(&arena);
#else
    printf("skipped: built without the HTS engine\n");
#endif
}

TEST_MAIN()
