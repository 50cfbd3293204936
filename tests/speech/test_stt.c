/* Speech to text: sentences spoken by flite are understood, with few wrong words; partials, words of the user, and what
 * is refused.
 *
 * "test_speech_stt --table SENTENCES [LM [WEIGHT]]" measures a file of sentences, a line each, with every voice. */
#include <time.h>

#include "os/os.h"
#include "speech/stt.h"
#include "spoken.h"

/* ---- wrong words ------------------------------------------------------------------------------------------ */

enum { WORDS_MAX = 64 };

static size_t split(const char *text, sotto_str out[WORDS_MAX]) {
    size_t n = 0;
    for (const char *p = text; *p && n < WORDS_MAX; p += strspn(p, " ")) {
        size_t length = strcspn(p, " ");
        out[n++] = (sotto_str){p, length};
        p += length;
    }
    return n;
}

/* The least number of words to replace, add or leave out (Levenshtein 1965). */
static size_t wrong_words(const char *heard, const char *said, size_t *n_said) {
    sotto_str a[WORDS_MAX], b[WORDS_MAX];
    size_t    row[WORDS_MAX + 1], na = split(heard, a), nb = split(said, b);
    for (size_t j = 0; j <= nb; j++) row[j] = j;
    for (size_t i = 0; i < na; i++) {
        size_t corner = row[0]++;
        for (size_t j = 0; j < nb; j++) {
            size_t changed = corner + !sotto_str_eq(a[i], b[j]), other = 1 + SOTTO_MIN(row[j], row[j + 1]);
            corner = row[j + 1];
            row[j + 1] = SOTTO_MIN(changed, other);
        }
    }
    *n_said += nb;
    return row[nb];
}

/* ---- hearing ---------------------------------------------------------------------------------------------- */

static sotto_stt *open_or_skip(const sotto_stt_options *opt) {
    sotto_stt  *s;
    sotto_error err = {0};
    if (sotto_stt_open(&s, opt, &err) == SOTTO_OK) return s;
    printf("%s\n", err.message);
    exit(err.status == SOTTO_NOT_FOUND ? 77 : 1);
}

/* Fed in pieces of 20 ms, as they come from a microphone. */
static const char *hear(sotto_stt *s, const spoken *audio, float *confidence) {
    sotto_error err = {0};
    const char *text = "";
    CHECK_OK(sotto_stt_start(s, &err), err);
    for (size_t at = 0; at < audio->n; at += 320)
        CHECK_OK(sotto_stt_feed(s, audio->pcm + at, SOTTO_MIN(audio->n - at, (size_t)320), &err), err);
    CHECK_OK(sotto_stt_final(s, &text, confidence, &err), err);
    return text;
}

typedef struct score {
    size_t wrong, words, exact, sentences;
    double seconds, cpu_seconds;
} score;

static void hear_sentence(sotto_stt *s, size_t voice, const char *sentence, bool show, score *sum) {
    spoken      audio = spoken_by(voice, sentence, 300, 500);
    float       confidence;
    clock_t     begin = clock();
    const char *heard = hear(s, &audio, &confidence);
    sum->cpu_seconds += (double)(clock() - begin) / CLOCKS_PER_SEC;
    sum->seconds += (double)audio.n / SOTTO_SPEECH_RATE;
    size_t wrong = wrong_words(heard, sentence, &sum->words);
    sum->wrong += wrong, sum->exact += wrong == 0, sum->sentences++;
    if (show && wrong)
        printf("    %s: \"%s\" was \"%s\" (%.2f)\n", spoken_voices[voice].name, sentence, heard, (double)confidence);
    free(audio.pcm);
}

static void print_score(const char *name, const score *s) {
    printf("%-6s %5.1f %% wrong words of %zu, %zu of %zu sentences exact, RTF %.2f\n", name,
           100 * (double)s->wrong / (double)s->words, s->words, s->exact, s->sentences, s->cpu_seconds / s->seconds);
}

/* Not those of the templates that the language model is made from, nor of the starter model's tests. */
static const char *const sentences[] = {
    "set a timer for eleven minutes",
    "remind me to water the plants tomorrow at nine",
    "what is thirty seven times twelve",
    "how many kilometers are in twenty six miles",
    "put tomatoes and cheese on the shopping list",
    "what time is it",
    "turn the volume down a little",
    "cancel the pasta timer",
    "remember that my locker number is forty two",
    "tell me a joke",
    "what is on my shopping list",
    "roll two dice",
};

TEST(understands_an_assistants_user) {
    sotto_stt *s = open_or_skip(NULL);
    score      sum = {0};
    for (size_t i = 0; i < SOTTO_COUNT(sentences); i++) hear_sentence(s, i % 2 ? 2 : 0, sentences[i], true, &sum);
    print_score("all", &sum);
    CHECK(sum.wrong * 100 <= sum.words * 15);
    CHECK(sum.exact * 2 >= sum.sentences);
    sotto_stt_close(s);
}

