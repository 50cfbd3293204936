/* Full-context labels for HTS voices of English ("An example of context-dependent label format for HMM-based speech
 * synthesis in English", HTS working group), made from flite's analysis of a text: what each phone is, and where it
 * stands in its syllable, word, phrase and utterance. Voices were trained on labels made by Festival, so that counts
 * are made as Festival makes them. */
#include "speech/tts.h"

#if SOTTO_HTS

#include <flite/flite.h>

cst_voice *register_cmu_us_slt(const char *folder);

typedef struct phrase {
    int         first_word, n_words, first_syl, n_syls;
    int         before;  /* phrases since the last major one */
    const char *endtone;
} phrase;

typedef struct word {
    int         phrase, first_syl, n_syls, place; /* in its phrase */
    const char *gpos;                             /* guessed: content, or a kind of function word */
    bool        content;
} word;

typedef struct syllable {
    int         word, n_phones, place; /* in its word */
    int         stress, accent;
    const char *vowel;
} syllable;

typedef struct segment {
    const char *name;
    int         syl, place; /* of no syllable: -1, a pause */
} segment;

typedef struct analysis {
    phrase   *phrases;
    word     *words;
    syllable *syls;
    segment  *segs;
    int       n_phrases, n_words, n_syls, n_segs;
} analysis;

/* ---- from flite's utterance ----------------------------------------------------------------------------- */

static int count_items(const cst_utterance *u, const char *relation) {
    int n = 0;
    for (const cst_item *i = relation_head(utt_relation(u, relation)); i; i = item_next(i)) n++;
    return n;
}

static const char *text_of(sotto_arena *arena, const cst_item *i, const char *feature, const char *none) {
    const char *text = flite_ffeature_string(i, feature);
    return !text || strcmp(text, "0") == 0 ? none : sotto_arena_text(arena, text, strlen(text));
}

static bool is_feature(const cst_item *i, const char *feature, const char *value) {
    return strcmp(flite_ffeature_string(i, feature), value) == 0;
}

static void read_syllable(analysis *a, const cst_item *item, int place) {
    syllable *s = &a->syls[a->n_syls];
    *s = (syllable){.word = a->n_words, .place = place, .vowel = "novowel"};
    s->stress = is_feature(item, "stress", "1");
    s->accent = item_feat_present(item, "accent") || item_feat_present(item, "endtone");
    for (const cst_item *i = item_daughter(item_as(item, "SylStructure")); i; i = item_next(i)) {
        segment *seg = &a->segs[item_feat_int(i, "sotto_index")];
        *seg = (segment){.name = seg->name, .syl = a->n_syls, .place = s->n_phones++};
        if (is_feature(i, "ph_vc", "+")) s->vowel = seg->name;
    }
    a->n_syls++;
}

static void read_word(sotto_arena *arena, analysis *a, const cst_item *item) {
    phrase *p = &a->phrases[a->n_phrases];
    word   *w = &a->words[a->n_words];
    *w = (word){.phrase = a->n_phrases, .first_syl = a->n_syls, .place = p->n_words++};
    w->gpos = text_of(arena, item, "gpos", "content");
    w->content = w->gpos && strcmp(w->gpos, "content") == 0;
    for (const cst_item *i = item_daughter(item_as(item, "SylStructure")); i; i = item_next(i))
        read_syllable(a, i, w->n_syls++);
    p->n_syls += w->n_syls;
    a->n_words++;
}

/* What rises at its end: a question that is answered by yes or no. */
static bool is_rising(const char *text) {
    static const char *const others[] = {"wh", "how "};
    size_t                   n = strlen(text), begin = strspn(text, " ");
    while (n > 0 && text[n - 1] == ' ') n--;
    for (size_t i = 0; i < SOTTO_COUNT(others); i++) {
        size_t same = 0;
        while (others[i][same] && (text[begin + same] | 32) == others[i][same]) same++;
        if (!others[i][same]) return false;
    }
    return n > 0 && text[n - 1] == '?';
}

