/* From a JSON schema to GBNF: numbers between bounds, digit by digit. */
#include "grammar/schema.h"

#include <math.h>
#include <stdio.h>

#define MOST 999999999999999999 /* 18 digits, which 64 bits hold */

/* ---- digits -------------------------------------------------------------------------------------------- */

static void append_class(char lo, char hi, sotto_buf *out) {
    if (lo == hi)
        sotto_buf_printf(out, "\"%c\"", lo);
    else
        sotto_buf_printf(out, "[%c-%c]", lo, hi);
}

static bool all_are(const char *digits, size_t n, char which) {
    for (size_t i = 0; i < n; i++)
        if (digits[i] != which) return false;
    return true;
}

/* Append the ways from lo to hi, which have n digits each: those that begin as lo does, those that begin as hi does,
 * and between them those whose other digits are free. */
static void digits_of_length(const char *lo, const char *hi, size_t n, sotto_buf *out) {
    static const char zeros[] = "000000000000000000", nines[] = "999999999999999999";
    char              first = lo[0], last = hi[0];
    const char       *between = "";
    if (n == 1 || first == last) {
        append_class(first, last, out);
        if (n == 1) return;
        sotto_buf_puts(out, " (");
        digits_of_length(lo + 1, hi + 1, n - 1, out);
        sotto_buf_puts(out, ")");
        return;
    }
    if (!all_are(lo + 1, n - 1, '0')) {
        sotto_buf_printf(out, "\"%c\" (", first++);
        digits_of_length(lo + 1, nines, n - 1, out);
        sotto_buf_puts(out, ")");
        between = " | ";
    }
    if (!all_are(hi + 1, n - 1, '9')) {
        sotto_buf_printf(out, "%s\"%c\" (", between, last--);
        digits_of_length(zeros, hi + 1, n - 1, out);
        sotto_buf_puts(out, ")");
        between = " | ";
    }
    if (first > last) return;
    sotto_buf_puts(out, between);
    append_class(first, last, out);
    sotto_buf_printf(out, " [0-9]{%zu}", n - 1);
}

void sotto_digits_between(int64_t lo, int64_t hi, sotto_buf *out) {
    int64_t     low = 0, high = 9; /* of numbers of n digits */
    const char *between = "(";
    for (size_t n = 1; n <= 18 && low <= hi; n++, low = high + 1, high = n < 18 ? high * 10 + 9 : MOST) {
        char a[24], b[24];
        if (lo > high) continue;
        (void)snprintf(a, sizeof a, "%lld", (long long)SOTTO_MAX(lo, low));
        (void)snprintf(b, sizeof b, "%lld", (long long)SOTTO_MIN(hi, high));
        sotto_buf_puts(out, between);
        digits_of_length(a, b, n, out);
        between = " | ";
    }
    sotto_buf_puts(out, ")");
}

/* ---- bounds -------------------------------------------------------------------------------------------- */

/* From lo to hi; without a bound it is -MOST or MOST. */
typedef struct bounds {
    int64_t lo, hi;
    bool    lo_out, hi_out; /* the bound itself is not meant */
} bounds;

/* A bound as a whole number; beyond the limits it is the first that lies beyond them. */
static int64_t whole_bound(const json_t *bound, double rounded) {
    if (rounded > 2e18 || rounded < -2e18) return rounded > 0 ? MOST + 1 : -MOST - 1;
    int64_t exact = json_is_integer(bound) ? (int64_t)json_integer_value(bound) : (int64_t)rounded;
    return SOTTO_MAX(SOTTO_MIN(exact, MOST + 1), -MOST - 1);
}

