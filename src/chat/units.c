/* Units: one table, and how their names are read.
 *
 * Factors are exact by definition. Sources: the International System of Units (SI brochure, 9th edition) for metric
 * units, minute, hour, day and hectare; the international yard and pound agreement of 1959 (a yard is 0.9144 m, a pound
 * 0.45359237 kg) for what follows from these; NIST Handbook 44, appendix C, for US customary volumes (a gallon is 231
 * cubic inches); the UK Weights and Measures Act 1985 for imperial ones (a gallon is 4.54609 litres); IEC 80000-13 for
 * binary multiples. A year is the mean Gregorian one, 365.2425 days, a month a twelfth of it. */
#include <math.h>

#include "chat/toolbox.h"

typedef enum quantity { LENGTH, MASS, VOLUME, TEMPERATURE, SPEED, AREA, TIME, DATA, N_QUANTITIES } quantity;

static const char *const quantity_names[N_QUANTITIES] = {
    "length", "mass", "volume", "temperature", "speed", "area", "time", "data"};

struct sotto_unit {
    const char *name;
    quantity    of;
    double      factor; /* to the quantity's own unit: m, kg, l, K, m/s, m2, s, byte */
    double      offset; /* added before: temperatures */
    const char *plural; /* as said; NULL: the name with an s */
    const char *short_names; /* in the form that `key` makes, separated by blanks */
};

#define INCH 0.0254
#define FOOT (12 * INCH)
#define MILE (5280 * FOOT)
#define POUND 0.45359237
#define GALLON (231 * INCH * INCH * INCH * 1000)
#define IMPERIAL 4.54609
#define DAY 86400.0
#define YEAR (365.2425 * DAY)
#define KIBI 1024.0

