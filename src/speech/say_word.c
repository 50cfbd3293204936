/* Words, abbreviations, addresses and signs. */
#include "speech/say.h"

/* ---- abbreviations -------------------------------------------------------------------------------------- */

typedef struct abbreviation {
    const char        *sign, *words; /* without its point */
    sotto_abbreviation kind;
    const char        *else_words; /* where no capital letter follows; NULL: the same */
    bool               always;     /* an abbreviation without its point too */
} abbreviation;

#define NEVER SOTTO_ABBREVIATION_NEVER
#define MAYBE SOTTO_ABBREVIATION_MAYBE
#define NUMBER SOTTO_ABBREVIATION_NUMBER
static const abbreviation abbreviations[] = {
    {"Dr", "Doctor", NEVER, "Drive", true},
    {"Mr", "Mister", NEVER, NULL, true},
    {"Mrs", "Missus", NEVER, NULL, true},
    {"Ms", "Miz", NEVER, NULL, true},
    {"Prof", "Professor", NEVER, NULL, true},
    {"St", "Saint", NEVER, "Street", true},
    {"Mt", "Mount", NEVER, NULL, true},
    {"Rev", "Reverend", NEVER, NULL, false},
    {"Gen", "General", NEVER, NULL, false},
    {"Sen", "Senator", NEVER, NULL, false},
    {"Rep", "Representative", NEVER, NULL, false},
    {"Gov", "Governor", NEVER, NULL, false},
    {"Capt", "Captain", NEVER, NULL, false},
    {"Col", "Colonel", NEVER, NULL, false},
    {"Lt", "Lieutenant", NEVER, NULL, false},
    {"Sgt", "Sergeant", NEVER, NULL, false},
    {"vs", "versus", NEVER, NULL, true},
    {"e.g", "for example", NEVER, NULL, true},
    {"i.e", "that is", NEVER, NULL, true},
    {"cf", "compare", NEVER, NULL, false},
    {"approx", "approximately", NEVER, NULL, false},
    {"ca", "about", NEVER, NULL, false},
    {"Fig", "Figure", NUMBER, NULL, false},
    {"fig", "figure", NUMBER, NULL, false},
    {"No", "number", NUMBER, NULL, false},
    {"no", "number", NUMBER, NULL, false},
    {"Nos", "numbers", NUMBER, NULL, false},
    {"Vol", "volume", NUMBER, NULL, false},
    {"pp", "pages", NUMBER, NULL, false},
    {"p", "page", NUMBER, NULL, false},
    {"etc", "et cetera", MAYBE, NULL, true},
    {"al", "al", MAYBE, NULL, false},
    {"Inc", "Incorporated", MAYBE, NULL, false},
    {"Ltd", "Limited", MAYBE, NULL, true},
    {"Corp", "Corporation", MAYBE, NULL, false},
    {"Co", "Company", MAYBE, NULL, false},
    {"Jr", "Junior", MAYBE, NULL, true},
    {"Sr", "Senior", MAYBE, NULL, false},
    {"Ave", "Avenue", MAYBE, NULL, false},
    {"Blvd", "Boulevard", MAYBE, NULL, true},
    {"Rd", "Road", MAYBE, NULL, false},
    {"Dept", "Department", MAYBE, NULL, false},
    {"dept", "department", MAYBE, NULL, false},
    {"est", "established", MAYBE, NULL, false},
    {"min", "minutes", MAYBE, NULL, false},
    {"hr", "hours", MAYBE, NULL, false},
    {"ft", "feet", MAYBE, NULL, false},
    {"oz", "ounces", MAYBE, NULL, false},
    {"lbs", "pounds", MAYBE, NULL, false},
    {"Jan", "January", MAYBE, NULL, false},
    {"Feb", "February", MAYBE, NULL, false},
    {"Aug", "August", MAYBE, NULL, false},
    {"Sept", "September", MAYBE, NULL, false},
    {"Oct", "October", MAYBE, NULL, false},
    {"Nov", "November", MAYBE, NULL, false},
    {"Dec", "December", MAYBE, NULL, false},
    {"and/or", "and or", NEVER, NULL, true},
    {"w/o", "without", NEVER, NULL, true},
    {"w/", "with", NEVER, NULL, true},
};

