/* The calculator: one expression in, one number or one sentence out. Numbers are doubles.
 *
 *     sum     = product { ("+" | "-") product }         a product that is a bare percentage is one of what stands left
 *                                                       of it: 100+20% is 120
 *     product = signed { ("*" | "/" | "mod" | "of") signed }
 *     signed  = { "-" | "+" } power                     -2^2 is -4
 *     power   = postfix [ "^" signed ]                  2^3^2 is 2^9
 *     postfix = primary { "%" | "!" | "²" | "³" }       elsewhere 20% is 0.2
 *     primary = number | name | function primary | "(" sum ")"
 *
 * with the signs that people write for these. A thousands separator is a comma before three digits. */
#include <float.h>
#include <math.h>

#include "chat/toolbox.h"

enum { DEPTH_MAX = 64 };

typedef struct expression {
    const char *text, *p;
    int         depth;
    bool        percent; /* the value read last is a bare percentage */
    sotto_buf  *why;
} expression;

typedef enum token { NOTHING, ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO, POWER, PERCENT, FACTORIAL, SQUARE, CUBE } token;

/* Longer signs before their beginnings. Of one that is a word the next letter must not be part. */
static const struct {
    const char *sign;
    token       means;
} signs[] = {{"+", ADD}, {"plus", ADD}, {"-", SUBTRACT}, {"−", SUBTRACT}, {"–", SUBTRACT}, {"minus", SUBTRACT},
             {"**", POWER}, {"^", POWER}, {"*", MULTIPLY}, {"×", MULTIPLY}, {"·", MULTIPLY}, {"x", MULTIPLY},
             {"times", MULTIPLY}, {"of", MULTIPLY}, {"/", DIVIDE}, {"÷", DIVIDE}, {"divided by", DIVIDE},
             {"mod", MODULO}, {"%", PERCENT}, {"percent", PERCENT}, {"!", FACTORIAL}, {"²", SQUARE}, {"³", CUBE}};

static const struct {
    const char *name;
    double    (*function)(double);
} functions[] = {{"sqrt", sqrt}, {"√", sqrt}, {"cbrt", cbrt}, {"∛", cbrt}, {"abs", fabs}, {"round", round},
                 {"floor", floor}, {"ceil", ceil}, {"exp", exp}, {"ln", log}, {"log", log10}};

static const struct {
    const char *name;
    double      value;
} constants[] = {{"pi", 3.14159265358979323846}, {"π", 3.14159265358979323846}, {"e", 2.71828182845904523536}};

static bool sum(expression *e, double *out);

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* "A number is missing at character 3 of "2+*3"." */
static bool wrong(expression *e, const char *what) {
    size_t at = 1;
    for (const char *p = e->text; p < e->p; p++) at += ((unsigned char)*p & 0xc0) != 0x80;
    if (*e->p == '\0') (void)sotto_buf_printf(e->why, "%s at the end of \"%s\".", what, e->text);
    else (void)sotto_buf_printf(e->why, "%s at character %zu of \"%s\".", what, at, e->text);
    return false;
}

static void skip_blanks(expression *e) {
    for (;; e->p += *e->p == ' ' ? 1 : 2) /* a blank, or one that does not break: bytes c2 a0 */
        if (*e->p != ' ' && strncmp(e->p, "\xc2\xa0", 2) != 0) return;
}

/* Whether `word` stands here, as a whole word if it is one; steps over it. Letters may be capitals. */
static bool take(expression *e, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i < n; i++)
        if ((is_letter(e->p[i]) ? (e->p[i] | 32) : e->p[i]) != word[i]) return false;
    if (is_letter(word[0]) && is_letter(e->p[n])) return false;
    e->p += n;
    return true;
}

/* The sign that comes next if it is one of first..last; else nothing, and it stays. */
static token take_sign(expression *e, token first, token last) {
    skip_blanks(e);
    const char *before = e->p;
    for (size_t i = 0; i < SOTTO_COUNT(signs); i++) {
        if (!take(e, signs[i].sign)) continue;
        if (signs[i].means >= first && signs[i].means <= last) return signs[i].means;
        e->p = before;
        break;
    }
    return NOTHING;
}

