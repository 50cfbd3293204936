/* One turn of a conversation: what a person said, answered.
 *
 * Every time the whole conversation is rendered again and the session brought to it by sotto_session_sync, which keeps
 * the common prefix; so only what is new is computed, whatever was undone, edited or loaded in between.
 *
 *   render -> answer -> calls? -> execute them -> a model that hears results: again from the start
 *                                                 else: their own sentences are the answer */
#include "cli/cli.h"

#include <stdlib.h>

enum { MAX_ROUNDS = 8 }; /* answers to one turn: a model that calls on and on is stopped */

/* Room made for an answer when a long conversation slides: a quarter of the context, or --max-tokens. */
static int32_t answer_room(const sotto_cli_chat *chat) {
    int32_t quarter = sotto_session_context(chat->engine.session) / 4, most = chat->settings->max_tokens;
    return most >= 0 && most < quarter ? most : quarter;
}

/* ---- sliding ------------------------------------------------------------------------------------------- */

static sotto_status fail_memory(sotto_error *err) { return sotto_fail_memory(err, "the conversation"); }

static sotto_status find_start(sotto_cli_chat *chat, size_t turn, sotto_error *err) {
    sotto_cli_turn *t = &chat->talk.turns[turn];
    if (t->start >= 0) return SOTTO_OK;
    size_t            n;
    sotto_chat_params params = {.thinking = chat->settings->thinking, .tools = chat->engine.tools};
    sotto_chat_turn  *view = sotto_cli_conversation_view(&chat->talk, turn + 1, &n);
    if (!view) return fail_memory(err);
    sotto_status status = sotto_cli_content_start(chat->engine.model, view, n, &params, &t->start, err);
    free(view);
    return status;
}

/* The places at which sliding may cut, in *starts (free() it): those of the user turns that are seen. */
static sotto_status find_window(sotto_cli_chat *chat, sotto_cli_window *window, int32_t **starts,
                                sotto_error *err) {
    sotto_cli_conversation *talk = &chat->talk;
    *window = (sotto_cli_window){.system = talk->system != NULL};
    free(*starts);
    *starts = calloc(talk->n + 1, sizeof **starts);
    if (!*starts) return fail_memory(err);
    for (size_t i = talk->first; i < talk->n; i++) {
        if (!talk->turns[i].user) continue;
        SOTTO_TRY(find_start(chat, i, err));
        (*starts)[window->n_turns++] = talk->turns[i].start;
    }
    window->keep = window->n_turns ? (*starts)[0] : 0;
    window->turns = *starts;
    return SOTTO_OK;
}

/* The model has lost `n` tokens from the first seen turn on: forget the turns that are wholly in them. */
static void forget_turns(sotto_cli_conversation *talk, int32_t n) {
    int32_t begin = talk->turns[talk->first].start;
    size_t  next = talk->first;
    for (size_t i = talk->first; i < talk->n; i++)
        if (talk->turns[i].user && talk->turns[i].start >= 0 && talk->turns[i].start - begin <= n) next = i;
    if (next == talk->first) return;
    talk->first = next;
    for (size_t i = 0; i < talk->n; i++) talk->turns[i].start = -1;
}

/* Before a prompt that leaves no room for an answer: drop the oldest turns from the session, so that what
 * stays need not be computed again. `prompt` is the whole conversation; *again says that it has to be
 * rendered anew. */
static sotto_status slide(sotto_cli_chat *chat, const sotto_tokens *prompt, const sotto_cli_window *window,
                          bool *again, sotto_error *err) {
    int32_t room = sotto_session_context(chat->engine.session) - answer_room(chat), n_drop = 0;
    for (size_t i = 1; i < window->n_turns && (int32_t)prompt->n - n_drop > room; i++)
        n_drop = window->turns[i] - window->keep;
    *again = n_drop > 0;
    if (!n_drop) return SOTTO_OK;
    size_t         n, same = 0, end = (size_t)(window->keep + n_drop);
    const int32_t *ids = sotto_session_tokens(chat->engine.session, &n);
    while (same < SOTTO_MIN(n, prompt->n) && ids[same] == prompt->ids[same]) same++;
    /* Else the session holds something else, or the model is so small that a fresh start costs nothing: what is left is
     * computed anew. */
    if (same >= end && chat->engine.hears_results) {
        SOTTO_TRY(sotto_session_drop(chat->engine.session, (size_t)window->keep, end, err));
        chat->engine.slid = true;
    }
    forget_turns(&chat->talk, n_drop);
    sotto_cli_note_dropped(&chat->engine, chat->settings, n_drop, window->system);
    return SOTTO_OK;
}

