/* Tool calls while an answer is written. Tokens come in here and go through the reader of calls; what is text goes on
 * to the generator. A call is held to the grammar of calls from the moment when it is certain to be one, or, where the
 * answer has to be a call, from its first token.
 *
 * While a call may be chosen the grammar is any number of calls, so that it is complete between two of them: there it
 * rests until the next one begins. What of that one is written by then is pushed into it as text; where the grammar
 * cannot follow (a model that writes its JSON in an order of its own), the rest of the answer is not held to it. */
#include "runtime/runtime.h"

#include <stdlib.h>

#include "text/calls.h"

struct sotto_calls {
    const sotto_tokenizer *tokenizer;
    sotto_call_reader     *reader;
    sotto_grammar         *grammar;    /* NULL: calls are not held to one */
    sotto_constraint      *constraint;
    bool                   whole;   /* the answer has to be a call */
    bool                   holds;   /* the next token is held to the grammar */
    bool                   visible; /* control tokens are shown */
    sotto_buf              text;    /* of one token */
};

enum { TEXT_BYTES_MIN = 256 };

static sotto_status open_constraint(sotto_calls *c, sotto_model *m, const sotto_generate_options *o, int32_t n_logits,
                                    bool first, sotto_error *err) {
    const char             *only = o->tool_choice == SOTTO_TOOLS_NAMED ? o->tool_name : NULL;
    const sotto_vocabulary *vocabulary;
    sotto_buf               gbnf = {0};
    c->whole = c->holds = o->tool_choice != SOTTO_TOOLS_AUTO;
    if (!c->whole && (o->loose_calls || !sotto_call_reader_has_tools(c->reader))) return SOTTO_OK;
    sotto_status status = sotto_calls_grammar(m->chat_format, o->tools, only, c->whole, &gbnf, err);
    if (status == SOTTO_OK) status = sotto_grammar_open(&c->grammar, gbnf.data, gbnf.len, err);
    sotto_buf_free(&gbnf);
    if (status == SOTTO_OK) status = sotto_model_vocabulary(m, &vocabulary, err);
    if (status == SOTTO_OK)
        status = sotto_constraint_open(&c->constraint, c->grammar, vocabulary, n_logits, first, err);
    return status;
}

sotto_status sotto_calls_open(sotto_calls **out, sotto_model *m, const sotto_generate_options *o, int32_t n_logits,
                              bool first, sotto_error *err) {
    *out = NULL;
    if (!o->tools && o->tool_choice == SOTTO_TOOLS_AUTO) return SOTTO_OK;
    if (!o->tools) return sotto_fail(err, SOTTO_INVALID, "a call is asked for, but no tools are given");
    if (o->tool_choice == SOTTO_TOOLS_NAMED && !o->tool_name)
        return sotto_fail(err, SOTTO_INVALID, "a call of one tool is asked for; name it");
    if (o->grammar)
        return sotto_fail(err, SOTTO_INVALID, "an answer cannot be held to a grammar and call tools; leave out one");
    if (!m->chat_format) {
        if (err) *err = m->chat_format_error;
        return m->chat_format_error.status;
    }
    sotto_calls *c = calloc(1, sizeof *c);
    if (!c) return sotto_fail_memory(err, "a reader of calls");
    c->tokenizer = m->tokenizer;
    c->visible = o->special;
    sotto_status status = sotto_buf_reserve(&c->text, TEXT_BYTES_MIN) ? SOTTO_OK : sotto_fail_memory(err, "calls");
    if (status == SOTTO_OK) status = sotto_call_reader_open(&c->reader, m->chat_format, o->tools, err);
    if (status == SOTTO_OK) status = open_constraint(c, m, o, n_logits, first, err);
    if (status == SOTTO_OK) *out = c;
    else sotto_calls_close(c);
    return status;
}

void sotto_calls_close(sotto_calls *c) {
    if (!c) return;
    sotto_constraint_close(c->constraint);
    sotto_grammar_close(c->grammar);
    sotto_call_reader_close(c->reader);
    sotto_buf_free(&c->text);
    free(c);
}

sotto_constraint *sotto_calls_constraint(const sotto_calls *c) { return c->holds ? c->constraint : NULL; }

/* Where the answer may be text: let go between calls, and take hold of a call that has become certain. */
static void hold(sotto_calls *c, const sotto_decoder *d) {
    sotto_str text;
    bool      calls = sotto_call_reader_in_call(c->reader, &text);
    if (!c->constraint || c->whole) return;
    if (c->holds) {
        c->holds = !sotto_constraint_complete(c->constraint);
    } else if (calls) {
        c->holds = sotto_constraint_accept_text(c->constraint, text.p, text.n) &&
                   sotto_constraint_accept_text(c->constraint, d->held, d->n_held);
        if (c->holds) return;
        sotto_constraint_close(c->constraint);
        c->constraint = NULL;
    }
}

bool sotto_calls_push(sotto_calls *c, sotto_decoder *d, int32_t token, sotto_buf *shown) {
    bool ok;
    sotto_buf_clear(&c->text);
    if (sotto_tokenizer_type(c->tokenizer, token) == SOTTO_TOKEN_CONTROL) {
        ok = sotto_decoder_flush(d, &c->text) && sotto_call_reader_push(c->reader, sotto_buf_str(&c->text), shown) &&
             sotto_call_reader_push_control(c->reader, sotto_tokenizer_piece(c->tokenizer, token), c->visible, shown);
    } else {
        ok = sotto_decoder_push(d, token, &c->text) &&
             sotto_call_reader_push(c->reader, sotto_buf_str(&c->text), shown);
    }
    hold(c, d);
    return ok;
}

bool sotto_calls_end(sotto_calls *c, sotto_decoder *d, sotto_buf *shown) {
    sotto_buf_clear(&c->text);
    return sotto_decoder_flush(d, &c->text) && sotto_call_reader_push(c->reader, sotto_buf_str(&c->text), shown) &&
           sotto_call_reader_end(c->reader, shown);
}

const sotto_tool_call *sotto_calls_list(const sotto_calls *c, size_t *n) {
    return sotto_call_reader_calls(c->reader, n);
}