static bool enter(expression *e) { return ++e->depth <= DEPTH_MAX || wrong(e, "The parts are nested too deeply"); }

/* What came out must be a number that a double holds. */
static bool finite_value(expression *e, double x, double *out) {
    if (isnan(x)) return wrong(e, "There is no real value");
    if (isinf(x)) return wrong(e, "The result is too large");
    *out = x == 0 ? 0 : x; /* no -0 */
    return true;
}

/* The decimal point is always a point, whatever the locale: hence no strtod. */
static bool number(expression *e, double *out) {
    uint64_t    digits = 0;
    int         power = 0, given = 0;
    bool        point = false;
    const char *begin = e->p, *p = e->p;
    for (;; p++) {
        bool separator = !point && p > begin && *p == ',' && is_digit(p[1]) && is_digit(p[2]) && is_digit(p[3]) &&
                         !is_digit(p[4]);
        if (is_digit(*p) && digits <= (UINT64_MAX - 9) / 10) {
            digits = digits * 10 + (uint64_t)(*p - '0');
            power -= point;
        } else if (is_digit(*p)) {
            power += !point; /* beyond what 64 bits hold, and much beyond a double's precision */
        } else if (*p == '.' && !point) {
            point = true;
        } else if (!separator) {
            break;
        }
    }
    if ((*p | 32) == 'e' && is_digit(p[p[1] == '-' || p[1] == '+' ? 2 : 1])) {
        bool minus = p[1] == '-';
        for (p += is_digit(p[1]) ? 1 : 2; is_digit(*p); p++)
            if (given < 10000) given = given * 10 + (*p - '0');
        power += minus ? -given : given;
    }
    e->p = p;
    int beyond = SOTTO_MAX(-power - 300, 0); /* a double has no power of ten below 1e-308 to divide by in one step */
    double x = (double)digits;
    x = digits == 0 ? 0 : power >= 0 ? x * pow(10, power) : x / pow(10, -power - beyond) / pow(10, beyond);
    return finite_value(e, x, out);
}

static bool call(expression *e, double (*function)(double), double x, double *out) {
    double y = function(x);
    return finite_value(e, function != exp && isinf(y) ? NAN : y, out); /* a logarithm of 0 */
}

static bool primary(expression *e, double *out) {
    skip_blanks(e);
    const char *begin = e->p;
    e->percent = false;
    if (is_digit(*begin) || (*begin == '.' && is_digit(begin[1]))) return number(e, out);
    if (!enter(e)) return false;
    if (take(e, "(")) {
        if (!sum(e, out)) return false;
        skip_blanks(e);
        if (!take(e, ")")) return wrong(e, "A closing parenthesis is missing");
        e->percent = false;
        e->depth--;
        return true;
    }
    for (size_t i = 0; i < SOTTO_COUNT(functions); i++) {
        double x;
        if (!take(e, functions[i].name)) continue;
        if (!primary(e, &x)) return false;
        const char *end = e->p;
        e->p = begin;
        if (!call(e, functions[i].function, x, out)) return false;
        e->p = end;
        e->percent = false;
        e->depth--;
        return true;
    }
    for (size_t i = 0; i < SOTTO_COUNT(constants); i++) {
        if (!take(e, constants[i].name)) continue;
        *out = constants[i].value;
        e->depth--;
        return true;
    }
    return wrong(e, is_letter(*begin) ? "There is a word that the calculator does not know" : "A number is missing");
}

static bool factorial(expression *e, double x, double *out) {
    if (x < 0 || x > 170 || x != floor(x)) return wrong(e, "A factorial needs a whole number from 0 to 170");
    *out = 1;
    for (int i = 2; i <= (int)x; i++) *out *= i;
    return true;
}

