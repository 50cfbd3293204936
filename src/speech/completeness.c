/* Whether words are a whole request: rules for what people say to an assistant, tried from the first to the last.
 *
 * A pattern is words with one blank between: "a|b" one of these, "?a|b" one of these or none, "*" one or more of any,
 * "#" a number in words, "@t" a unit of time in the plural, "@s" in the singular, "@u" another unit, "@d" a day or a
 * part of one. */
#include "speech/speech.h"

enum { WORDS_MAX = 32 };

typedef struct words {
    sotto_str at[WORDS_MAX];
    size_t    n;
} words;

/* ---- words ---------------------------------------------------------------------------------------------- */

/* Whether `word` is one of a list, "a|b|c". */
static bool one_of(sotto_str word, sotto_str list) {
    for (size_t i = 0, end; i < list.n; i = end + 1) {
        const char *bar = memchr(list.p + i, '|', list.n - i);
        end = bar ? (size_t)(bar - list.p) : list.n;
        if (sotto_str_eq(word, (sotto_str){list.p + i, end - i})) return true;
    }
    return false;
}

static bool is(sotto_str word, const char *list) { return one_of(word, sotto_str_from(list)); }

static const char numbers[] =
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    "seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|"
    "billion|point|oh|half|quarter|quarters|dozen|couple";
static const char times[] = "seconds|minutes|hours|days|weeks|months|years";
static const char one_time[] = "second|minute|hour|day|week|month|year";
static const char units[] =
    "millimeter|millimeters|centimeter|centimeters|meter|meters|metre|metres|kilometer|kilometers|kilometre|"
    "kilometres|inch|inches|foot|feet|yard|yards|mile|miles|milligram|milligrams|gram|grams|kilogram|kilograms|"
    "kilo|kilos|ton|tons|tonne|tonnes|ounce|ounces|pound|pounds|stone|stones|milliliter|milliliters|liter|liters|"
    "litre|litres|teaspoon|teaspoons|tablespoon|tablespoons|cup|cups|pint|pints|quart|quarts|gallon|gallons|"
    "celsius|fahrenheit|centigrade|kelvin|knots|acre|acres|hectare|hectares|bits|bytes|kilobytes|megabytes|"
    "gigabytes|terabytes|degrees";
static const char days[] =
    "today|tonight|tomorrow|yesterday|monday|tuesday|wednesday|thursday|friday|saturday|sunday|morning|afternoon|"
    "evening|night|noon|midnight|midday|am|pm|o'clock|weekend";

/* Behind these something must come. */
static const char links[] =
    "a|an|the|my|your|our|his|her|their|this|these|every|and|or|but|because|if|when|while|until|that|than|for|to|"
    "of|at|from|with|into|onto|by|about|under|over|after|before|between|per|in|on|as|is|are|was|were|am|be|it's|"
    "i'm|called|named|plus|minus|times|divided|multiplied|equals|versus|some|any|very|not|don't|i'd|i'll|i|we|"
    "can|could|would|will|who|which|whose|what's|what|why|where|how";
static const char fillers[] = "um|uh|er|erm|uhm|hmm|ah|mm";

/* ---- rules ---------------------------------------------------------------------------------------------- */

/* Whole, though their last word is one of those. */
static const char *const whole_in_spite[] = {
    "turn|switch|leave|keep * on", "turn|switch|put it|that|them on", "what|who|where * for|from|about|with|at",
    "what is|was that", "stop|cancel|forget|delete|undo|repeat|double|halve|square|triple that|this",
    "say|read|do that", "who|where am i", "yes|no i am|can|will|would|do", "that's what it is",
};