static const sotto_unit units[] = {
    {"nanometer", LENGTH, 1e-9, 0, NULL, "nm"},
    {"micrometer", LENGTH, 1e-6, 0, NULL, "µm μm um micron"},
    {"millimeter", LENGTH, 1e-3, 0, NULL, "mm"},
    {"centimeter", LENGTH, 1e-2, 0, NULL, "cm"},
    {"decimeter", LENGTH, 1e-1, 0, NULL, "dm"},
    {"meter", LENGTH, 1, 0, NULL, "m"},
    {"kilometer", LENGTH, 1e3, 0, NULL, "km klick k's"},
    {"inch", LENGTH, INCH, 0, "inches", "in \" ″"},
    {"foot", LENGTH, FOOT, 0, "feet", "ft ' ′"},
    {"yard", LENGTH, 3 * FOOT, 0, NULL, "yd"},
    {"mile", LENGTH, MILE, 0, NULL, "mi statutemile landmile"},
    {"nautical_mile", LENGTH, 1852, 0, NULL, "nmi seamile"},
    {"light_year", LENGTH, 299792458.0 * 365.25 * DAY, 0, NULL, "ly"}, /* of Julian years, as the IAU has it */
    {"microgram", MASS, 1e-9, 0, NULL, "µg μg ug mcg"},
    {"milligram", MASS, 1e-6, 0, NULL, "mg"},
    {"gram", MASS, 1e-3, 0, NULL, "g gramme gr"},
    {"kilogram", MASS, 1, 0, NULL, "kg kilo kilogramme"},
    {"tonne", MASS, 1e3, 0, NULL, "t ton metricton metrictonne"},
    {"ounce", MASS, POUND / 16, 0, NULL, "oz"},
    {"pound", MASS, POUND, 0, NULL, "lb lbm"},
    {"stone", MASS, 14 * POUND, 0, "stone", "st"},
    {"short_ton", MASS, 2000 * POUND, 0, NULL, "uston"},
    {"long_ton", MASS, 2240 * POUND, 0, NULL, "ukton imperialton"},
    {"milliliter", VOLUME, 1e-3, 0, NULL, "ml mil cc cm3 cubiccentimeter"},
    {"centiliter", VOLUME, 1e-2, 0, NULL, "cl"},
    {"deciliter", VOLUME, 1e-1, 0, NULL, "dl"},
    {"liter", VOLUME, 1, 0, NULL, "l dm3 cubicdecimeter"},
    {"cubic_meter", VOLUME, 1e3, 0, NULL, "m3 meter3 cubicm"},
    {"teaspoon", VOLUME, GALLON / 768, 0, NULL, "tsp"},
    {"tablespoon", VOLUME, GALLON / 256, 0, NULL, "tbsp tbs"},
    {"fluid_ounce", VOLUME, GALLON / 128, 0, NULL, "floz usfloz usfluidounce"},
    {"cup", VOLUME, GALLON / 16, 0, NULL, "uscup"},
    {"pint", VOLUME, GALLON / 8, 0, NULL, "pt uspint"},
    {"quart", VOLUME, GALLON / 4, 0, NULL, "qt usquart"},
    {"gallon", VOLUME, GALLON, 0, NULL, "gal usgallon"},
    {"imperial_fluid_ounce", VOLUME, IMPERIAL / 160, 0, NULL, "ukfluidounce ukfloz imperialfloz"},
    {"imperial_pint", VOLUME, IMPERIAL / 8, 0, NULL, "ukpint britishpint"},
    {"imperial_quart", VOLUME, IMPERIAL / 4, 0, NULL, "ukquart"},
    {"imperial_gallon", VOLUME, IMPERIAL, 0, NULL, "ukgallon britishgallon"},
    {"cubic_inch", VOLUME, INCH * INCH * INCH * 1000, 0, "cubic inches", "in3 cubicin"},
    {"cubic_foot", VOLUME, FOOT * FOOT * FOOT * 1000, 0, "cubic feet", "ft3 foot3 cubicft"},
    {"barrel", VOLUME, 42 * GALLON, 0, NULL, "bbl oilbarrel"},
    {"celsius", TEMPERATURE, 1, 273.15, "degrees Celsius", "c degc centigrade"},
    {"fahrenheit", TEMPERATURE, 5 / 9.0, 459.67, "degrees Fahrenheit", "f degf"},
    {"kelvin", TEMPERATURE, 1, 0, "kelvin", "k"},
    {"meter_per_second", SPEED, 1, 0, "meters per second", "m/s m/sec mps"},
    {"kilometer_per_hour", SPEED, 1 / 3.6, 0, "kilometers per hour", "km/h km/hr km/hour kmh kph kmph"},
    {"mile_per_hour", SPEED, MILE / 3600, 0, "miles per hour", "mph mi/h mi/hr m/h"},
    {"foot_per_second", SPEED, FOOT, 0, "feet per second", "ft/s ft/sec fps"},
    {"knot", SPEED, 1852 / 3600.0, 0, NULL, "kn kt nauticalmile/hour"},
    {"square_millimeter", AREA, 1e-6, 0, NULL, "mm2 squaremm"},
    {"square_centimeter", AREA, 1e-4, 0, NULL, "cm2 squarecm"},
    {"square_meter", AREA, 1, 0, NULL, "m2 meter2 squarem sqm"},
    {"square_kilometer", AREA, 1e6, 0, NULL, "km2 kilometer2 squarekm sqkm"},
    {"hectare", AREA, 1e4, 0, NULL, "ha"},
    {"square_inch", AREA, INCH * INCH, 0, "square inches", "in2 inch2 squarein sqin"},
    {"square_foot", AREA, FOOT * FOOT, 0, "square feet", "ft2 foot2 squareft sqft"},
    {"square_yard", AREA, 9 * FOOT * FOOT, 0, NULL, "yd2 squareyd sqyd"},
    {"acre", AREA, 4840 * 9 * FOOT * FOOT, 0, NULL, "ac"},
    {"square_mile", AREA, MILE * MILE, 0, NULL, "mi2 mile2 squaremi sqmi"},
    {"microsecond", TIME, 1e-6, 0, NULL, "µs μs us"},
    {"millisecond", TIME, 1e-3, 0, NULL, "ms msec"},
    {"second", TIME, 1, 0, NULL, "s sec"},
    {"minute", TIME, 60, 0, NULL, "min"},
    {"hour", TIME, 3600, 0, NULL, "h hr"},
    {"day", TIME, DAY, 0, NULL, "d"},
    {"week", TIME, 7 * DAY, 0, NULL, "wk"},
    {"month", TIME, YEAR / 12, 0, NULL, "mo mth"},
    {"year", TIME, YEAR, 0, NULL, "yr y"},
    {"decade", TIME, 10 * YEAR, 0, NULL, ""},
    {"century", TIME, 100 * YEAR, 0, "centuries", "centurie"},
    {"bit", DATA, 1 / 8.0, 0, NULL, ""},
    {"byte", DATA, 1, 0, NULL, "b"},
    {"kilobit", DATA, 1e3 / 8, 0, NULL, "kbit"},
    {"megabit", DATA, 1e6 / 8, 0, NULL, "mbit"},
    {"gigabit", DATA, 1e9 / 8, 0, NULL, "gbit"},
    {"kilobyte", DATA, 1e3, 0, NULL, "kb"},
    {"megabyte", DATA, 1e6, 0, NULL, "mb meg"},
    {"gigabyte", DATA, 1e9, 0, NULL, "gb gig"},
    {"terabyte", DATA, 1e12, 0, NULL, "tb"},
    {"petabyte", DATA, 1e15, 0, NULL, "pb"},
    {"kibibyte", DATA, KIBI, 0, NULL, "kib"},
    {"mebibyte", DATA, KIBI * KIBI, 0, NULL, "mib"},
    {"gibibyte", DATA, KIBI * KIBI * KIBI, 0, NULL, "gib"},
    {"tebibyte", DATA, KIBI * KIBI * KIBI * KIBI, 0, NULL, "tib"},
};