TEST(partials_and_the_final_text) {
    sotto_stt  *s = open_or_skip(NULL);
    sotto_error err = {0};
    spoken      audio = spoken_by(0, "set a timer for five minutes", 300, 800);
    const char *text;
    float       confidence = -1;
    CHECK_STR(sotto_stt_partial(s), "");
    CHECK_INT(sotto_stt_feed(s, audio.pcm, 320, &err), SOTTO_INVALID);
    CHECK_INT(sotto_stt_final(s, &text, &confidence, &err), SOTTO_INVALID);
    CHECK_OK(sotto_stt_start(s, &err), err);
    CHECK_STR(sotto_stt_partial(s), "");
    CHECK_OK(sotto_stt_feed(s, audio.pcm, audio.n / 2, &err), err);
    CHECK_OK(sotto_stt_start(s, &err), err); /* dropped */
    CHECK_OK(sotto_stt_feed(s, audio.pcm, audio.n, &err), err);
    CHECK_STR(sotto_stt_partial(s), "set a timer for five minutes");
    CHECK_OK(sotto_stt_final(s, &text, &confidence, &err), err);
    CHECK_STR(text, "set a timer for five minutes");
    CHECK(confidence > 0 && confidence <= 1);
    CHECK_STR(sotto_stt_partial(s), "");
    CHECK_OK(sotto_stt_start(s, &err), err); /* nothing at all */
    CHECK_OK(sotto_stt_final(s, &text, &confidence, &err), err);
    CHECK_STR(text, "");
    free(audio.pcm);
    sotto_stt_close(s);
}

/* ---- words of the user --------------------------------------------------------------------------------------- */

static char *write_file(const char *name, const char *text) {
    const char *folder = getenv("TMPDIR");
    char        path[512];
    (void)snprintf(path, sizeof path, "%s/sotto-stt-%s-%llx", folder ? folder : "/tmp", name,
                   (unsigned long long)sotto_random_seed());
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        printf("%s: cannot write\n", path);
        exit(1);
    }
    char *copy = malloc(strlen(path) + 1);
    return strcpy(copy, path);
}

TEST(words_of_the_user_are_heard) {
    const char       *text = "# people\nZorbleflick\n  quivandra K W IH V AE N D R AH  \r\n\nmilk\n";
    char             *path = write_file("words", text);
    sotto_stt_options opt = sotto_stt_options_default();
    float             confidence;
    opt.words = path;
    sotto_stt *s = open_or_skip(&opt);
    spoken     audio = spoken_by(0, "remind me to call quivandra", 300, 500);
    CHECK_STR(hear(s, &audio, &confidence), "remind me to call quivandra");
    free(audio.pcm);
    audio = spoken_by(0, "add zorbleflick to my list", 300, 500);
    CHECK_STR(hear(s, &audio, &confidence), "add zorbleflick to my list");
    free(audio.pcm);
    sotto_stt_close(s);
    CHECK_INT(remove(path), 0);
    free(path);
}

TEST(words_of_the_user_that_are_refused) {
    static const struct {
        const char *text, *message;
    } cases[] = {{"milk\ncoffee2\n", ":2: \"coffee2\" is no word"},
                 {"blorp XX YY\n", ":1: \"blorp\" cannot be said \"XX YY\""},
                 {"milk M IH L K\n", ":1: \"milk\" cannot be said \"M IH L K\""}};
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        char             *path = write_file("refused", cases[i].text);
        sotto_stt_options opt = sotto_stt_options_default();
        sotto_error       err = {0};
        sotto_stt        *s;
        opt.words = path, opt.lm = "";
        CHECK_INT(sotto_stt_open(&s, &opt, &err), SOTTO_INVALID);
        CHECK(s == NULL);
        if (!strstr(err.message, cases[i].message)) TEST_FAIL("\"%s\" is not in: %s", cases[i].message, err.message);
        CHECK_INT(remove(path), 0);
        free(path);
    }
}

TEST(pronunciation) {
    sotto_buf b = {0};
    CHECK(sotto_pronounce(&b, "coffee"));
    CHECK_STR(b.data, "K AA F IY"); /* as flite's lexicon has it */
    sotto_buf_clear(&b);
    CHECK(sotto_pronounce(&b, "banana"));
    CHECK_STR(b.data, "B AH N AE N AH");
    sotto_buf_clear(&b);
    CHECK(sotto_pronounce(&b, "zorbleflick"));
    sotto_buf_free(&b);
}

/* ---- what is refused ------------------------------------------------------------------------------------------- */

