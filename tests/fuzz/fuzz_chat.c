/* Conversations: any format, any turns, any JSON for tools and calls. The spans must tile the text that they describe.
 * Byte 0 chooses the format, byte 1 the parameters; then fields end with a zero byte: the tools, and for each turn a
 * letter that chooses its role, its content and, where the letter says so, its calls. */
#include <stdlib.h>

#include "text/chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURNS_MAX = 12 };

/* The field at *at, which moves past its zero; the whole text ends with one. */
static const char *field(const char **at) {
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static size_t read_turns(sotto_chat_turn *turns, const char *at, const char *end) {
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    size_t                   n = 0;
    for (; at < end && n < TURNS_MAX; n++) {
        char letter = *at++;
        if (at > end) break;
        turns[n] = (sotto_chat_turn){.role = roles[letter & 3], .content = field(&at)};
        if (!(letter & 4) || at >= end) continue;
        if ((letter & 3) == 2) turns[n].tool_calls = field(&at);
        if ((letter & 3) == 3) turns[n].tool_call_id = field(&at);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    const char       *at = text + 2;
    sotto_chat_params params = {
        .thinking = data[1] & 1, .continue_last = data[1] & 2, .date = data[1] & 4 ? "d" : NULL};
    if (data[1] & 8) params.tools = field(&at);
    sotto_chat_turn   turns[TURNS_MAX];
    sotto_chat_prompt out = {0};
    size_t            n = read_turns(turns, at, text + size), end = 0;
    if (sotto_chat_render(&sotto_chat_formats[data[0] % sotto_chat_format_count], turns, n, &params, &out,
                          NULL) == SOTTO_OK) {
        for (size_t i = 0; i < out.n_spans; end += out.spans[i++].n)
            if (out.spans[i].offset != end || out.spans[i].n == 0) abort();
        if (end != out.text.len) abort();
    }
    sotto_chat_format_recognise((sotto_str){text, size});
    sotto_chat_prompt_free(&out);
    free(text);
    return 0;
}