/* ---- names ---------------------------------------------------------------------------------------------- */

/* Words and endings that are written in more than one way. */
static const struct {
    const char *word, *means;
} spellings[] = {{"sq", "square"}, {"squared", "2"}, {"cu", "cubic"}, {"cubed", "3"}, {"per", "/"}, {"a", "/"},
                 {"an", "/"}, {"p", "/"}, {"feet", "foot"}, {"inches", "inch"}, {"degree", ""}, {"degrees", ""},
                 {"deg", ""}, {"of", ""}};

/* Marks that part words, and signs that are words. */
static const struct {
    const char *sign, *means;
} marks[] = {{"_", " "}, {"-", " "}, {" ", " "}, {".", ""}, {"^", ""}, {"**", ""}, {"°", ""}, {"º", ""}, {"²", "2"},
             {"³", "3"}, {"/", " / "}, {"℃", "c"}, {"℉", "f"}, {"(", " "}, {")", " "}};

static void append_word(sotto_buf *b, sotto_str word, bool singular) {
    static const char *const endings[] = {"metre", "litre"};
    if (singular && word.n > 2 && word.p[word.n - 1] == 's') word.n--;
    for (size_t i = 0; i < SOTTO_COUNT(spellings); i++)
        if (sotto_str_is(word, spellings[i].word)) {
            (void)sotto_buf_puts(b, spellings[i].means);
            return;
        }
    (void)sotto_buf_append(b, word.p, word.n);
    for (size_t i = 0; i < SOTTO_COUNT(endings); i++)
        if (sotto_str_ends(word, endings[i]) && !b->failed) memcpy(b->data + b->len - 2, "er", 2);
}

/* A name in one way of writing: small letters, no blanks: "Square metres" becomes "squaremeters", or with its words in
 * the singular "squaremeter". */