/* ---- prompt -------------------------------------------------------------------------------------------- */

static sotto_status render(sotto_cli_chat *chat, sotto_tokens *prompt, sotto_error *err) {
    size_t            n;
    sotto_chat_params params = {.thinking = chat->settings->thinking, .tools = chat->engine.tools};
    sotto_chat_turn  *view = sotto_cli_conversation_view(&chat->talk, chat->talk.n, &n);
    if (!view) return fail_memory(err);
    prompt->n = 0;
    sotto_status status = sotto_chat_tokens(chat->engine.model, view, n, &params, prompt, err);
    free(view);
    return status;
}

static sotto_status prepare(sotto_cli_chat *chat, sotto_tokens *prompt, sotto_cli_window *window,
                            int32_t **starts, sotto_error *err) {
    bool again = false;
    SOTTO_TRY(render(chat, prompt, err));
    if (!chat->settings->slide) return SOTTO_OK;
    SOTTO_TRY(find_window(chat, window, starts, err));
    SOTTO_TRY(slide(chat, prompt, window, &again, err));
    if (!again) return SOTTO_OK;
    SOTTO_TRY(render(chat, prompt, err));
    return find_window(chat, window, starts, err);
}

/* ---- calls --------------------------------------------------------------------------------------------- */

static bool keep(sotto_cli_chat *chat, const sotto_chat_turn *turn) {
    return sotto_cli_conversation_add(&chat->talk, turn);
}

/* What the last turn of a model said, for "repeat". */
static const char *last_said(const sotto_cli_conversation *talk) {
    for (size_t i = talk->n; i-- > 0;)
        if (strcmp(talk->turns[i].said.role, "assistant") == 0 && *talk->turns[i].said.content)
            return talk->turns[i].said.content;
    return "I have not said anything yet.";
}

/* Execute one call: its result for the model in *result, its sentence added to `spoken`. */
static sotto_status execute(sotto_cli_chat *chat, json_t *call, json_t **result, sotto_buf *spoken, sotto_error *err) {
    const char       *name = json_string_value(json_object_get(call, "name"));
    const char       *wrong = json_string_value(json_object_get(call, "error"));
    char             *arguments = json_dumps(json_object_get(call, "arguments"), JSON_COMPACT);
    sotto_tool_result r = {0};
    sotto_status      status = arguments ? SOTTO_OK : fail_memory(err);
    if (!status && wrong) {
        *result = json_pack("{s:s}", "error", wrong);
        (void)sotto_buf_printf(spoken, "%sSorry, that did not work.", spoken->len ? " " : "");
    } else if (!status) {
        sotto_cli_note(chat->settings, "[%s %s]", name, arguments);
        status = sotto_toolbox_call(chat->engine.toolbox, name, arguments, &r, err);
    }
    if (!status && !wrong) {
        const char *said = r.effect == SOTTO_EFFECT_REPEAT ? last_said(&chat->talk) : r.spoken;
        *result = json_loads(r.json, 0, NULL);
        if (*said) (void)sotto_buf_printf(spoken, "%s%s", spoken->len ? " " : "", said);
    }
    if (!status && (!*result || spoken->failed)) status = fail_memory(err);
    sotto_tool_result_free(&r);
    free(arguments);
    return status;
}

/* Execute the calls of the last answer, in their order; each result goes into the conversation and into
 * chat->tool_calls. Without a toolbox they are only noted there. */
static sotto_status execute_all(sotto_cli_chat *chat, sotto_buf *spoken, sotto_error *err) {
    json_t *call;
    size_t  i;
    json_array_foreach(chat->last.calls, i, call) {
        json_t *result = NULL;
        if (chat->engine.toolbox) SOTTO_TRY(execute(chat, call, &result, spoken, err));
        char           *text = result ? json_dumps(result, JSON_COMPACT) : NULL;
        sotto_chat_turn turn = {.role = "tool", .content = text,
                                .tool_name = json_string_value(json_object_get(call, "name"))};
        bool            ok = !chat->engine.toolbox || (text && keep(chat, &turn));
        free(text);
        json_t *entry = json_pack("{s:O, s:O, s:o}", "name", json_object_get(call, "name"), "arguments",
                                  json_object_get(call, "arguments"), "result", result ? result : json_null());
        if (json_array_append_new(chat->tool_calls, entry) != 0 || !ok) return fail_memory(err);
    }
    return SOTTO_OK;
}

