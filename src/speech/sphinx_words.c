/* Words that are added to the recogniser's dictionary: names of people, rooms, devices. A line each: the word, and
 * perhaps its pronunciation in ARPAbet. */
#include <flite/flite.h>
#include <stdlib.h>

#include "os/os.h"
#include "speech/sphinx.h"
#include "speech/stt.h"

cst_lexicon *cmu_lex_init(void); /* its header is not installed */

/* Of a word of the user in a language model: as likely as so many of the model's words together would be on average. */
#define WORD_WEIGHT 10.0f

enum { WORDS_BYTES_MAX = 1 << 20, WORD_MAX = 64 };

/* ---- how a word is said ---------------------------------------------------------------------------------- */

/* A phone of flite ("ax", "ey1") in the recogniser's set, which has neither stress nor the reduced vowel. */
static bool append_phone(sotto_buf *out, const char *phone) {
    size_t n = strcspn(phone, "0123456789");
    if (n == 0 || strcmp(phone, "pau") == 0) return true;
    if (n == 2 && memcmp(phone, "ax", 2) == 0) phone = "ah";
    if (out->len) (void)sotto_buf_putc(out, ' ');
    for (size_t i = 0; i < n; i++)
        (void)sotto_buf_putc(out, phone[i] >= 'a' && phone[i] <= 'z' ? (char)(phone[i] - 32) : phone[i]);
    return !out->failed;
}

bool sotto_pronounce(sotto_buf *out, const char *word) {
    size_t       begin = out->len;
    cst_lexicon *lexicon = cmu_lex_init();
    cst_val     *phones = lexicon ? lex_lookup(lexicon, word, NULL, NULL) : NULL;
    bool         ok = true;
    for (const cst_val *p = phones; p && ok; p = val_cdr(p)) ok = append_phone(out, val_string(val_car(p)));
    if (phones) delete_val(phones);
    return ok && out->len > begin;
}

/* ---- adding ---------------------------------------------------------------------------------------------- */

static bool is_word(const char *word) {
    size_t n = strlen(word);
    for (const char *p = word; *p; p++)
        if (!(*p >= 'a' && *p <= 'z') && *p != '\'' && *p != '-') return false;
    return n > 0 && n < WORD_MAX;
}

sotto_status sotto_sphinx_add_word(sotto_sphinx *s, const char *word, const char *phones, sotto_error *err) {
    sotto_buf made = {0};
    char     *known = NULL;
    if (!is_word(word))
        return sotto_fail(err, SOTTO_INVALID, "\"%.70s\" is no word to listen for: it has letters of English, ' and -, "
                          "and at most %d of them", word, WORD_MAX - 1);
    if (!phones && (known = ps_lookup_word(s->decoder, word))) {
        free(known);
        return SOTTO_OK;
    }
    bool ok = phones || sotto_pronounce(&made, word);
    if (ok) ok = ps_add_word(s->decoder, word, phones ? phones : made.data, FALSE) >= 0;
    sotto_buf_free(&made);
    if (ok) return SOTTO_OK;
    return phones ? sotto_fail(err, SOTTO_INVALID, "\"%s\" cannot be said \"%.200s\": write phones of ARPAbet, such as "
                               "\"K AO F IY\", and each word once", word, phones)
                  : sotto_fail(err, SOTTO_INVALID, "\"%s\" cannot be said: write its phones behind it, such as "
                               "\"coffee K AO F IY\"", word);
}

/* A line, cut in place: "word" or "word PH ON ES". */
static sotto_status add_line(sotto_sphinx *s, char *line, ngram_model_t **lms, size_t n_lms, sotto_error *err) {
    char *word = line + strspn(line, " \t"), *end = word + strcspn(word, " \t"), *phones = end + strspn(end, " \t");
    if (*word == '#' || !*word) return SOTTO_OK;
    *end = '\0';
    for (char *p = word; *p; p++) *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    SOTTO_TRY(sotto_sphinx_add_word(s, word, *phones ? phones : NULL, err));
    for (size_t i = 0; i < n_lms; i++) (void)ngram_model_add_word(lms[i], word, WORD_WEIGHT);
    return SOTTO_OK;
}

static sotto_status add_lines(sotto_sphinx *s, const char *path, char *text, ngram_model_t **lms, size_t n_lms,
                              sotto_error *err) {
    for (int number = 1; *text; number++) {
        size_t n = strcspn(text, "\r\n");
        bool   more = text[n] != '\0';
        text[n] = '\0';
        for (char *p = text + n; p > text && (p[-1] == ' ' || p[-1] == '\t'); p--) p[-1] = '\0';
        if (add_line(s, text, lms, n_lms, err) != SOTTO_OK)
            return sotto_fail_prefix(err, SOTTO_INVALID, "%s:%d", path, number);
        text += n + more;
    }
    return SOTTO_OK;
}

sotto_status sotto_sphinx_add_file(sotto_sphinx *s, const char *path, ngram_model_t **lms, size_t n_lms,
                                   sotto_error *err) {
    sotto_file   file;
    sotto_buf    text = {.max = WORDS_BYTES_MAX};
    sotto_status status = SOTTO_OK;
    SOTTO_TRY(sotto_file_open(&file, path, false, err));
    if (file.size > WORDS_BYTES_MAX)
        status = sotto_fail(err, SOTTO_LIMIT, "%s: %zu bytes of words, at most %d can be added", path, file.size,
                            WORDS_BYTES_MAX);
    else if (file.size && memchr(file.data, '\0', file.size))
        status = sotto_fail(err, SOTTO_FORMAT, "%s: is not a text", path);
    else if (!sotto_buf_append(&text, file.data, file.size))
        status = sotto_fail_memory(err, "words");
    sotto_file_close(&file);
    if (status == SOTTO_OK) status = add_lines(s, path, text.data, lms, n_lms, err);
    sotto_buf_free(&text);
    return status;
}