static void make_key(sotto_buf *b, const char *name, bool singular) {
    sotto_buf folded = {0};
    while (*name) {
        size_t i = 0;
        while (i < SOTTO_COUNT(marks) && strncmp(name, marks[i].sign, strlen(marks[i].sign)) != 0) i++;
        char c = *name;
        if (i < SOTTO_COUNT(marks)) (void)sotto_buf_puts(&folded, marks[i].means);
        else (void)sotto_buf_putc(&folded, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
        name += i < SOTTO_COUNT(marks) ? strlen(marks[i].sign) : 1;
    }
    for (const char *p = folded.data; p && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        append_word(b, (sotto_str){p, n}, singular);
        p += n;
    }
    b->failed |= folded.failed;
    sotto_buf_free(&folded);
}

static bool has_name(const sotto_unit *u, const char *key) {
    size_t n = strlen(key);
    for (const char *p = u->short_names; *p; p += strspn(p, " ")) {
        size_t n_name = strcspn(p, " ");
        if (n_name == n && memcmp(p, key, n) == 0) return true;
        p += n_name;
    }
    return false;
}

/* Whether this is the key of the unit's name: blanks are gone, and "per" is a slash. */
static bool is_name(const char *name, const char *key) {
    for (; *name; name++) {
        bool per = strncmp(name, "_per_", 5) == 0;
        if (*name == '_' && !per) continue;
        if (*key++ != (per ? '/' : *name)) return false;
        if (per) name += 4;
    }
    return *key == '\0';
}

const sotto_unit *sotto_unit_find(const char *name) {
    const sotto_unit *found = NULL;
    for (int singular = 0; singular < 2 && !found; singular++) {
        sotto_buf key = {0};
        make_key(&key, name, singular);
        for (size_t i = 0; i < SOTTO_COUNT(units) && !found && key.len > 0 && !key.failed; i++)
            if (is_name(units[i].name, key.data) || has_name(&units[i], key.data)) found = &units[i];
        sotto_buf_free(&key);
    }
    return found;
}

const char *sotto_unit_name(const sotto_unit *u) { return u->name; }

/* ---- conversion ----------------------------------------------------------------------------------------- */

static void say_name(sotto_buf *b, const sotto_unit *u, bool one) {
    const char *name = u->plural && (!one || u->of == TEMPERATURE) ? u->plural : u->name;
    if (one && sotto_str_starts(sotto_str_from(name), "degrees ")) {
        (void)sotto_buf_printf(b, "degree %s", name + 8);
        return;
    }
    for (const char *p = name; *p; p++) (void)sotto_buf_putc(b, *p == '_' ? ' ' : *p);
    if (!one && !u->plural) (void)sotto_buf_putc(b, 's');
}

void sotto_say_measure(sotto_buf *b, double value, int digits, const sotto_unit *u) {
    sotto_say_number(b, value, digits, true);
    (void)sotto_buf_putc(b, ' ');
    say_name(b, u, fabs(sotto_round_digits(value, digits)) == 1);
}

const sotto_unit *sotto_unit_beside(const sotto_unit *u, const sotto_unit *other) {
    return other->of == VOLUME && u == sotto_unit_find("ounce") ? sotto_unit_find("fluid ounce") : u;
}

bool sotto_unit_convert(double value, const sotto_unit *from, const sotto_unit *to, double *out, sotto_buf *why) {
    if (from->of != to->of) {
        (void)sotto_buf_puts(why, "I cannot convert ");
        say_name(why, from, false);
        (void)sotto_buf_puts(why, " to ");
        say_name(why, to, false);
        (void)sotto_buf_printf(why, ": one is %s, the other %s.", quantity_names[from->of], quantity_names[to->of]);
        return false;
    }
    double base = (value + from->offset) * from->factor;
    if (from->of == TEMPERATURE && base < -1e-9)
        return sotto_buf_puts(why, "Nothing is colder than absolute zero, minus 273.15 degrees Celsius."), false;
    double x = from == to ? value : base / to->factor - to->offset;
    if (from->of == TEMPERATURE) x = round(x * 1e9) / 1e9; /* what the offset takes from the precision near zero */
    if (!isfinite(x)) return sotto_buf_puts(why, "The result is too large."), false;
    *out = x == 0 ? 0 : x;
    return true;
}