/* The ends of phrases have whole tones, as in the voice's training, nearly always falling; flite leaves most without.
 * The syllable counts as accented by it. */
static const char *end_tone(syllable *last, bool rises) {
    last->accent = 1;
    return rises ? "H-H%" : "L-L%";
}

static void read_phrases(sotto_arena *arena, analysis *a, const cst_utterance *u, bool rises) {
    int since_major = 0;
    for (const cst_item *i = relation_head(utt_relation(u, "Phrase")); i; i = item_next(i)) {
        phrase *p = &a->phrases[a->n_phrases];
        *p = (phrase){.first_word = a->n_words, .first_syl = a->n_syls, .before = since_major, .endtone = "NONE"};
        for (const cst_item *w = item_daughter(i); w; w = item_next(w)) read_word(arena, a, w);
        if (p->n_syls > 0) p->endtone = end_tone(&a->syls[a->n_syls - 1], rises && !item_next(i));
        since_major = strcmp(item_name(i), "BB") == 0 ? 0 : since_major + 1;
        a->n_phrases++;
    }
}

static bool analyse(sotto_arena *arena, analysis *a, const cst_utterance *u, bool rises) {
    a->phrases = sotto_arena_array(arena, (size_t)count_items(u, "Phrase") + 1, sizeof *a->phrases);
    a->words = sotto_arena_array(arena, (size_t)count_items(u, "Word") + 1, sizeof *a->words);
    a->syls = sotto_arena_array(arena, (size_t)count_items(u, "Syllable") + 1, sizeof *a->syls);
    a->segs = sotto_arena_array(arena, (size_t)count_items(u, "Segment") + 1, sizeof *a->segs);
    if (!a->phrases || !a->words || !a->syls || !a->segs) return false;
    for (cst_item *i = relation_head(utt_relation(u, "Segment")); i; i = item_next(i)) {
        item_set_int(i, "sotto_index", a->n_segs);
        a->segs[a->n_segs] = (segment){.name = text_of(arena, i, "name", "pau"), .syl = -1};
        if (!a->segs[a->n_segs++].name) return false;
    }
    read_phrases(arena, a, u, rises);
    for (int i = 0; i < a->n_words; i++)
        if (!a->words[i].gpos) return false;
    return true;
}

/* ---- counts --------------------------------------------------------------------------------------------- */

typedef bool (*syl_test)(const syllable *s);
static bool is_stressed(const syllable *s) { return s->stress; }
static bool is_accented(const syllable *s) { return s->accent; }

static int count_syls(const analysis *a, int from, int to, syl_test test) {
    int n = 0;
    for (int i = from; i < to; i++) n += test(&a->syls[i]);
    return n;
}

static int count_content(const analysis *a, int from, int to) {
    int n = 0;
    for (int i = from; i < to; i++) n += a->words[i].content;
    return n;
}

/* How far the next such syllable of the phrase is in steps of `step`; 0: there is none. */
static int syl_distance(const analysis *a, int syl, int step, syl_test test) {
    int in = a->words[a->syls[syl].word].phrase;
    for (int i = syl + step; i >= 0 && i < a->n_syls && a->words[a->syls[i].word].phrase == in; i += step)
        if (test(&a->syls[i])) return (i - syl) * step;
    return 0;
}

static int content_distance(const analysis *a, int w, int step) {
    for (int i = w + step; i >= 0 && i < a->n_words && a->words[i].phrase == a->words[w].phrase; i += step)
        if (a->words[i].content) return (i - w) * step;
    return 0;
}

/* ---- one label ------------------------------------------------------------------------------------------ */

static const char *name_at(const analysis *a, int seg) { return seg >= 0 && seg < a->n_segs ? a->segs[seg].name : "x"; }

