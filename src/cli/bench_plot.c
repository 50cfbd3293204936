/* The ladder as a picture: tokens per second over the context, both on logarithmic axes, a line for each rung, and
 * Apple's beside it, dashed. An SVG that brings its own colours for light and for dark pages. */
#include "cli/bench.h"

#include <math.h>

enum { WIDTH = 760, HEIGHT = 460, LEFT = 64, RIGHT = 230, TOP = 44, BOTTOM = 48 };

/* Of the rungs; told apart without seeing red and green alike (Okabe & Ito 2008), in a tone for each ground. */
static const char *const light[SOTTO_LADDER_RUNGS] = {"#b34a00", "#a8741a", "#00765a", "#0067a3", "#9a4f7f"};
static const char *const dark[SOTTO_LADDER_RUNGS] = {"#ff8a3d", "#e6b450", "#2fc79b", "#5fb7f2", "#e39ac6"};

typedef struct frame {
    double x0, x1, y0, y1; /* logarithms: of the context to 2, of tokens/s to 10 */
} frame;

static void widen(frame *f, double context, double speed) {
    if (!(speed > 0)) return;
    f->x0 = fmin(f->x0, log2(context)), f->x1 = fmax(f->x1, log2(context));
    f->y0 = fmin(f->y0, floor(log10(speed))), f->y1 = fmax(f->y1, ceil(log10(speed)));
}

static frame frame_of(const sotto_bench_ladder *l) {
    frame f = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t c = 0; c < l->n_contexts; c++)
        for (int i = 0; i < SOTTO_LADDER_RUNGS; i++) {
            widen(&f, l->contexts[c], l->step[c][i].tokens_per_s);
            widen(&f, l->contexts[c], sotto_bench_apple(i, l->contexts[c]));
        }
    if (!(f.x0 <= f.x1)) f = (frame){7, 8, 0, 1}; /* nothing was measured */
    if (f.x1 - f.x0 < 0.5) f.x0 -= 0.5, f.x1 += 0.5;
    if (f.y1 - f.y0 < 0.5) f.y1 += 1;
    return f;
}

static double x_of(const frame *f, double context) {
    return LEFT + (log2(context) - f->x0) / (f->x1 - f->x0) * (WIDTH - LEFT - RIGHT);
}
static double y_of(const frame *f, double speed) {
    return HEIGHT - BOTTOM - (log10(speed) - f->y0) / (f->y1 - f->y0) * (HEIGHT - TOP - BOTTOM);
}

static void style(sotto_buf *out) {
    (void)sotto_buf_puts(out, "<style>\n.page{fill:#fff}.ink{fill:#222}.faint{fill:#666}.grid{stroke:#ddd}\n"
                              "text{font:13px sans-serif}path{fill:none;stroke-width:2}.apple{stroke-dasharray:5 4;"
                              "stroke-width:1.3}\n");
    for (int i = 0; i < SOTTO_LADDER_RUNGS; i++)
        (void)sotto_buf_printf(out, ".l%d{stroke:%s}.d%d{fill:%s}\n", i, light[i], i, light[i]);
    (void)sotto_buf_puts(out, "@media (prefers-color-scheme:dark){\n.page{fill:#16181c}.ink{fill:#e8e8e8}.faint"
                              "{fill:#9aa0a6}.grid{stroke:#33373d}\n");
    for (int i = 0; i < SOTTO_LADDER_RUNGS; i++)
        (void)sotto_buf_printf(out, ".l%d{stroke:%s}.d%d{fill:%s}\n", i, dark[i], i, dark[i]);
    (void)sotto_buf_puts(out, "}\n</style>\n");
}