static bool postfix(expression *e, double *out) {
    if (!primary(e, out)) return false;
    for (token t; (t = take_sign(e, PERCENT, CUBE)) != NOTHING;) {
        double x = *out;
        if (t == FACTORIAL && !factorial(e, x, out)) return false;
        if (t == PERCENT) *out = x / 100;
        if ((t == SQUARE || t == CUBE) && !finite_value(e, t == SQUARE ? x * x : x * x * x, out)) return false;
        e->percent = t == PERCENT;
    }
    return true;
}

static bool signed_value(expression *e, double *out);

static bool power(expression *e, double *out) {
    double exponent, base;
    if (!postfix(e, &base)) return false;
    const char *sign = e->p;
    *out = base;
    if (!take_sign(e, POWER, POWER)) return true;
    if (!signed_value(e, &exponent)) return false;
    const char *end = e->p;
    e->p = sign;
    if (base == 0 && exponent < 0) return wrong(e, "There is a division by zero");
    if (!finite_value(e, pow(base, exponent), out)) return false;
    e->p = end;
    e->percent = false;
    return true;
}

static bool signed_value(expression *e, double *out) {
    if (!enter(e)) return false;
    token sign = take_sign(e, ADD, SUBTRACT);
    if (!(sign ? signed_value(e, out) : power(e, out))) return false;
    if (sign) e->percent = false;
    if (sign == SUBTRACT) *out = 0 - *out;
    e->depth--;
    return true;
}

/* What is left over has the divisor's sign. A remainder that only rounding leaves is none: 0.3 mod 0.1. */
static double remainder_of(double x, double y) {
    double whole = round(x / y);
    if ((x != floor(x) || y != floor(y)) && fabs(x / y - whole) <= 4 * DBL_EPSILON * fabs(whole)) return 0;
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static bool product(expression *e, double *out) {
    if (!signed_value(e, out)) return false;
    for (;;) {
        double right;
        skip_blanks(e);
        const char *sign = e->p;
        token       t = take_sign(e, MULTIPLY, MODULO);
        if (!t) return true;
        if (!signed_value(e, &right)) return false;
        const char *end = e->p;
        e->p = sign;
        if (t != MULTIPLY && right == 0) return wrong(e, "There is a division by zero");
        double x = t == MULTIPLY ? *out * right : t == DIVIDE ? *out / right : remainder_of(*out, right);
        if (!finite_value(e, x, out)) return false;
        e->p = end;
        e->percent = false;
    }
}

/* Of fractions, a difference that is no more than their rounding is 0: 0.1+0.2-0.3. */
static double add(double x, double y) {
    double z = x + y, size = SOTTO_MAX(fabs(x), fabs(y));
    return (x != floor(x) || y != floor(y)) && fabs(z) <= 4 * DBL_EPSILON * size ? 0 : z;
}

static bool sum(expression *e, double *out) {
    if (!product(e, out)) return false;
    for (token t; (t = take_sign(e, ADD, SUBTRACT)) != NOTHING; e->percent = false) {
        double right;
        if (!product(e, &right)) return false;
        if (e->percent) right *= *out;
        if (!finite_value(e, add(*out, t == ADD ? right : 0 - right), out)) return false;
    }
    return true;
}

bool sotto_calculate(const char *text, double *out, sotto_buf *why) {
    expression e = {.text = text, .p = text, .why = why};
    double     x;
    skip_blanks(&e);
    if (*e.p == '\0') return sotto_buf_puts(why, "There is nothing to calculate."), false;
    if (!sum(&e, &x)) return false;
    skip_blanks(&e);
    if (take(&e, "=")) skip_blanks(&e);
    if (*e.p != '\0' && e.percent) return wrong(&e, "After % a sign is missing (the remainder is written mod)");
    if (*e.p != '\0') return wrong(&e, *e.p == ')' ? "A parenthesis closes that was not opened" : "A sign is missing");
    *out = x;
    return true;
}
