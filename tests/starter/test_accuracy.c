/* The starter model's accuracy on conversations that it was not trained on.
 *
 *   heldout/    conversations whose wordings no template of the training text has
 *   everyday/   by the same authors, in wordings that the text has as well
 *
 * and in each of them
 *
 *   typed.jsonl, asr.jsonl   requests as people type them, and as a recogniser writes them
 *   beyond.jsonl             what it is to refuse
 *   followup.jsonl           several turns: the last one is judged, what should have come before is its context
 *
 * README.md beside them says what a line is and which answers are right. A call is right when its tool and all its
 * arguments are: numbers and expressions by value, other texts but for case and spaces.
 *
 * models/starter/accuracy.json says what the model reached when it was made (percent right) and what it is to reach in
 * the end. It fails where it falls behind the former, by more than other processors' rounding explains.
 *
 * Options of this program: -m MODEL another model, -t print the tables as Markdown, -d FOLDER only print what the model
 * makes of the conversations there, -w and what was wrong. */
#include "test.h"

#include <jansson.h>

#include <sotto/sotto.h>
#include <sotto/tools.h>

#include "starter/same_call.h"

#define STARTER "../models/starter/"
#define ROUNDING 1.0 /* percent: of 250 conversations two may fall to the other side */
enum { KINDS_MAX = 48, LEAST_OF_A_FILE = 90 };

static const char   *model_path = STARTER "sotto-starter-q4_0.gguf", *only;
static bool          show_wrong, show_tables;
static sotto_model   *model;
static sotto_session *session;
static sotto_toolbox *toolbox; /* works expressions out */
static json_t        *replies, *accuracy;

static const char *reply(const char *key) { return json_string_value(json_object_get(replies, key + 1)); }

static bool right(const json_t *expect, const char *text, const sotto_generation *got) {
    size_t  i, k;
    json_t *one, *call;
    json_array_foreach((json_t *)expect, i, one) {
        bool same = json_array_size(one) == got->n_calls;
        if (json_is_string(one)) same = !got->n_calls && strcmp(text, reply(json_string_value(one))) == 0;
        else
            json_array_foreach(one, k, call)
                same = same && !got->calls[k].error &&
                       same_call(toolbox, call, got->calls[k].name, got->calls[k].arguments);
        if (same) return true;
    }
    return false;
}

/* ---- what happened, by kind ---------------------------------------------------------------------------- */

typedef struct tally {
    char name[32];
    int  right, n;
} tally;
static tally kinds[KINDS_MAX];
static int   n_kinds, taken[KINDS_MAX][KINDS_MAX]; /* [expected][got] */

static int kind_index(const char *name) {
    size_t n = strcspn(name, "0123456789"); /* joke1, joke2: jokes */
    for (int i = 0; i < n_kinds; i++)
        if (strlen(kinds[i].name) == n && strncmp(kinds[i].name, name, n) == 0) return i;
    if (n_kinds == KINDS_MAX) printf("too many kinds\n"), exit(1);
    (void)snprintf(kinds[n_kinds].name, sizeof kinds[n_kinds].name, "%.*s", (int)n, name);
    return n_kinds++;
}

static int kind_wanted(const json_t *expect) {
    json_t *first = json_array_get(expect, 0);
    return kind_index(json_is_string(first) ? json_string_value(first)
                                            : json_string_value(json_object_get(json_array_get(first, 0), "name")));
}

static int kind_got(const char *text, const sotto_generation *got) {
    const char *key;
    json_t     *sentence;
    char        name[64];
    if (got->n_calls) return kind_index(got->calls[0].error ? "malformed call" : got->calls[0].name);
    json_object_foreach(replies, key, sentence) {
        if (strcmp(json_string_value(sentence), text) != 0) continue;
        (void)snprintf(name, sizeof name, "!%s", key);
        return kind_index(name);
    }
    return kind_index("other text");
}

/* ---- asking -------------------------------------------------------------------------------------------- */

enum { TURNS_MAX = 16 };

