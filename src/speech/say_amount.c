/* Money, and numbers with a unit; ranges of either. */
#include "speech/say.h"

/* "k", "million": its word and length, or NULL. `money`: letters that mean it after an amount of money only. */
static const char *scan_scale(const char *p, size_t n, bool money, size_t *len) {
    static const struct {
        const char *sign, *word;
        bool        money;
    } scales[] = {
        {"k", "thousand", false}, {"m", "million", true}, {"mm", "million", true}, {"mn", "million", true},
        {"bn", "billion", false}, {"b", "billion", true}, {"t", "trillion", true}, {"tn", "trillion", true}
    };
    static const char *const words[] = {"hundred", "thousand", "million", "billion", "trillion"};
    for (size_t i = 0; i < SOTTO_COUNT(scales); i++)
        if ((money || !scales[i].money) && sotto_starts_with(p, n, scales[i].sign)) {
            *len = strlen(scales[i].sign);
            return scales[i].word;
        }
    for (size_t i = 0; n > 1 && p[0] == ' ' && i < SOTTO_COUNT(words); i++)
        if (sotto_starts_with(p + 1, n - 1, words[i])) {
            *len = 1 + strlen(words[i]);
            return words[i];
        }
    return NULL;
}

/* "-5" of "3-5": where the other end of a range begins; 0: there is none. */
static size_t scan_range(const char *p, size_t n, sotto_number *other) {
    if (n < 2 || p[0] != '-' || p[1] == '-' || p[1] == '+') return 0;
    size_t used = sotto_number_scan(p + 1, n - 1, other);
    return used > 0 ? 1 + used : 0;
}

/* ---- money ---------------------------------------------------------------------------------------------- */

typedef struct currency {
    const char *sign, *one, *many, *cent, *cents;
} currency;

static const currency currencies[] = {{"$", "dollar", "dollars", "cent", "cents"},
                                      {"\xc2\xa3", "pound", "pounds", "penny", "pence"},
                                      {"\xe2\x82\xac", "euro", "euros", "cent", "cents"},
                                      {"\xc2\xa5", "yen", "yen", NULL, NULL}};

static const currency *scan_currency(const char *p, size_t n, size_t *len) {
    for (size_t i = 0; i < SOTTO_COUNT(currencies); i++) {
        *len = strlen(currencies[i].sign);
        if (n >= *len && memcmp(p, currencies[i].sign, *len) == 0) return &currencies[i];
    }
    return NULL;
}

static bool is_zero(const sotto_number *x) { return x->n_whole == 0 || (x->n_whole == 1 && x->whole[0] == '0'); }

/* "3.50": three dollars and fifty cents. */
static void say_with_cents(sotto_buf *b, const sotto_number *x, const currency *c) {
    const char *cents = x->part + (x->part[0] == '0');
    size_t      n = x->part[0] == '0' ? 1 : 2;
    if (!is_zero(x)) {
        sotto_say_cardinal(b, x->whole, x->n_whole);
        sotto_say_words(b, x->n_whole == 1 && x->whole[0] == '1' ? c->one : c->many);
        if (cents[0] == '0') return;
        sotto_say_words(b, "and");
    }
    sotto_say_cardinal(b, cents, n);
    sotto_say_words(b, n == 1 && cents[0] == '1' ? c->cent : c->cents);
}

static void say_money(sotto_buf *b, const sotto_number *x, const char *scale, const currency *c) {
    if (x->minus) sotto_say_words(b, "minus");
    if (!scale && x->n_part == 2 && c->cent) {
        say_with_cents(b, x, c);
        return;
    }
    sotto_number positive = *x;
    positive.minus = false;
    sotto_say_number_of(b, &positive);
    sotto_say_words(b, scale ? scale : "");
    sotto_say_words(b, !scale && sotto_number_is_one(x) ? c->one : c->many);
}

/* The second end of "$5-10" and "$5-$10". */
static size_t money_range(const char *p, size_t n, sotto_number *other) {
    size_t sign = 0;
    if (n < 2 || p[0] != '-') return 0;
    (void)(scan_currency(p + 1, n - 1, &sign) || (sign = 0));
    size_t begin = 1 + sign;
    if (sotto_digits_at(p + begin, n - begin) == 0) return 0;
    return begin + sotto_number_scan(p + begin, n - begin, other);
}

