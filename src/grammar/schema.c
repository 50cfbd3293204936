#include "grammar/rules.h"
sotto_status sotto_schema_to_gbnf(const json_t *schema, const char *rule, sotto_buf *out, sotto_error *err) {
    (void)schema, (void)rule, (void)out;
    return sotto_fail(err, SOTTO_UNSUPPORTED, "not yet");
}
