/* Sums, units, volume, dice and coins, and the calls that only the program can follow. */
#include <math.h>

#include "chat/toolbox.h"

enum { VOLUME_START = 50, DICE_MAX = 100, DICE_SAID_MAX = 20, SIDES_MAX = 1000000 };

/* A refusal with the sentence that a part wrote. */
static sotto_status refuse(sotto_call *c, sotto_buf *why) {
    (void)sotto_call_refuse(c, "%s", why->data ? why->data : "");
    sotto_buf_free(why);
    return SOTTO_OK;
}

/* What is exact in the digits of a result is said in full; of what is not, six digits are enough to hear. */
sotto_status sotto_tool_calculate(sotto_call *c) {
    double    x;
    sotto_buf why = {0};
    if (!sotto_calculate(sotto_call_text(c, "expression"), &x, &why)) return refuse(c, &why);
    c->result = sotto_json_number(x);
    bool exact = fabs(sotto_round_digits(x, SOTTO_DIGITS) - x) <= 5e-14 * fabs(x) && fabs(x) <= 9007199254740992.0;
    (void)sotto_buf_puts(&c->spoken, exact ? "That is " : "That is about ");
    sotto_say_number(&c->spoken, x, exact ? SOTTO_DIGITS : 6, true);
    sotto_say_end(&c->spoken);
    return SOTTO_OK;
}

/* Heard are four digits, or five where that is all there is. */
sotto_status sotto_tool_convert_units(sotto_call *c) {
    enum { HEARD = 4, SHORT = 5 };
    const char       *from_name = sotto_call_text(c, "from"), *to_name = sotto_call_text(c, "to");
    const sotto_unit *from = sotto_unit_find(from_name), *to = sotto_unit_find(to_name);
    sotto_buf         why = {0}, *b = &c->spoken;
    double            value = 0, x;
    (void)sotto_call_number(c, "value", &value);
    if (!from || !to) return sotto_call_refuse(c, "I do not know the unit \"%s\".", from ? to_name : from_name);
    from = sotto_unit_beside(from, to);
    to = sotto_unit_beside(to, from);
    if (!sotto_unit_convert(value, from, to, &x, &why)) return refuse(c, &why);
    c->result = json_pack("{s:o, s:s}", "value", sotto_json_number(x), "unit", sotto_unit_name(to));
    bool is_short = fabs(sotto_round_digits(x, SHORT) - x) <= 5e-14 * fabs(x);
    sotto_say_measure(b, value, SOTTO_DIGITS, from);
    (void)sotto_buf_puts(b, " is ");
    sotto_say_measure(b, x, is_short ? SHORT : HEARD, to);
    sotto_say_end(b);
    return SOTTO_OK;
}

sotto_status sotto_tool_set_volume(sotto_call *c) {
    double  percent, delta;
    bool    to = sotto_call_number(c, "percent", &percent), by = sotto_call_number(c, "delta", &delta);
    int64_t now;
    if (to == by) return sotto_call_refuse(c, "set_volume needs either percent or delta.");
    SOTTO_TRY(sotto_store_run(c->store, &now, c->err, "SELECT coalesce(max(value), ?) FROM settings"
                              " WHERE name = 'volume'", "i", (int64_t)VOLUME_START));
    if (by) percent = (double)now + delta;
    c->volume = (int32_t)round(fmin(fmax(percent, 0), 100));
    c->effect = SOTTO_EFFECT_VOLUME;
    SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "INSERT INTO settings(name, value) VALUES('volume', ?)"
                              " ON CONFLICT(name) DO UPDATE SET value = excluded.value", "i", (int64_t)c->volume));
    c->result = json_pack("{s:i}", "volume", (int)c->volume);
    (void)sotto_buf_printf(&c->spoken, "Volume %d percent.", (int)c->volume);
    return SOTTO_OK;
}

/* One of 0..n-1, each as likely: numbers of the last, incomplete round are drawn again. */
static uint64_t draw(sotto_call *c, uint64_t n) {
    uint64_t x, rest = UINT64_MAX % n;
    do x = sotto_splitmix64(&c->box->random);
    while (x > UINT64_MAX - rest - 1);
    return x % n;
}

sotto_status sotto_tool_roll_dice(sotto_call *c) {
    double count = 1, sides = 6;
    (void)sotto_call_number(c, "count", &count);
    (void)sotto_call_number(c, "sides", &sides);
    if (!(count >= 1 && count <= DICE_MAX)) return sotto_call_refuse(c, "I can roll 1 to %d dice.", DICE_MAX);
    if (!(sides >= 2 && sides <= SIDES_MAX)) return sotto_call_refuse(c, "A die has 2 to %d sides.", SIDES_MAX);
    size_t     n = (size_t)count;
    json_int_t total = 0;
    json_t    *rolls = json_array();
    sotto_buf *b = &c->spoken;
    (void)sotto_buf_puts(b, "You rolled ");
    for (size_t i = 0; i < n; i++) {
        json_int_t roll = (json_int_t)draw(c, (uint64_t)sides) + 1;
        total += roll;
        (void)json_array_append_new(rolls, json_integer(roll));
        if (n <= DICE_SAID_MAX) (void)sotto_buf_printf(b, "%s%lld", sotto_say_comma(i, n), (long long)roll);
    }
    if (n > DICE_SAID_MAX) (void)sotto_buf_printf(b, "%lld in all", (long long)total);
    else if (n > 1) (void)sotto_buf_printf(b, ". That makes %lld", (long long)total);
    sotto_say_end(b);
    c->result = json_pack("{s:o, s:I}", "rolls", rolls, "total", total);
    return SOTTO_OK;
}

sotto_status sotto_tool_flip_coin(sotto_call *c) {
    bool heads = draw(c, 2) == 0;
    c->result = json_string(heads ? "heads" : "tails");
    (void)sotto_buf_puts(&c->spoken, heads ? "Heads." : "Tails.");
    return SOTTO_OK;
}

sotto_status sotto_tool_repeat(sotto_call *c) {
    c->effect = SOTTO_EFFECT_REPEAT;
    c->result = json_string("the last answer is said again");
    return SOTTO_OK;
}

sotto_status sotto_tool_stop(sotto_call *c) {
    c->effect = SOTTO_EFFECT_STOP;
    c->result = json_string("quiet");
    return SOTTO_OK;
}