/* "$5", "-$5", "$3 million", and "5 €". */
size_t sotto_rule_money(sotto_buf *b, const char *p, size_t n, char before) {
    sotto_number    x, other;
    size_t          sign, len = 0, i = p[0] == '-' && before == ' ';
    const currency *c = scan_currency(p + i, n - i, &sign);
    if (c) i += sign;
    size_t used = i < n ? sotto_number_scan(p + i, n - i, &x) : 0;
    if (used == 0 || (c && !sotto_is_digit(p[i]) && p[i] != '.')) return 0;
    x.minus |= c && p[0] == '-';
    i += used;
    if (!c) {
        size_t blank = sotto_char_at(p, n, i) == ' ';
        c = i + blank < n ? scan_currency(p + i + blank, n - i - blank, &sign) : NULL;
        if (!c || c == currencies || (!x.minus && p[0] == '-')) return 0;
        say_money(b, &x, NULL, c);
        return i + blank + sign;
    }
    used = i < n ? money_range(p + i, n - i, &other) : 0;
    if (used > 0) {
        sotto_say_number_of(b, &x);
        sotto_say_words(b, "to");
        x = other, i += used;
    }
    const char *scale = i < n ? scan_scale(p + i, n - i, true, &len) : NULL;
    say_money(b, &x, scale, c);
    return i + (scale ? len : 0);
}

/* ---- units ---------------------------------------------------------------------------------------------- */

typedef struct unit {
    const char *sign, *one, *many;
    bool        close; /* only without a blank before it */
} unit;

static const unit units[] = {
    {"%", "percent", "percent", false},
    {"\xc2\xb0""C", "degree Celsius", "degrees Celsius", false},
    {"\xc2\xb0""F", "degree Fahrenheit", "degrees Fahrenheit", false},
    {"\xc2\xb0", "degree", "degrees", true},
    {"km/h", "kilometer per hour", "kilometers per hour", false},
    {"kmh", "kilometer per hour", "kilometers per hour", false},
    {"kph", "kilometer per hour", "kilometers per hour", false},
    {"m/s", "meter per second", "meters per second", false},
    {"mph", "mile per hour", "miles per hour", false},
    {"mpg", "mile per gallon", "miles per gallon", false},
    {"rpm", "revolution per minute", "revolutions per minute", false},
    {"fps", "frame per second", "frames per second", false},
    {"bpm", "beat per minute", "beats per minute", false},
    {"km", "kilometer", "kilometers", false},
    {"cm", "centimeter", "centimeters", false},
    {"mm", "millimeter", "millimeters", false},
    {"nm", "nanometer", "nanometers", false},
    {"m", "meter", "meters", false},
    {"mi", "mile", "miles", false},
    {"ft", "foot", "feet", false},
    {"in", "inch", "inches", true},
    {"yd", "yard", "yards", false},
    {"kg", "kilogram", "kilograms", false},
    {"mg", "milligram", "milligrams", false},
    {"g", "gram", "grams", false},
    {"lbs", "pound", "pounds", false},
    {"lb", "pound", "pounds", false},
    {"oz", "ounce", "ounces", false},
    {"ml", "milliliter", "milliliters", false},
    {"mL", "milliliter", "milliliters", false},
    {"l", "liter", "liters", false},
    {"L", "liter", "liters", false},
    {"tbsp", "tablespoon", "tablespoons", false},
    {"tsp", "teaspoon", "teaspoons", false},
    {"kHz", "kilohertz", "kilohertz", false},
    {"MHz", "megahertz", "megahertz", false},
    {"GHz", "gigahertz", "gigahertz", false},
    {"Hz", "hertz", "hertz", false},
    {"kWh", "kilowatt hour", "kilowatt hours", false},
    {"kW", "kilowatt", "kilowatts", false},
    {"MW", "megawatt", "megawatts", false},
    {"W", "watt", "watts", false},
    {"V", "volt", "volts", false},
    {"mAh", "milliamp hour", "milliamp hours", false},
    {"km/s", "kilometer per second", "kilometers per second", false},
    {"kB", "kilobyte", "kilobytes", false},
    {"KB", "kilobyte", "kilobytes", false},
    {"MB", "megabyte", "megabytes", false},
    {"GB", "gigabyte", "gigabytes", false},
    {"TB", "terabyte", "terabytes", false},
    {"Mbps", "megabit per second", "megabits per second", false},
    {"Gbps", "gigabit per second", "gigabits per second", false},
    {"MB/s", "megabyte per second", "megabytes per second", false},
    {"GB/s", "gigabyte per second", "gigabytes per second", false},
    {"dB", "decibel", "decibels", false},
    {"kcal", "kilocalorie", "kilocalories", false},
    {"hPa", "hectopascal", "hectopascals", false},
    {"ms", "millisecond", "milliseconds", false},
    {"sec", "second", "seconds", false},
    {"secs", "second", "seconds", false},
    {"s", "second", "seconds", false},
    {"min", "minute", "minutes", false},
    {"mins", "minute", "minutes", false},
    {"hr", "hour", "hours", false},
    {"hrs", "hour", "hours", false},
    {"h", "hour", "hours", false},
    {"yrs", "year", "years", false},
    {"px", "pixel", "pixels", false},
    {"ppm", "part per million", "parts per million", false},
};