/* Stress, accent and length of a syllable beside this one. */
static void put_beside(sotto_buf *b, const analysis *a, int syl, const char *format) {
    static const syllable none = {0};
    const syllable *s = syl >= 0 && syl < a->n_syls ? &a->syls[syl] : &none;
    (void)sotto_buf_printf(b, format, s->stress, s->accent, s->n_phones);
}

static void put_syllable(sotto_buf *b, const analysis *a, int syl) {
    const syllable *s = &a->syls[syl];
    const word     *w = &a->words[s->word];
    const phrase   *p = &a->phrases[w->phrase];
    int             first = p->first_syl, end = first + p->n_syls, after_first = SOTTO_MIN(first + 1, syl);
    (void)sotto_buf_printf(b, "/B:%d-%d-%d@%d-%d&%d-%d", s->stress, s->accent, s->n_phones, s->place + 1,
                           w->n_syls - s->place, syl - first + 1, end - syl);
    /* Festival does not count the phrase's first syllable among those before. */
    (void)sotto_buf_printf(b, "#%d-%d", count_syls(a, after_first, syl, is_stressed) + 1,
                           count_syls(a, syl + 1, end, is_stressed) + 1);
    (void)sotto_buf_printf(b, "$%d-%d", count_syls(a, after_first, syl, is_accented) + 1,
                           count_syls(a, syl + 1, end, is_accented) + 1);
    (void)sotto_buf_printf(b, "!%d-%d;%d-%d|%s", syl_distance(a, syl, -1, is_stressed),
                           syl_distance(a, syl, 1, is_stressed), syl_distance(a, syl, -1, is_accented),
                           syl_distance(a, syl, 1, is_accented), s->vowel);
}

static void put_word(sotto_buf *b, const analysis *a, int index) {
    const word   *w = &a->words[index];
    const phrase *p = &a->phrases[w->phrase];
    int           end = p->first_word + p->n_words;
    (void)sotto_buf_printf(b, "/E:%s+%d@%d+%d&%d+%d#%d+%d", w->gpos, w->n_syls, w->place + 1, p->n_words - w->place,
                           count_content(a, p->first_word, index), count_content(a, index + 1, end),
                           content_distance(a, index, -1), content_distance(a, index, 1));
}

static void put_word_beside(sotto_buf *b, const analysis *a, int index, char field) {
    static const word none = {.gpos = "0"};
    const word       *w = index >= 0 && index < a->n_words ? &a->words[index] : &none;
    (void)sotto_buf_printf(b, "/%c:%s_%d", field, w->gpos, w->n_syls);
}

static void put_phrase_beside(sotto_buf *b, const analysis *a, int index, const char *format) {
    bool there = index >= 0 && index < a->n_phrases;
    (void)sotto_buf_printf(b, format, there ? a->phrases[index].n_syls : 0, there ? a->phrases[index].n_words : 0);
}

/* The syllables before and after a pause are those of the phones beside it; -1: another pause, or none. */
static int syl_of(const analysis *a, int seg) { return seg >= 0 && seg < a->n_segs ? a->segs[seg].syl : -1; }
static int word_of(const analysis *a, int syl) { return syl < 0 ? -1 : a->syls[syl].word; }
static int phrase_of(const analysis *a, int syl) { return syl < 0 ? -1 : a->words[a->syls[syl].word].phrase; }

static void put_phone(sotto_buf *b, const analysis *a, int seg) {
    (void)sotto_buf_printf(b, "%s^%s-%s+%s=%s", name_at(a, seg - 2), name_at(a, seg - 1), name_at(a, seg),
                           name_at(a, seg + 1), name_at(a, seg + 2));
}