/* Plainly go on, though their last word does not say so. */
static const char *const unfinished[] = {
    /* verbs without what they are about */
    "set|start|make|create|begin|add|put|take|remove|buy|get|write|turn|convert|"
    "change|calculate|roll|flip|toss|throw",
    "remind|wake|tell|give|ask|call|play|send|open|remember|note ?me|us|you", "wake me up",
    "can|could|would|will|do|did you|i|we", "i want|need|have|parked|like", "i want|need you",
    "and|so|well|okay|please|also|then", "make it", "how|what about",
    /* timers, reminders and times that lack their other half */
    "set|start|make a|an|the ?new timer|alarm|reminder for|of|at #", "?* timer for|of #", "wake me up in|at #",
    "?* in # @s", "?* # @s", "?a reminder|note ?to remind me", "remind me ?a @d ?@d", "remind me in # @t",
    "remind me at # ?@d", "remind me on ?next @d ?@d", "remind me @d at # ?@d", "how much time|longer",
    "how long ?is|until|do|does", "what time|day|date|year ?is|was", "what day of the week ?is",
    /* sums and units */
    "what|what's ?is # percent", "# percent", "how many|much|long|far|old|big|high|often",
    "how many @u|@t ?are|is|in", "convert|change # @u", "square|cube root",
    "what|what's ?is the square|cube|sum|product|root",
    /* lists, volume, dice */
    "put * down", "add|put * shopping|grocery", "turn|set|change|put|raise|lower the|your ?volume|sound",
    "turn|switch it|that|them", "roll|throw #", "remember that|my ?* is",
};

static const char *const whole[] = {
    /* the clock and the calendar */
    "what time|day|date ?of ?the ?week is ?it|today|tomorrow", "what|which day|date|month|year is it|today",
    "what's|what ?is the time|date|day", "tell|give me the time|date", "what's|what ?is today's date",
    "what day|date is|was @d ?@d", "what day of the week is|was @d|it",
    /* timers and reminders */
    "?* # @t", "?* # @t ?and # @t", "?* a|an|one second|minute|hour|day|week ?and ?a ?half",
    "?* half|quarter ?of a|an minute|hour|day", "?* # ?more @t|@s timer",
    "stop|cancel|pause|resume|delete|end|kill|clear|list|show|check ?all|the|my|"
    "that ?* timer|timers|alarm|alarms|reminder|reminders",
    "how much time|longer is|do|have ?i ?have left|remaining", "how long|much is ?there left",
    "how long ?is ?left on|for|of ?the|my ?* timer", "how much time is ?there left on|for ?the|my ?* timer",
    "what|which timers|alarms|reminders do|have i ?have", "what|what's ?are ?is my timers|reminders|alarms",
    "remind me to|about|that|of * @d", "remind me to|about * in # @t", "wake me up @d|at|on * @d",
    "set|make * alarm|reminder * @d",
    /* sums and units */
    "?convert|change|what|what's ?is # ?degrees @u|@t in|to|into|as ?degrees @u|@t",
    "how many|much @u|@t is|are|in ?in # @u|@t", "how * is|are # @u in @u",
    "half|double|square|triple|halve that|it", "set|turn|put|change|make|bring|volume * percent",
    "?* percent volume",
    /* lists */
    "add|put|write|throw|get|stick|jot * to|on|onto ?my|the|our ?* list",
    "take|remove|delete|cross|drop|scratch * off|from ?my|the|our ?* list",
    "read|show|clear|empty|delete|check ?me|us ?out my|the|our ?* list|lists",
    "what's|what ?is|else ?is on|in ?my|the|our ?* list", "what do i|we need",
    "is|are|do|have * on ?my|the|our ?* list",
    /* volume, dice, coins */
    "?turn ?the ?your volume up|down", "turn|crank|bring|put|switch ?the|your|my * up|down|off",
    "turn|switch up|down|off|on the|your|my *",
    "?be|speak|talk ?a ?little|bit|lot ?bit ?much louder|quieter|softer|slower|faster|up",
    "mute|unmute ?it|that|yourself", "roll|throw a|the|some ?* die|dice", "roll|throw # ?* dice", "flip|toss a coin",
    "heads or tails", "?tell ?me ?a|another joke",
    /* talk */
    "stop|quiet|silence|enough|hush|pause", "shut up", "never mind", "forget it", "thank you ?very|so ?much",
    "thanks ?a ?lot|you|million", "hello|hi|hey|bye|goodbye|cheers ?there|again|sotto|computer",
    "good morning|evening|afternoon|night|bye|day", "yes|no|yeah|yep|nope|sure|correct|wrong|exactly ?please|thanks",
    "no thank you", "repeat|say that|it ?again|please|slowly ?please", "what can you do", "who are you",
    "what's|what ?is your name", "how are you ?doing|today", "what did you say", "once more|again", "come again",
    "cancel|stop|delete|undo|forget it|everything|all", "never mind that",
};

/* ---- patterns ------------------------------------------------------------------------------------------- */