/* A unit after a number, a blank or none before it; *power is '2' in "km^2". */
static const unit *scan_unit(const char *p, size_t n, size_t *len, char *power) {
    size_t blank = sotto_char_at(p, n, 0) == ' ' && n > 0;
    for (size_t i = 0; i < SOTTO_COUNT(units); i++) {
        const unit *u = &units[i];
        size_t      sign = strlen(u->sign), end = blank + sign;
        if (n < end || memcmp(p + blank, u->sign, sign) != 0 || (blank && u->close)) continue;
        bool letter = sotto_is_letter(u->sign[sign - 1]), degree = (unsigned char)u->sign[sign - 1] >= 0x80;
        if (letter && !degree && (sotto_is_word(sotto_char_at(p, n, end)) || sotto_char_at(p, n, end) == '/')) continue;
        bool raised = sotto_char_at(p, n, end) == '^' && strchr("23", sotto_char_at(p, n, end + 1));
        *power = raised ? p[end + 1] : '\0';
        *len = end + (raised ? 2 : 0);
        return u;
    }
    return NULL;
}

static void say_plain_or_year(sotto_buf *b, const sotto_number *x, bool year) {
    if (year && sotto_is_year(x)) sotto_say_year(b, sotto_int_of(x->whole, x->n_whole));
    else sotto_say_number_of(b, x);
}

static void say_unit(sotto_buf *b, const unit *u, char power, bool one) {
    if (power) sotto_say_words(b, power == '2' ? "square" : "cubic");
    sotto_say_words(b, one ? u->one : u->many);
}

/* "3x4" and "1920 x 1080" are sizes, "16:9" a ratio. */
static size_t scan_by(const char *p, size_t n, sotto_number *other, const char **word) {
    size_t blank = sotto_char_at(p, n, 0) == ' ' && n > 0;
    char   mark = sotto_char_at(p, n, blank), follows = sotto_char_at(p, n, blank + 1 + blank);
    if ((mark != 'x' && !(mark == ':' && !blank)) || !sotto_is_digit(follows)) return 0;
    if (blank && sotto_char_at(p, n, 2) != ' ') return 0;
    size_t begin = 1 + 2 * blank, used = sotto_number_scan(p + begin, n - begin, other);
    *word = mark == 'x' ? "by" : "to";
    return used > 0 && !sotto_is_letter(sotto_char_at(p, n, begin + used)) ? begin + used : 0;
}

size_t sotto_rule_amount(sotto_buf *b, const char *p, size_t n, char before) {
    sotto_number x, other;
    const char  *word = "to";
    size_t       len = 0, more = 0, used;
    char         power = '\0';
    if ((p[0] == '-' || p[0] == '+') && before != ' ' && before != '(') return 0;
    used = sotto_number_scan(p, n, &x);
    if (used == 0 || used == n) return 0;
    more = scan_range(p + used, n - used, &other);
    if (more == 0) more = scan_by(p + used, n - used, &other, &word);
    size_t      end = used + more;
    const char *scale = end < n ? scan_scale(p + end, n - end, false, &len) : NULL;
    if (scale && p[end] == 'K' && x.n_whole == 1 && x.n_part == 0) scale = NULL; /* 4K is a screen */
    end += scale ? len : 0;
    const unit *u = end < n ? scan_unit(p + end, n - end, &len, &power) : NULL;
    if (more == 0 && !scale && !u) return 0;
    if (p[0] == '+') sotto_say_words(b, "plus");
    say_plain_or_year(b, &x, more > 0 && !u);
    if (more > 0) sotto_say_words(b, word), say_plain_or_year(b, &other, !u);
    if (scale) sotto_say_words(b, scale);
    if (u) say_unit(b, u, power, more == 0 && !scale && sotto_number_is_one(&x));
    end += u ? len : 0;
    bool point = u && sotto_char_at(p, n, end) == '.' && sotto_char_at(p, n, end + 1) == ' '; /* "5 min. later" */
    return end + (point && sotto_is_letter(sotto_char_at(p, n, end + 2)) && !sotto_is_upper(p[end + 2]));
}