/* The conversation up to the last thing said, as chat turns; texts in `own` are to be freed. */
static size_t make_turns(const json_t *turns, sotto_chat_turn *out, char **own) {
    size_t  i, n = 0;
    json_t *turn;
    json_array_foreach((json_t *)turns, i, turn) {
        json_t *first = json_array_get(json_object_get(turn, "expect"), 0);
        out[n++] = (sotto_chat_turn){.role = "user", .content = json_string_value(json_object_get(turn, "user"))};
        if (i + 1 == json_array_size(turns) || n + 2 > TURNS_MAX) break;
        out[n] = (sotto_chat_turn){.role = "assistant"};
        if (json_is_string(first)) out[n].content = reply(json_string_value(first));
        else out[n].tool_calls = own[n] = json_dumps(first, 0);
        n++;
    }
    return n;
}

static bool ask(const json_t *row, tally *score, int *refused) {
    sotto_error            err;
    sotto_chat_turn        turns[TURNS_MAX] = {{0}};
    char                  *own[TURNS_MAX] = {0}, text[1024] = "";
    sotto_tokens           prompt = {0};
    sotto_generator       *g = NULL;
    sotto_generation       got = {0};
    sotto_piece            piece = {0};
    sotto_generate_options o = sotto_generate_options_default();
    json_t                *said = json_object_get(row, "turns");
    json_t                *expect = json_object_get(json_array_get(said, json_array_size(said) - 1), "expect");
    size_t                 n = make_turns(said, turns, own), length = 0;
    o.tools = sotto_tools_schema();
    o.max_tokens = 120;
    bool ok = !sotto_chat_tokens(model, turns, n, NULL, &prompt, &err) &&
              !sotto_session_sync(session, prompt.ids, prompt.n, &err) && !sotto_generator_open(&g, session, &o, &err);
    while (ok && !piece.done) {
        ok = !sotto_generator_next(g, &piece, &err);
        size_t fits = ok && piece.n_text < sizeof text - length ? piece.n_text : 0;
        memcpy(text + length, piece.text, fits);
        text[length += fits] = '\0';
    }
    if (!ok) TEST_FAIL("%s: %s", json_string_value(json_object_get(row, "id")), err.message);
    if (ok) sotto_generator_result(g, &got);
    bool is_right = ok && right(expect, text, &got);
    int  wanted = kind_wanted(expect), found = kind_got(text, &got);
    score->n++, score->right += is_right;
    kinds[wanted].n++, kinds[wanted].right += is_right;
    taken[wanted][found]++;
    *refused += !is_right && strcmp(kinds[found].name, "!beyond") == 0;
    if (!is_right && show_wrong) {
        char *want = json_dumps(json_array_get(expect, 0), JSON_ENCODE_ANY | JSON_COMPACT);
        printf("%s", json_string_value(json_object_get(row, "id")));
        for (size_t i = 0; i < n; i++) printf(" | %s", turns[i].tool_calls ? turns[i].tool_calls : turns[i].content);
        printf("\n    wanted %s\n    got    %s", want, text);
        for (size_t i = 0; i < got.n_calls; i++) printf("%s%s ", got.calls[i].name, got.calls[i].arguments);
        printf("\n");
        free(want);
    }
    sotto_generator_close(g);
    sotto_tokens_free(&prompt);
    for (size_t i = 0; i < TURNS_MAX; i++) free(own[i]);
    return is_right;
}

static tally ask_all(const char *folder, const char *name, int *refused) {
    tally score = {.name = ""};
    char  line[8192], file[512];
    (void)snprintf(file, sizeof file, "%s/%s.jsonl", folder, name);
    FILE *f = fopen(file, "rb");
    if (!f && !only) TEST_FAIL("cannot read %s", file);
    while (f && fgets(line, sizeof line, f)) {
        json_t *row = json_loads(line, 0, NULL);
        if (!row) TEST_FAIL("%s: not JSON: %s", file, line);
        if (row) (void)ask(row, &score, refused);
        json_decref(row);
    }
    if (f) (void)fclose(f);
    return score;
}

/* ---- what is wanted ------------------------------------------------------------------------------------ */