static bool is_number(const words *w, size_t from, size_t n) {
    for (size_t i = from; i < from + n; i++) {
        bool ends = i + 1 == from + n, joins = i > from && !ends && is(w->at[i], "and|a|an|of");
        bool begins = i == from && !ends && is(w->at[i], "a|an|minus|negative");
        if (!is(w->at[i], numbers) && !joins && !begins) return false;
    }
    return n > 0;
}

/* Whether a word is "@t" or another class, or one of "a|b". */
static bool fits(sotto_str word, sotto_str part) {
    if (part.p[0] != '@') return one_of(word, part);
    bool unit = sotto_str_starts(part, "@u"), fit = unit && is(word, units);
    if (sotto_str_starts(part, "@t")) fit = is(word, times);
    if (sotto_str_starts(part, "@s")) fit = is(word, one_time);
    if (sotto_str_starts(part, "@d")) fit = is(word, days);
    return fit || (part.n > 3 && fits(word, (sotto_str){part.p + 3, part.n - 3})); /* "@u|@t" */
}

/* Whether the words from `at` on are the pattern. */
static bool matches(const words *w, size_t at, const char *pattern) {
    if (!*pattern) return at == w->n;
    size_t      n = strcspn(pattern, " ");
    const char *rest = pattern + n + (pattern[n] == ' ');
    sotto_str   part = {pattern, n};
    if (*part.p == '?') {
        if (matches(w, at, rest)) return true;
        part.p++, part.n--;
    }
    if (*part.p != '*' && *part.p != '#') return at < w->n && fits(w->at[at], part) && matches(w, at + 1, rest);
    for (size_t end = at + 1; end <= w->n; end++)
        if ((*part.p == '*' || is_number(w, at, end - at)) && matches(w, end, rest)) return true;
    return false;
}

static bool any_matches(const words *w, const char *const *patterns, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (matches(w, 0, patterns[i])) return true;
    return false;
}

/* ---- the answer ----------------------------------------------------------------------------------------- */

static bool split(words *w, const char *text) {
    w->n = 0;
    while (*(text += strspn(text, " \t\r\n"))) {
        size_t n = strcspn(text, " \t\r\n");
        if (w->n == WORDS_MAX) return false;
        w->at[w->n++] = (sotto_str){text, n};
        text += n;
    }
    return true;
}

static void drop_first(words *w, size_t n) {
    w->n -= n;
    memmove(w->at, w->at + n, w->n * sizeof *w->at);
}

/* Words of politeness and of hesitation before the request. */
static void drop_opening(words *w) {
    static const char openers[] = "okay|well|so|please|hey|hi|computer|and|then|also|now|just|oh|actually|kindly";
    for (size_t n = 1; n;) {
        n = 0;
        if (w->n > 1 && (is(w->at[0], fillers) || is(w->at[0], openers))) n = 1;
        if (w->n > 2 && is(w->at[0], "can|could|would|will") && is(w->at[1], "you|we")) n = 2;
        if (w->n > 4 && is(w->at[0], "i") && is(w->at[2], "you") && is(w->at[3], "to")) n = 4; /* i want you to */
        drop_first(w, n);
    }
}

/* And behind it. */
static bool drop_closing(words *w) {
    size_t before = w->n;
    while (w->n > 1 && is(w->at[w->n - 1], "please|thanks|now|today")) w->n--;
    if (w->n > 2 && is(w->at[w->n - 1], "you|me") && is(w->at[w->n - 2], "thank|for|will|would")) w->n -= 2;
    return w->n < before;
}

sotto_completeness sotto_completeness_of(const char *text) {
    words w;
    if (!split(&w, text) || w.n == 0) return SOTTO_UNSURE;
    if (is(w.at[w.n - 1], fillers)) return SOTTO_INCOMPLETE;
    drop_opening(&w);
    bool polite = drop_closing(&w);
    if (any_matches(&w, whole_in_spite, SOTTO_COUNT(whole_in_spite))) return SOTTO_COMPLETE;
    if (is(w.at[w.n - 1], links) || any_matches(&w, unfinished, SOTTO_COUNT(unfinished))) return SOTTO_INCOMPLETE;
    return polite || any_matches(&w, whole, SOTTO_COUNT(whole)) ? SOTTO_COMPLETE : SOTTO_UNSURE;
}
