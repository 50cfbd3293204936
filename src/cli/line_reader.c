/* What a person types. On a terminal libedit edits the line and keeps the history (in the XDG state folder,
 * readable by its owner only); from a pipe lines are read as they are. A message goes on in the next line
 * after a backslash at the end of a line, and from a line that begins with """ to one that ends with it. */
#include "cli/cli.h"

#include <histedit.h>
#include <locale.h>
#include <stdlib.h>
#include <wchar.h>

enum { HISTORY_SIZE = 1000, WAIT_MS = 250 };

struct sotto_cli_reader {
    EditLine         *edit; /* NULL: not a terminal */
    History          *history;
    char             *history_path;
    sotto_buf         line, message;
    sotto_cli_wait_fn wait;
    void             *wait_user;
    char              block[65536]; /* of a pipe: read, and not yet taken */
    long              n_block, at;
    bool              more, interrupted, color;
};

/* libedit skips what stands between two \1 when it counts columns. */
static char *prompt_text(EditLine *edit) {
    static char colored[] = "\1\033[1;32m\1> \1\033[0m\1", plain[] = "> ", more[] = ". ";
    sotto_cli_reader *r;
    if (el_get(edit, EL_CLIENTDATA, &r) != 0) return plain;
    return r->more ? more : r->color ? colored : plain;
}

/* Bound to Ctrl-C while a line is edited. */
static unsigned char on_interrupt(EditLine *edit, wint_t key) {
    (void)key;
    sotto_cli_reader *r;
    if (el_get(edit, EL_CLIENTDATA, &r) == 0) r->interrupted = true;
    return CC_EOF;
}

/* Bytes from standard input, as long as they take to come; 0: the end, or Ctrl-C. */
static long read_some(sotto_cli_reader *r, void *data, size_t n) {
    for (;;) {
        long got = sotto_terminal_read(0, data, n, r->wait ? WAIT_MS : -1);
        if (got >= 0) return got;
        if (sotto_signals_interrupts()) return 0;
        if (r->wait && r->wait(r->wait_user, r->edit != NULL) && r->edit) (void)el_set(r->edit, EL_REFRESH);
    }
}

/* What libedit asks for the next character: 1, or 0 at the end. */
static int read_character(EditLine *edit, wchar_t *out) {
    sotto_cli_reader *r;
    mbstate_t         state = {0};
    if (el_get(edit, EL_CLIENTDATA, &r) != 0) return 0;
    for (;;) {
        char byte;
        if (read_some(r, &byte, 1) != 1) return 0;
        size_t n = mbrtowc(out, &byte, 1, &state);
        if (n == 0 || n == 1) return 1;
        if (n == (size_t)-1) memset(&state, 0, sizeof state); /* not of this locale: left out */
    }
}

static void open_history(sotto_cli_reader *r) {
    HistEvent event;
    char     *folder = sotto_path_user_folder(SOTTO_FOLDER_STATE);
    r->history = history_init();
    if (!r->history) {
        free(folder);
        return;
    }
    (void)history(r->history, &event, H_SETSIZE, HISTORY_SIZE);
    (void)history(r->history, &event, H_SETUNIQUE, 1);
    (void)el_set(r->edit, EL_HIST, history, r->history);
    if (folder && sotto_path_make_folder(folder, NULL) == SOTTO_OK)
        r->history_path = sotto_path_join(folder, "history");
    if (r->history_path) (void)history(r->history, &event, H_LOAD, r->history_path);
    free(folder);
}

static void open_editor(sotto_cli_reader *r) {
    /* The locale tells libedit that typed bytes are UTF-8; numbers keep the C locale. */
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) (void)setlocale(LC_CTYPE, "C.UTF-8");
    r->edit = el_init("sotto", stdin, sotto_terminal_is(1) ? stdout : stderr, stderr);
    if (!r->edit) return;
    (void)el_set(r->edit, EL_CLIENTDATA, r);
    (void)el_set(r->edit, EL_PROMPT_ESC, prompt_text, '\1');
    (void)el_set(r->edit, EL_GETCFN, read_character);
    (void)el_set(r->edit, EL_EDITOR, "emacs");
    (void)el_set(r->edit, EL_SIGNAL, 0);
    (void)el_set(r->edit, EL_SETTY, "-d", "-isig", NULL); /* Ctrl-C is a key while a line is edited */
    /* The narrow call would leak both texts. */
    (void)el_wset(r->edit, EL_ADDFN, L"sotto-interrupt", L"leave the line", on_interrupt);
    (void)el_set(r->edit, EL_BIND, "^C", "sotto-interrupt", NULL);
    (void)el_set(r->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    open_history(r);
    (void)el_source(r->edit, NULL); /* ~/.editrc */
}