static void axes(const sotto_bench_ladder *l, const frame *f, sotto_buf *out) {
    for (double d = f->y0; d <= f->y1; d++) {
        double y = y_of(f, pow(10, d));
        (void)sotto_buf_printf(out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                                    "<text class=\"faint\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                               LEFT, y, WIDTH - RIGHT, y, LEFT - 8, y + 4, pow(10, d));
    }
    for (size_t c = 0; c < l->n_contexts; c++) {
        double x = x_of(f, l->contexts[c]);
        if (x < LEFT - 1 || x > WIDTH - RIGHT + 1) continue;
        (void)sotto_buf_printf(out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
                                    "<text class=\"faint\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n",
                               x, TOP, x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 18, l->contexts[c]);
    }
    (void)sotto_buf_printf(out, "<text class=\"faint\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">context, tokens</text>"
                                "\n",
                           (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10);
}

/* A line through the points that there are. */
static void line(const sotto_bench_ladder *l, const frame *f, int rung, bool apple, sotto_buf *out) {
    bool begun = false;
    for (size_t c = 0; c < l->n_contexts; c++) {
        double speed = apple ? sotto_bench_apple(rung, l->contexts[c]) : l->step[c][rung].tokens_per_s;
        if (!(speed > 0)) continue;
        double x = x_of(f, l->contexts[c]), y = y_of(f, speed);
        if (!begun) (void)sotto_buf_printf(out, "<path class=\"l%d%s\" d=\"", rung, apple ? " apple" : "");
        (void)sotto_buf_printf(out, "%c%.1f %.1f", begun ? 'L' : 'M', x, y);
        begun = true;
    }
    if (begun) (void)sotto_buf_puts(out, "\"/>\n");
    for (size_t c = 0; c < l->n_contexts && !apple; c++)
        if (l->step[c][rung].tokens_per_s > 0)
            (void)sotto_buf_printf(out, "<circle class=\"d%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>\n", rung,
                                   x_of(f, l->contexts[c]), y_of(f, l->step[c][rung].tokens_per_s));
}

static void legend(sotto_buf *out) {
    const int x = WIDTH - RIGHT + 20;
    int       y = TOP + 14;
    for (int i = SOTTO_LADDER_RUNGS; i-- > 0; y += 24) /* the fastest first, as the lines lie */
        (void)sotto_buf_printf(out, "<path class=\"l%d\" d=\"M%d %d h22\"/><circle class=\"d%d\" cx=\"%d\" cy=\"%d\" "
                                    "r=\"3.5\"/><text class=\"ink\" x=\"%d\" y=\"%d\">%s</text>\n",
                               i, x, y, i, x + 11, y, x + 30, y + 4, sotto_bench_rung_name(i));
    (void)sotto_buf_printf(out, "<path class=\"l3 apple\" d=\"M%d %d h22\"/><text class=\"faint\" x=\"%d\" y=\"%d\">"
                                "the same, Apple's figures</text>\n<text class=\"faint\" x=\"%d\" y=\"%d\">"
                                "(Llama 3.1 8B, M1 Max)</text>\n",
                           x, y + 8, x + 30, y + 12, x + 30, y + 30);
}

/* A path may hold what XML has a meaning for. */
static void escape(const char *text, sotto_buf *out) {
    for (; *text; text++)
        if (strchr("<>&", *text)) (void)sotto_buf_printf(out, "&#%d;", *text);
        else (void)sotto_buf_putc(out, (unsigned char)*text < ' ' ? ' ' : *text);
}

bool sotto_bench_plot(const sotto_bench_ladder *l, sotto_buf *out) {
    frame       f = frame_of(l);
    const char *slash = strrchr(l->model, '/');
    (void)sotto_buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
                                "height=\"%d\">\n",
                           WIDTH, HEIGHT, WIDTH, HEIGHT);
    style(out);
    (void)sotto_buf_printf(out, "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n<text class=\"ink\" x=\"%d\" "
                                "y=\"24\">Tokens per second: ",
                           WIDTH, HEIGHT, LEFT);
    escape(slash && slash[1] ? slash + 1 : l->model, out);
    (void)sotto_buf_printf(out, ", %d threads</text>\n", l->threads);
    axes(l, &f, out);
    for (int i = 0; i < SOTTO_LADDER_RUNGS; i++) {
        line(l, &f, i, true, out);
        line(l, &f, i, false, out);
    }
    legend(out);
    return sotto_buf_puts(out, "</svg>\n") && !out->failed;
}