/* ---- the turn ------------------------------------------------------------------------------------------ */

static sotto_status answer_once(sotto_cli_chat *chat, bool stream, sotto_error *err) {
    sotto_tokens     prompt = {0};
    sotto_cli_window window = {0};
    int32_t         *starts = NULL;
    sotto_cli_answer_free(&chat->last);
    sotto_status status = prepare(chat, &prompt, &window, &starts, err);
    if (!status)
        status = sotto_cli_answer_make(&chat->engine, chat->settings, &prompt, &window, stream, &chat->last, err);
    free(starts);
    sotto_tokens_free(&prompt);
    if (status) return status;
    if (chat->last.n_dropped) forget_turns(&chat->talk, chat->last.n_dropped);
    char           *calls = chat->last.calls ? json_dumps(chat->last.calls, JSON_COMPACT) : NULL;
    sotto_chat_turn turn = {.role = "assistant", .content = chat->last.text.data, .tool_calls = calls};
    bool            ok = (calls || !chat->last.calls) && keep(chat, &turn);
    free(calls);
    return ok ? SOTTO_OK : fail_memory(err);
}

/* The tools' sentences in the place of an answer. */
static sotto_status speak_for_model(sotto_cli_chat *chat, const sotto_buf *spoken, bool stream, sotto_error *err) {
    sotto_chat_turn turn = {.role = "assistant", .content = spoken->data};
    sotto_buf_append(&chat->last.text, spoken->data, spoken->len);
    if (stream) sotto_cli_print(stdout, spoken->data, spoken->len, sotto_terminal_is(1));
    return keep(chat, &turn) && !chat->last.text.failed ? SOTTO_OK : fail_memory(err);
}

sotto_status sotto_cli_turn_answer(sotto_cli_chat *chat, bool stream, sotto_error *err) {
    sotto_cli_turn_free(chat);
    if (chat->engine.tools && !(chat->tool_calls = json_array())) return fail_memory(err);
    for (int round = 1;; round++) {
        sotto_buf spoken = {0};
        chat->engine.tool_choice = round == 1 ? chat->settings->tool_choice : NULL; /* then it may speak */
        SOTTO_TRY(answer_once(chat, stream, err));
        if (!chat->last.calls || chat->last.finish == SOTTO_FINISH_CANCELLED) return SOTTO_OK;
        sotto_status status = execute_all(chat, &spoken, err);
        bool         again = !status && chat->engine.toolbox && chat->engine.hears_results;
        if (!status && !again && spoken.len) status = speak_for_model(chat, &spoken, stream, err);
        sotto_buf_free(&spoken);
        if (status || !again) return status;
        if (round == MAX_ROUNDS)
            return sotto_fail(err, SOTTO_LIMIT, "the model called tools in %d answers in a row and came to no end",
                              MAX_ROUNDS);
    }
}

json_t *sotto_cli_turn_json(const sotto_cli_chat *chat) {
    json_t *doc = sotto_cli_answer_json(&chat->last, &chat->engine);
    if (!doc || !chat->tool_calls || json_object_set(doc, "tool_calls", chat->tool_calls) == 0) return doc;
    json_decref(doc);
    return NULL;
}

void sotto_cli_turn_free(sotto_cli_chat *chat) {
    sotto_cli_answer_free(&chat->last);
    json_decref(chat->tool_calls);
    chat->tool_calls = NULL;
}

/* ---- what is due --------------------------------------------------------------------------------------- */

bool sotto_cli_say_due(sotto_cli_chat *chat) {
    bool said = false;
    while (chat->engine.toolbox && sotto_toolbox_next_due(chat->engine.toolbox) == 0) {
        sotto_tool_result due = {0};
        if (sotto_toolbox_take_due(chat->engine.toolbox, &due, NULL)) break; /* another program was faster */
        if (chat->settings->json)
            (void)sotto_cli_print_json(
                json_pack("{s:o, s:s}", "due", json_loads(due.json, 0, NULL), "text", due.spoken));
        else
            (void)printf("%s%s\n", sotto_terminal_is(1) ? "\a" : "", due.spoken), (void)fflush(stdout);
        sotto_tool_result_free(&due);
        said = true;
    }
    return said;
}