static const abbreviation *find_abbreviation(const char *p, size_t n) {
    for (size_t i = 0; i < SOTTO_COUNT(abbreviations); i++)
        if (sotto_str_is((sotto_str){p, n}, abbreviations[i].sign)) return &abbreviations[i];
    return NULL;
}

/* Letters with a point after each, two or more ("U.S.", "a.k.a."): the length without the last point, or 0. */
static size_t dotted_letters(const char *p, size_t n) {
    size_t i = 0;
    while (i + 1 < n && ((unsigned)(p[i] | 32) - 'a') < 26 && p[i + 1] == '.') i += 2;
    return i >= 4 && !sotto_is_word(sotto_char_at(p, n, i)) ? i - 1 : 0;
}

sotto_abbreviation sotto_abbreviation_of(const char *word, size_t n) {
    if (n < 2 || word[n - 1] != '.') return SOTTO_ABBREVIATION_NONE;
    const abbreviation *a = find_abbreviation(word, n - 1);
    if (a) return a->kind;
    if (n == 2 && sotto_is_upper(word[0]) && word[0] != 'I') return NEVER; /* of a name */
    return dotted_letters(word, n) > 0 ? MAYBE : SOTTO_ABBREVIATION_NONE;
}

/* "No." is a number's only before one. "St." of a street follows its name, and so no capital letter follows it. */
size_t sotto_rule_abbreviation(sotto_buf *b, const char *p, size_t n, char before) {
    size_t len = 0;
    if (p[0] == 'v' && before == ' ' && sotto_is_digit(sotto_char_at(p, n, 1))) {
        sotto_say_words(b, "version");
        return 1;
    }
    while (len < n && (sotto_is_word(p[len]) || p[len] == '/' ||
                       (p[len] == '.' && sotto_is_letter(sotto_char_at(p, n, len + 1)))))
        len++;
    const abbreviation *a = find_abbreviation(p, len);
    bool                point = sotto_char_at(p, n, len) == '.';
    if (a && (point || a->always)) {
        size_t next = len + point + (sotto_char_at(p, n, len + point) == ' ');
        char   follows = sotto_char_at(p, n, next);
        if (a->kind == NUMBER && !sotto_is_digit(follows)) return 0;
        sotto_say_words(b, a->else_words && !sotto_is_upper(follows) ? a->else_words : a->words);
        return len + point;
    }
    len = n > 2 && sotto_is_upper(p[0]) && p[1] == '.' && p[2] == ' ' ? 1 : dotted_letters(p, n);
    if (len == 0) return 0;
    for (size_t i = 0; i <= len; i += 2) sotto_say_letters(b, p + i, 1);
    return len + 1;
}

/* ---- addresses and names of files ----------------------------------------------------------------------- */

/* Letters, and the digits among them. */
static void say_part(sotto_buf *b, const char *p, size_t n) {
    for (size_t i = 0, len; i < n; i += len) {
        len = sotto_digits_at(p + i, n - i);
        sotto_say_cardinal(b, p + i, len);
        if (len > 0) continue;
        while (i + len < n && !sotto_is_digit(p[i + len])) len++;
        sotto_say_run(b, p + i, len);
    }
}

/* "me@example.com", "example.com", "main.py": letters around a point or an at sign that has no blank beside it. */
size_t sotto_rule_address(sotto_buf *b, const char *p, size_t n, char before) {
    size_t len = 0, marks = 0, begin = 0;
    (void)before;
    while (len < n && (sotto_is_word(p[len]) ||
                       (len > 0 && strchr(".@-+_/", p[len]) && sotto_is_word(sotto_char_at(p, n, len + 1)))))
        marks += p[len] == '.' || p[len] == '@', len++;
    if (marks == 0 || !sotto_is_word(p[0])) return 0;
    for (size_t i = 0; i <= len; i++) {
        char c = sotto_char_at(p, n, i);
        if (i < len && !strchr(".@-+_/", c)) continue;
        say_part(b, p + begin, i - begin);
        begin = i + 1;
        if (i == len) break;
        sotto_say_words(b, c == '.' ? "dot" : c == '@' ? "at" : c == '/' ? "slash" : c == '+' ? "plus" : "");
    }
    return len;
}

/* ---- signs ---------------------------------------------------------------------------------------------- */

