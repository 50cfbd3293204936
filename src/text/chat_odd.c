/* What the rows of some families cannot say as data. */
#include "text/chat.h"

/* ---- Llama 3.1 ----------------------------------------------------------------------------------------- */

/* Every conversation begins with a system turn that tells two dates. */
void sotto_chat_llama3_system(sotto_chat_scene *s) {
    sotto_chat_say(s, s->format->turn[SOTTO_CHAT_SYSTEM].before);
    if (s->tools) sotto_chat_say(s, "Environment: ipython\n");
    sotto_chat_say(s, "Cutting Knowledge Date: December 2023\nToday Date: ");
    sotto_chat_quote(s, sotto_str_from(s->date ? s->date : "26 Jul 2024"));
    sotto_chat_say(s, "\n\n");
    sotto_chat_quote(s, sotto_chat_system(s));
    sotto_chat_say(s, s->format->turn[SOTTO_CHAT_SYSTEM].after);
}

/* ---- Qwen 3 -------------------------------------------------------------------------------------------- */

/* True when a thought begins here that does not end: an unfinished answer goes on exactly where it stopped. */
static bool thinks_on(const sotto_chat_scene *s, size_t i) {
    sotto_str text = s->turns[i].said.text;
    return sotto_chat_is_open(s, i) && sotto_chat_find(text, "<think>") != SIZE_MAX &&
           sotto_chat_find(text, "</think>") == SIZE_MAX;
}

/* The user turn that the template counts as the last question: one that is not merely a tool's response. */
static size_t last_question(const sotto_chat_scene *s) {
    for (size_t i = s->n; i-- > 0;) {
        sotto_str text = s->turns[i].said.text;
        if (s->turns[i].role == SOTTO_CHAT_USER &&
            !(sotto_str_starts(text, "<tool_response>") && sotto_str_ends(text, "</tool_response>")))
            return i;
    }
    return s->n;
}

/* Thoughts before the last question are dropped; those after it are part of the work that goes on. */
bool sotto_chat_qwen3_content(sotto_chat_scene *s, size_t i) {
    static const char close[] = "</think>", open[] = "<think>";
    sotto_str content = s->turns[i].said.text, thought = {"", 0};
    size_t    end = sotto_chat_find(content, close);
    if (end != SIZE_MAX) {
        thought = sotto_chat_trim_newlines((sotto_str){content.p, end}, false, true);
        size_t begin = sotto_chat_find_last(thought, open);
        if (begin != SIZE_MAX) thought = sotto_chat_from(thought, begin + sizeof open - 1);
        thought = sotto_chat_trim_newlines(thought, true, true);
        content = sotto_chat_from(content, sotto_chat_find_last(content, close) + sizeof close - 1);
        content = sotto_chat_trim_newlines(content, true, false);
    }
    bool said = content.n > 0;
    if (i > last_question(s) && (i + 1 == s->n || thought.n) && !thinks_on(s, i)) {
        sotto_chat_say(s, "<think>\n");
        sotto_chat_quote(s, thought);
        sotto_chat_say(s, "\n</think>\n\n");
        content = sotto_chat_trim_newlines(content, true, false);
    }
    sotto_chat_quote(s, content);
    return said;
}

/* ---- SmolLM 3 ------------------------------------------------------------------------------------------ */

/* `text` without any occurrence of `word`. */
static bool without(sotto_chat_scene *s, sotto_str *text, const char *word) {
    char *copy = sotto_arena_alloc(&s->arena, text->n + 1);
    if (!copy) return false;
    sotto_str rest = *text, out = {copy, 0};
    for (size_t at; (at = sotto_chat_find(rest, word)) != SIZE_MAX; rest = sotto_chat_from(rest, at + strlen(word))) {
        memcpy(copy + out.n, rest.p, at);
        out.n += at;
    }
    if (rest.n) memcpy(copy + out.n, rest.p, rest.n);
    out.n += rest.n;
    *text = out;
    return true;
}

/* A preamble with the mode of reasoning, which words in the system text can set too. The published template
 * ends this turn only when tools are declared; models were trained with that, so it is kept (the variant with
 * SOTTO_SMOLLM3_ENDS_SYSTEM is the corrected one of some converters). The date is shown when one is given. */
void sotto_chat_smollm3_system(sotto_chat_scene *s) {
    const char *end = s->format->turn[SOTTO_CHAT_SYSTEM].after;
    sotto_str   own = s->system.text;
    if (sotto_chat_find(own, "/no_think") != SIZE_MAX) s->thinking = false;
    else if (sotto_chat_find(own, "/think") != SIZE_MAX) s->thinking = true;
    bool overrides = sotto_chat_find(own, "/system_override") != SIZE_MAX;
    if (!without(s, &own, "/no_think") || !without(s, &own, "/think") || !without(s, &own, "/system_override")) {
        s->out->text.failed = true;
        return;
    }
    own = sotto_chat_trim_end(own);
    sotto_chat_say(s, s->format->turn[SOTTO_CHAT_SYSTEM].before);
    if (overrides) {
        sotto_chat_quote(s, own);
        sotto_chat_say(s, end);
        return;
    }
    sotto_chat_say(s, "## Metadata\n\nKnowledge Cutoff Date: June 2025\n");
    if (s->date) {
        sotto_chat_say(s, "Today Date: ");
        sotto_chat_quote(s, sotto_str_from(s->date));
        sotto_chat_say(s, "\n");
    }
    sotto_chat_say(s, s->thinking ? "Reasoning Mode: /think\n\n" : "Reasoning Mode: /no_think\n\n");
    sotto_chat_say(s, "## Custom Instructions\n\n");
    if (own.n) sotto_chat_quote(s, own);
    else sotto_chat_say(s, s->format->system);
    if (own.n == 0 && s->thinking)
        sotto_chat_say(s,
            " Your role as an assistant involves thoroughly exploring questions through a systematic thinking process "
            "before providing the final precise and accurate solutions. This requires engaging in a comprehensive "
            "cycle of analysis, summarizing, exploration, reassessment, reflection, backtracking, and iteration to "
            "develop well-considered thinking process. Please structure your response into two main sections: Thought "
            "and Solution using the specified format: <think> Thought section </think> Solution section. In the "
            "Thought section, detail your reasoning process in steps. Each step should include detailed considerations "
            "such as analysing questions, summarizing relevant findings, brainstorming new ideas, verifying the "
            "accuracy of the current steps, refining any errors, and revisiting previous steps. In the Solution "
            "section, based on various attempts, explorations, and reflections from the Thought section, "
            "systematically present the final solution that you deem correct. The Solution section should be logical, "
            "accurate, and concise and detail necessary steps needed to reach the conclusion.");
    sotto_chat_say(s, "\n\n");
    if (s->tools) sotto_chat_write_tools(s);
    if (s->tools || s->format->variant == SOTTO_SMOLLM3_ENDS_SYSTEM) sotto_chat_say(s, end);
}

bool sotto_chat_smollm3_content(sotto_chat_scene *s, size_t i) {
    sotto_str content = sotto_chat_trim_newlines(s->turns[i].said.text, true, false);
    if (!s->thinking) sotto_chat_say(s, s->format->answer[false]);
    sotto_chat_quote(s, content);
    return content.n > 0;
}