TEST(options_that_are_refused) {
    sotto_stt_options opt = sotto_stt_options_default();
    sotto_error       err = {0};
    sotto_stt        *s;
    opt.engine = "whisper";
    CHECK_INT(sotto_stt_open(&s, &opt, &err), SOTTO_INVALID);
    CHECK_STR(err.message, "\"whisper\": no such recogniser; there are: pocketsphinx, replay");
    opt.engine = "pocketsphinx", opt.model = "/nowhere/en-us";
    CHECK_INT(sotto_stt_open(&s, &opt, &err), SOTTO_NOT_FOUND);
    CHECK(strstr(err.message, "pocketsphinx-en-us") != NULL);
    opt.model = NULL, opt.lm_weight = 1.5f;
    CHECK_INT(sotto_stt_open(&s, &opt, &err), SOTTO_INVALID);
    opt.lm_weight = NAN;
    CHECK_INT(sotto_stt_open(&s, &opt, &err), SOTTO_INVALID);
}

#define ARPA_HEAD                                                                                                      \
    "\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-0.5 <s> -0.3\n-0.5 </s>\n-0.5 hello -0.3\n\n\\2-grams:\n"

TEST(language_models_are_checked) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"A comment.\n" ARPA_HEAD "-0.1 <s> hello\n\n\\end\\\n", NULL},
        {"", ":0: the file is empty"},
        {"hello\n", ":1: there is no line \\data\\"},
        {"\\data\\\nngram 2=4\n", ":2: a line that is no count"},
        {"\\data\\\nngram 1=99999999999\n", ":2: a line that is no count"},
        {"\\data\\\n\\1-grams:\n", ":2: there are no counts"},
        {ARPA_HEAD "-0.1 <s> you\n\\end\\\n", ":11: a word is not in the first section"},
        {ARPA_HEAD "-0.1 <s>\n\\end\\\n", ":11: an n-gram has too few words"},
        {ARPA_HEAD "-0.1 <s> hello there\n\\end\\\n", ":11: an n-gram has too many words"},
        {ARPA_HEAD "hello hello hello\n\\end\\\n", ":11: a line does not begin with a probability"},
        {ARPA_HEAD "-0.1 <s> hello\n-0.1 hello </s>\n\\end\\\n", ":12: there are more n-grams"},
        {ARPA_HEAD "-0.1 <s> hello\n", ":11: the file ends too early"},
        {"\\data\\\nngram 1=2\n\\1-grams:\n-1 a\n-1 a\n\\end\\\n", ":5: a word comes twice"},
        {"\\data\\\nngram 1=1\n\\1-grams:\n-1 a\n\\end\\\n", ":5: the words <s> and </s> are missing"},
    };
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        sotto_error  err = {0};
        sotto_status status = sotto_arpa_check_text("lm", cases[i].text, strlen(cases[i].text), &err);
        CHECK_INT(status, cases[i].message ? SOTTO_FORMAT : SOTTO_OK);
        if (cases[i].message && !strstr(err.message, cases[i].message))
            TEST_FAIL("\"%s\" is not in: %s", cases[i].message, err.message);
    }
}

TEST(the_shipped_language_model_is_sound) {
    char       *path = sotto_path_shipped("models/speech", "assistant.arpa");
    sotto_error err = {0};
    CHECK(path != NULL);
    if (path) CHECK_OK(sotto_arpa_check(path, &err), err);
    free(path);
}

TEST(words_of_a_hypothesis) {
    static const struct {
        const char *hypothesis, *words;
    } cases[] = {{"", ""},
                 {"<s> set a(2) TIMER <sil> for [NOISE] ++UM++ seven p.m. </s>", "set a timer for seven pm"},
                 {"  what's   uh-huh that ", "what's uh huh that"},
                 {"- . read(3)", "read"}};
    sotto_buf b = {0};
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        CHECK(sotto_stt_words(&b, cases[i].hypothesis));
        CHECK_STR(b.data, cases[i].words);
    }
    sotto_buf_free(&b);
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static int print_table(int argc, char **argv) {
    sotto_stt_options opt = sotto_stt_options_default();
    sotto_file        file;
    sotto_error       err = {0};
    if (argc > 1) opt.lm = argv[1];
    if (argc > 2) opt.lm_weight = strtof(argv[2], NULL);
    if (sotto_file_open(&file, argv[0], false, &err) != SOTTO_OK) return printf("%s\n", err.message), 1;
    sotto_stt *s = open_or_skip(&opt);
    for (size_t voice = 0; voice < SOTTO_COUNT(spoken_voices); voice++) {
        score       sum = {0};
        const char *p = (const char *)file.data, *stop = p + file.size, *end;
        for (; p < stop && (end = memchr(p, '\n', (size_t)(stop - p))); p = end + 1) {
            char sentence[512];
            (void)snprintf(sentence, sizeof sentence, "%.*s", (int)(end - p), p);
            hear_sentence(s, voice, sentence, getenv("SOTTO_TEST_SHOW") != NULL, &sum);
        }
        print_score(spoken_voices[voice].name, &sum);
    }
    sotto_stt_close(s);
    sotto_file_close(&file);
    return 0;
}

int main(int argc, char **argv) {
    return argc > 2 && strcmp(argv[1], "--table") == 0 ? print_table(argc - 2, argv + 2) : test_main(argc, argv);
}
