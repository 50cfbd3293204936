/* One line on the terminal that says how far something is, how fast and how long it still takes. */
#include "cli/cli.h"

enum { BAR = 24, REDRAW_NS = 100 * 1000 * 1000, FIRST_DRAW_NS = 400 * 1000 * 1000 };

void sotto_cli_progress_begin(sotto_cli_progress *p, const sotto_cli_settings *s, const char *label,
                              const char *unit) {
    *p = (sotto_cli_progress){.label = label, .unit = unit, .start_ns = sotto_time_ns(),
                              .shown = !s->quiet && sotto_terminal_is(2)};
}

static void format_rate(const sotto_cli_progress *p, double per_s, char out[32]) {
    if (strcmp(p->unit, "B") == 0)
        (void)snprintf(out, 32, "%.0f MB/s", per_s / 1e6);
    else
        (void)snprintf(out, 32, "%.*f %s/s", per_s < 100 ? 1 : 0, per_s, p->unit);
}

static void draw(sotto_cli_progress *p, uint64_t done, uint64_t total, uint64_t now) {
    double seconds = (double)(now - p->start_ns) / 1e9, share = (double)done / (double)total;
    double left = share > 0 ? seconds / share - seconds : 0;
    char   bar[BAR + 1], rate[32], line[160];
    int    full = (int)(share * BAR);
    for (int i = 0; i < BAR; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    format_rate(p, (double)done / seconds, rate);
    (void)snprintf(line, sizeof line, "%s [%s] %3.0f%%  %s  %d:%02d left", p->label, bar, share * 100, rate,
                   (int)(left / 60), (int)left % 60);
    /* Never as wide as the terminal: some wrap when the last column is written. */
    (void)fprintf(stderr, "\r%.*s\033[K", sotto_terminal_columns() - 1, line);
    (void)fflush(stderr);
    p->drawn = true;
    p->drawn_ns = now;
}

bool sotto_cli_progress_step(void *progress, uint64_t done, uint64_t total) {
    sotto_cli_progress *p = progress;
    if (p->shown && total > 0) {
        uint64_t now = sotto_time_ns();
        /* What is over at once needs no bar. */
        bool due = p->drawn ? now - p->drawn_ns >= REDRAW_NS : now - p->start_ns >= FIRST_DRAW_NS;
        if (due) draw(p, SOTTO_MIN(done, total), total, now);
    }
    return sotto_signals_interrupts() == 0;
}

void sotto_cli_progress_end(sotto_cli_progress *p) {
    if (p->drawn) (void)fputs("\r\033[K", stderr);
    p->shown = p->drawn = false;
}