/* "^2" and the like. */
static size_t say_power(sotto_buf *b, const char *p, size_t n) {
    sotto_number x;
    size_t       used = n > 1 ? sotto_number_scan(p + 1, n - 1, &x) : 0;
    if (used == 0) return 0;
    bool small = x.n_whole == 1 && x.n_part == 0 && !x.minus;
    if (small && x.whole[0] == '2') sotto_say_words(b, "squared");
    else if (small && x.whole[0] == '3') sotto_say_words(b, "cubed");
    else sotto_say_words(b, "to the power of"), sotto_say_number_of(b, &x);
    return 1 + used;
}

static size_t say_hash(sotto_buf *b, const char *p, size_t n, char before) {
    char next = sotto_char_at(p, n, 1);
    if (sotto_is_letter(before) && !sotto_is_word(next)) sotto_say_words(b, "sharp"); /* C# */
    else if (sotto_is_digit(next)) sotto_say_words(b, "number");
    else if (sotto_is_letter(next)) sotto_say_words(b, "hashtag");
    return 1;
}

size_t sotto_rule_symbol(sotto_buf *b, const char *p, size_t n, char before) {
    static const struct {
        const char *sign, *words;
        bool        apart; /* only with a blank, or a digit, on both sides */
    } symbols[] = {
        {"->", "to", false}, {"=>", "to", false}, {"<=", "is at most", false}, {">=", "is at least", false},
        {"!=", "is not equal to", false}, {"==", "equals", false}, {"++", "plus plus", false},
        {"--", "", false}, {"&&", "and", false}, {"&", "and", false}, {"@", "at", false}, {"+", "plus", false},
        {"=", "equals", false}, {"%", "percent", false}, {"*", "times", false}, {"<", "is less than", true},
        {">", "is greater than", true}, {"/", "slash", false}, {"\xc2\xa3", "pounds", false},
        {"\xe2\x82\xac", "euros", false}, {"\xc2\xa5", "yen", false}, {"\xc2\xb0", "degrees", false}
    };
    char next = sotto_char_at(p, n, 1);
    if (p[0] == '^') return say_power(b, p, n);
    if (p[0] == '#') return say_hash(b, p, n, before);
    if ((p[0] == '-' || p[0] == '/') && before == ' ' && next == ' ' && n > 2 && sotto_is_digit(p[2])) {
        sotto_say_words(b, p[0] == '-' ? "minus" : "divided by");
        return 1;
    }
    if (p[0] == '/' && sotto_is_digit(before) && sotto_is_letter(next)) {
        sotto_say_words(b, "per"); /* "$20/month" */
        return 1;
    }
    for (size_t i = 0; i < SOTTO_COUNT(symbols); i++) {
        size_t len = strlen(symbols[i].sign);
        if (n < len || memcmp(p, symbols[i].sign, len) != 0) continue;
        next = sotto_char_at(p, n, len);
        bool apart = (before == ' ' && next == ' ') || (sotto_is_digit(before) && sotto_is_digit(next));
        if (symbols[i].apart && !apart) continue;
        sotto_say_words(b, symbols[i].words);
        return len;
    }
    return 0;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

/* Short words in capitals that voices take for words. */
static bool is_spelt(const char *p, size_t n) {
    static const char *const spelt[] = {"AI", "API", "EU", "ETA", "FAQ", "ID", "IDE", "IO", "IP", "ISO", "ISP",
                                        "OS", "UI",  "UK", "UN",  "URL", "US", "USA", "UX", "AM", "PM"};
    for (size_t i = 0; i < SOTTO_COUNT(spelt); i++)
        if (sotto_str_is((sotto_str){p, n}, spelt[i])) return true;
    return false;
}

/* A run of letters, digits and apostrophes; a hyphen within a word is a blank. Digits part from the letters before
 * them. */
size_t sotto_rule_word(sotto_buf *b, const char *p, size_t n, char before) {
    size_t len = 0;
    (void)before;
    while (len < n && (sotto_is_letter(p[len]) ||
                       (len > 0 && p[len] == '\'' && sotto_is_letter(sotto_char_at(p, n, len + 1)))))
        len++;
    if (len == 0) return 0;
    if (is_spelt(p, len)) sotto_say_letters(b, p, len);
    else sotto_say_run(b, p, len);
    return len;
}