static double percent(tally t) { return t.n ? 100.0 * t.right / t.n : 0; }

static void hold(const char *what, const char *set, const char *key, tally t) {
    double reached = 0, wanted = 0;
    if (!only && json_unpack(accuracy, "{s:{s:F}, s:{s:F}}", set, key, &reached, "wanted", key, &wanted) != 0)
        TEST_FAIL("accuracy.json says nothing of %s: %s", set, key);
    if (!only && t.n < LEAST_OF_A_FILE) TEST_FAIL("%s, %s: only %d conversations", set, what, t.n);
    if (t.n)
        printf(show_tables ? "| %s | %d of %d | %.1f %% | %.0f %% |\n"
                           : "%-36s %4d of %4d: %5.1f %% (wanted: %.0f %%)\n",
               what, t.right, t.n, percent(t), wanted);
    if (percent(t) < reached - ROUNDING)
        TEST_FAIL("%s, %s: %.2f %% right, was %.2f %%", set, what, percent(t), reached);
}

/* How many conversations there were. */
static int hold_all(const char *folder, const char *set) {
    int refused = 0, none = 0;
    printf(show_tables ? "\n| %s | right | | wanted |\n|---|---|---|---|\n" : "%s\n", set);
    tally typed = ask_all(folder, "typed", &refused);
    tally asr = ask_all(folder, "asr", &refused);
    tally beyond = ask_all(folder, "beyond", &none);
    tally followup = ask_all(folder, "followup", &refused);
    tally inside = {.n = typed.n + asr.n + followup.n, .right = typed.n + asr.n + followup.n - refused};
    hold("requests as typed", set, "typed", typed);
    hold("requests as recognised", set, "asr", asr);
    hold("beyond the model, refused", set, "beyond", beyond);
    hold("follow-ups", set, "followup", followup);
    hold("within its scope, not refused", set, "inside", inside);
    return inside.n + beyond.n;
}

static void print_kinds(void) {
    printf("\n| what was wanted | right | taken for something else, or with other arguments |\n|---|---|---|\n");
    for (int i = 0; i < n_kinds; i++) {
        if (!kinds[i].n) continue;
        printf("| %s | %d of %d |", kinds[i].name, kinds[i].right, kinds[i].n);
        int own = taken[i][i] - kinds[i].right;
        if (own > 0) printf(" %d other arguments;", own);
        for (int k = 0; k < n_kinds; k++)
            if (k != i && taken[i][k]) printf(" %d %s;", taken[i][k], kinds[k].name);
        printf(" |\n");
    }
}

TEST(accuracy) {
    sotto_error           err;
    sotto_toolbox_options o = sotto_toolbox_options_default();
    sotto_model_options   m = sotto_model_options_default();
    o.path = ":memory:";
    m.threads = 1;
    m.chat_format = "sotto-starter";
    replies = json_load_file("../tools/train/replies.json", 0, NULL);
    accuracy = json_load_file(STARTER "accuracy.json", 0, NULL);
    CHECK(replies && accuracy);
    CHECK_OK(sotto_toolbox_open(&toolbox, &o, &err), err);
    CHECK_OK(sotto_model_open(&model, model_path, &m, &err), err);
    if (!model || !toolbox || !replies) return;
    CHECK_OK(sotto_session_open(&session, model, NULL, &err), err);
    if (only) {
        (void)hold_all(only, only);
    } else {
        CHECK(hold_all("starter/heldout", "heldout") >= 1000);
        CHECK(hold_all("starter/everyday", "everyday") >= 1200);
    }
    print_kinds();
    sotto_session_close(session);
    sotto_model_close(model);
    sotto_toolbox_close(toolbox);
    json_decref(replies);
    json_decref(accuracy);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        show_wrong |= strcmp(argv[i], "-w") == 0;
        show_tables |= strcmp(argv[i], "-t") == 0;
        if (strcmp(argv[i], "-m") == 0 && i + 1 < argc) model_path = argv[++i];
        if (strcmp(argv[i], "-d") == 0 && i + 1 < argc) only = argv[++i];
    }
    return test_main(1, argv);
}