/* For whole numbers fractions are rounded inwards; for others a bound with a fraction is refused. */
static sotto_status read_bounds(sotto_schema_writer *w, const json_t *schema, bool whole, const sotto_schema_path *at,
                                bounds *out) {
    static const char *const names[] = {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"};
    *out = (bounds){.lo = -MOST, .hi = MOST};
    for (int i = 0; i < 4; i++) {
        const json_t *value = json_object_get(schema, names[i]);
        double        x = json_number_value(value);
        bool          low = i < 2, beyond = i % 2;
        if (!value) continue;
        if (!json_is_number(value))
            return sotto_schema_fail(w, at, names[i], SOTTO_INVALID, "a number is expected");
        if (!whole && x != floor(x))
            return sotto_schema_fail(w, at, names[i], SOTTO_UNSUPPORTED,
                                     "bounds of a number must be whole: a grammar reads digits, and does not compute");
        if (beyond && x != floor(x)) beyond = false;
        int64_t bound = whole_bound(value, low ? ceil(x) : floor(x));
        if (whole && beyond) bound += low ? 1 : -1, beyond = false;
        if (low && (bound > out->lo || (bound == out->lo && beyond))) out->lo = bound, out->lo_out = beyond;
        if (!low && (bound < out->hi || (bound == out->hi && beyond))) out->hi = bound, out->hi_out = beyond;
    }
    if (out->lo > out->hi || (out->lo == out->hi && (out->lo_out || out->hi_out)))
        return sotto_schema_fail(w, at, NULL, SOTTO_INVALID,
                                 "no number of at most 18 digits lies within the bounds");
    return SOTTO_OK;
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* Append the ways for numbers with any fraction from lo to hi, 0 <= lo <= hi. */
static void numbers_between(const bounds *b, const char *fraction, sotto_buf *out) {
    const char *between = "(";
    int64_t     from = b->lo;
    if (b->lo_out) { /* lo itself needs a fraction that is not 0 */
        if (b->lo < b->hi) sotto_buf_printf(out, "(\"%lld.\" [0-9]{0,17} [1-9]", (long long)b->lo), between = " | ";
        from++;
    }
    bool limit = b->hi < MOST; /* it is none where numbers end only for their length */
    if (from < b->hi) {
        sotto_buf_puts(out, between);
        sotto_digits_between(from, limit ? b->hi - 1 : MOST, out);
        sotto_buf_printf(out, " %s?", fraction);
        between = " | ";
    }
    if (limit ? !b->hi_out && from <= b->hi : from == b->hi)
        sotto_buf_printf(out, "%s\"%lld\" (\".\" \"0\"{1,18})?", between, (long long)b->hi), between = " | ";
    sotto_buf_puts(out, *between == '(' ? "" : ")");
}

static bool is_empty(const bounds *b) { return b->lo > b->hi || (b->lo == b->hi && (b->lo_out || b->hi_out)); }

/* Numbers below 0 are those above it behind a minus sign, which would make 0 itself -0. */
static sotto_status write_signed(sotto_schema_writer *w, const bounds *b, bool whole, sotto_buf *out) {
    bounds    above = *b, below = {-b->hi, -b->lo, b->hi_out, b->lo_out};
    sotto_buf fraction = {0};
    if (!whole) SOTTO_TRY(sotto_schema_common(w, "fraction", &fraction));
    if (above.lo < 0) above.lo = 0, above.lo_out = false;
    if (below.lo <= 0) below.lo = whole ? 1 : 0, below.lo_out = !whole;
    const char *between = "(";
    if (!is_empty(&below)) {
        sotto_buf_puts(out, "(\"-\" ");
        if (whole) sotto_digits_between(below.lo, below.hi, out);
        if (!whole) numbers_between(&below, fraction.data, out);
        between = " | ";
    }
    if (!is_empty(&above)) {
        sotto_buf_puts(out, between);
        if (whole) sotto_digits_between(above.lo, above.hi, out);
        if (!whole) numbers_between(&above, fraction.data, out);
    }
    sotto_buf_free(&fraction);
    return sotto_buf_putc(out, ')') ? SOTTO_OK : sotto_schema_fail_memory(w);
}

sotto_status sotto_schema_number(sotto_schema_writer *w, const json_t *schema, bool whole, const sotto_schema_path *at,
                                 sotto_buf *out) {
    const json_t *multiple = json_object_get(schema, "multipleOf");
    bounds        b;
    if (multiple && !(whole && json_number_value(multiple) == 1))
        return sotto_schema_fail(w, at, "multipleOf", SOTTO_UNSUPPORTED, "a grammar cannot divide");
    SOTTO_TRY(read_bounds(w, schema, whole, at, &b));
    if (b.lo == -MOST && b.hi == MOST) return sotto_schema_common(w, whole ? "integer" : "number", out);
    return write_signed(w, &b, whole, out);
}