sotto_cli_reader *sotto_cli_reader_open(const sotto_cli_settings *s, sotto_cli_wait_fn wait, void *user) {
    sotto_cli_reader *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->wait = wait;
    r->wait_user = user;
    r->color = sotto_cli_colored(s, 1);
    if (sotto_terminal_is(0)) open_editor(r);
    return r;
}

bool sotto_cli_reader_interactive(const sotto_cli_reader *r) { return r->edit != NULL; }

static sotto_cli_read read_plain(sotto_cli_reader *r) {
    for (;;) {
        if (r->at == r->n_block) {
            r->at = 0;
            r->n_block = read_some(r, r->block, sizeof r->block);
        }
        if (r->n_block == 0) break;
        const char *from = r->block + r->at, *end = memchr(from, '\n', (size_t)(r->n_block - r->at));
        long        n = end ? end + 1 - from : r->n_block - r->at;
        sotto_buf_append(&r->line, from, (size_t)n);
        r->at += n;
        if (end) return SOTTO_READ_TEXT;
    }
    if (sotto_signals_interrupts()) return SOTTO_READ_INTERRUPTED;
    return r->line.len ? SOTTO_READ_TEXT : SOTTO_READ_END;
}

static sotto_cli_read read_edited(sotto_cli_reader *r) {
    int n;
    r->interrupted = false;
    /* el_gets would do so only after it has shown the prompt, and a Ctrl-C in between would be lost. */
    (void)el_set(r->edit, EL_PREP_TERM, 1);
    const char *line = el_gets(r->edit, &n);
    if (line && n > 0) {
        sotto_buf_append(&r->line, line, (size_t)n);
        return SOTTO_READ_TEXT;
    }
    (void)fputs(r->interrupted ? "^C\n" : "\n", sotto_terminal_is(1) ? stdout : stderr);
    return r->interrupted || sotto_signals_interrupts() ? SOTTO_READ_INTERRUPTED : SOTTO_READ_END;
}

/* One line into r->line, without its newline. */
static sotto_cli_read read_line(sotto_cli_reader *r) {
    sotto_buf_clear(&r->line);
    sotto_cli_read got = r->edit ? read_edited(r) : read_plain(r);
    sotto_buf     *b = &r->line;
    if (b->len && b->data[b->len - 1] == '\n') b->len--;
    if (b->len && b->data[b->len - 1] == '\r') b->len--;
    if (b->data) b->data[b->len] = '\0';
    return got;
}

static void remember(sotto_cli_reader *r) {
    HistEvent event;
    if (r->history && r->message.len) (void)history(r->history, &event, H_ENTER, r->message.data);
}

sotto_cli_read sotto_cli_reader_next(sotto_cli_reader *r, const char **text) {
    bool           quoted = false;
    sotto_cli_read got;
    sotto_buf_clear(&r->message);
    do {
        got = read_line(r);
        if (got != SOTTO_READ_TEXT) break;
        sotto_str line = sotto_buf_str(&r->line);
        r->more = false;
        if (!quoted && r->message.len == 0 && sotto_str_starts(line, "\"\"\"")) {
            quoted = true;
            line.p += 3, line.n -= 3;
        }
        if (quoted) {
            r->more = !sotto_str_ends(line, "\"\"\"");
            if (!r->more) line.n -= 3;
        } else if (sotto_str_ends(line, "\\")) {
            r->more = true;
            line.n--;
        }
        sotto_buf_append(&r->message, line.p, line.n);
        if (r->more) sotto_buf_putc(&r->message, '\n');
    } while (r->more);
    r->more = false;
    if (got == SOTTO_READ_END && r->message.len)
        got = SOTTO_READ_TEXT; /* the end of input ends a message too */
    if (got == SOTTO_READ_TEXT) remember(r);
    *text = r->message.data ? r->message.data : "";
    return got;
}

void sotto_cli_reader_close(sotto_cli_reader *r) {
    if (!r) return;
    HistEvent event;
    if (r->history_path)
        (void)history(r->history, &event, H_SAVE, r->history_path); /* libedit makes it 0600 */
    if (r->history) history_end(r->history);
    if (r->edit) el_end(r->edit);
    free(r->history_path);
    sotto_buf_free(&r->line);
    sotto_buf_free(&r->message);
    free(r);
}