static void put_pause(sotto_buf *b, const analysis *a, int seg) {
    int before = syl_of(a, seg - 1), after = syl_of(a, seg + 1);
    (void)sotto_buf_puts(b, "@x_x");
    put_beside(b, a, before, "/A:%d_%d_%d");
    (void)sotto_buf_puts(b, "/B:x-x-x@x-x&x-x#x-x$x-x!x-x;x-x|x");
    put_beside(b, a, after, "/C:%d+%d+%d");
    put_word_beside(b, a, word_of(a, before), 'D');
    (void)sotto_buf_puts(b, "/E:x+x@x+x&x+x#x+x");
    put_word_beside(b, a, word_of(a, after), 'F');
    put_phrase_beside(b, a, phrase_of(a, before), "/G:%d_%d");
    (void)sotto_buf_printf(b, "/H:x=x@1=%d|0", a->n_phrases);
    put_phrase_beside(b, a, phrase_of(a, after), "/I:%d=%d");
}

static void put_sound(sotto_buf *b, const analysis *a, int seg) {
    const segment *g = &a->segs[seg];
    int            w = word_of(a, g->syl), ph = phrase_of(a, g->syl);
    const phrase  *p = &a->phrases[ph];
    (void)sotto_buf_printf(b, "@%d_%d", g->place + 1, a->syls[g->syl].n_phones - g->place);
    put_beside(b, a, g->syl - 1, "/A:%d_%d_%d");
    put_syllable(b, a, g->syl);
    put_beside(b, a, g->syl + 1, "/C:%d+%d+%d");
    put_word_beside(b, a, w - 1, 'D');
    put_word(b, a, w);
    put_word_beside(b, a, w + 1, 'F');
    put_phrase_beside(b, a, ph - 1, "/G:%d_%d");
    (void)sotto_buf_printf(b, "/H:%d=%d@%d=%d|%s", p->n_syls, p->n_words, p->before + 1, a->n_phrases - p->before,
                           p->endtone);
    put_phrase_beside(b, a, ph + 1, "/I:%d=%d");
}

static char *make_label(sotto_arena *arena, const analysis *a, int seg) {
    sotto_buf b = {0};
    put_phone(&b, a, seg);
    (a->segs[seg].syl < 0 ? put_pause : put_sound)(&b, a, seg);
    (void)sotto_buf_printf(&b, "/J:%d+%d-%d", a->n_syls, a->n_words, a->n_phrases);
    char *label = b.failed ? NULL : sotto_arena_text(arena, b.data, b.len);
    sotto_buf_free(&b);
    return label;
}

/* ---- a text --------------------------------------------------------------------------------------------- */

/* Up to the phones of the words and the tones of the syllables; how long and how high they are, the voice knows. */
static const cst_synth_module modules[] = {{"tokenizer_func", default_tokenization},
                                           {"textanalysis_func", default_textanalysis},
                                           {"pos_tagger_func", default_pos_tagger},
                                           {"phrasing_func", default_phrasing},
                                           {"lexical_insertion_func", default_lexical_insertion},
                                           {"pause_insertion_func", default_pause_insertion},
                                           {"intonation_func", cart_intonation},
                                           {"postlex_func", NULL},
                                           {NULL, NULL}};

static bool analyse_text(sotto_arena *arena, analysis *a, const char *text) {
    sotto_flite_lock();
    cst_voice     *voice = register_cmu_us_slt(NULL);
    cst_utterance *u = voice ? new_utterance() : NULL;
    bool           ok = u != NULL;
    if (ok) {
        utt_set_input_text(u, text);
        (void)utt_init(u, voice);
        ok = apply_synth_method(u, modules) && analyse(arena, a, u, is_rising(text));
        delete_utterance(u);
    }
    sotto_flite_unlock();
    return ok;
}

char **sotto_hts_labels(sotto_arena *arena, const char *text, size_t *n) {
    analysis a = {0};
    if (!analyse_text(arena, &a, text)) return NULL;
    char **labels = sotto_arena_array(arena, (size_t)a.n_segs + 1, sizeof *labels);
    for (int i = 0; labels && i < a.n_segs; i++)
        if (!(labels[i] = make_label(arena, &a, i))) return NULL;
    *n = (size_t)a.n_segs;
    return labels;
}

#endif
