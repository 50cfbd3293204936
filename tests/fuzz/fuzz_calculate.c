/* An expression that a model wrote: a number or a sentence. The same text is read as a unit and as a time. */
#include <math.h>

#include "chat/toolbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_buf text = {0}, why = {0}, said = {0};
    double    x = 0;
    int64_t   t;
    (void)sotto_buf_append(&text, data, size);
    if (!text.data) return 0;
    bool ok = sotto_calculate(text.data, &x, &why);
    if (ok ? !isfinite(x) : why.len == 0) __builtin_trap();
    sotto_say_number(&said, x, SOTTO_DIGITS, false);
    const sotto_unit *u = sotto_unit_find(text.data);
    if (u) sotto_say_measure(&said, x, 4, u);
    if (sotto_clock_parse(text.data, 1795694400, &t, &why)) {
        if (t <= 1795694400) __builtin_trap();
        sotto_say_when(&said, t, 1795694400);
    }
    sotto_words_key(&said, text.data, " ");
    sotto_buf_free(&text);
    sotto_buf_free(&why);
    sotto_buf_free(&said);
    return 0;
}
