/* Convolutions over 1 to 3 axes: patches of the input become rows, and a convolution a linear layer of those. */
#include "coreml/run.h"

enum { SPACE_MAX = 3, ROWS_AT_ONCE = 16, ALIGN_FLOATS = 16 };

typedef struct conv {
    const sotto_program    *p;
    const sotto_mil_slot   *w;
    const sotto_mil_tensor *x, *bias;
    sotto_mil_tensor       *out;
    int32_t                 rank; /* of space */
    int64_t                 kernel[SPACE_MAX], in[SPACE_MAX], size[SPACE_MAX]; /* size: of the output */
    int64_t                 stride[SPACE_MAX], dilation[SPACE_MAX], before[SPACE_MAX];
    int64_t                 groups, channels; /* channels: of the input, in a group */
    size_t                  places, taps;     /* of the output in one image; of the kernel */
    size_t                  width;            /* floats between rows: channels * taps, padded */
    float                  *patches;          /* [places][width], of one image and group */
    float                  *rows;             /* [workers][ROWS_AT_ONCE][width]: of the weight */
    float                  *sums;             /* [places][rows of a group] */
    int64_t                 group;
} conv;

/* ---- shapes -------------------------------------------------------------------------------------------- */

static bool read_list(const sotto_mil_run *r, const sotto_mil_step *s, int32_t param, int32_t n, int64_t otherwise,
                      int64_t *out) {
    int64_t list[SOTTO_MIL_RANK_MAX];
    int32_t found = sotto_mil_in_ints(r, s, param, list);
    for (int32_t i = 0; i < n; i++) out[i] = found == n ? list[i] : otherwise;
    for (int32_t i = 0; i < n; i++)
        if (out[i] < 0 || out[i] > INT32_MAX) return false;
    return found == n || s->args[param] < 0;
}

/* Parameters: x weight bias? strides? pad_type? pad? dilations? groups? "same" spreads what it adds evenly, the odd one
 * at the end, or with "same_lower" at the beginning. */
static const char *read_conv(const sotto_mil_run *r, const sotto_mil_step *s, conv *c) {
    const sotto_mil_type *w = &r->p->f->vars[s->args[1]].type;
    const char           *type = s->args[4] < 0 ? "valid" : sotto_mil_in_text(r, s, 4);
    int64_t               pad[2 * SPACE_MAX];
    c->rank = c->x->rank - 2;
    if (!sotto_mil_is_float(c->x->dtype) || c->rank < 1 || c->rank > SPACE_MAX || w->rank != c->x->rank)
        return "its input and weight do not fit together";
    if (!read_list(r, s, 3, c->rank, 1, c->stride) || !read_list(r, s, 5, 2 * c->rank, 0, pad) ||
        !read_list(r, s, 6, c->rank, 1, c->dilation) || !sotto_mil_in_int(r, s, 7, 1, &c->groups))
        return "strides, pads, dilations or groups that cannot be";
    bool same = strcmp(type, "same") == 0, lower = strcmp(type, "same_lower") == 0;
    if (!same && !lower && strcmp(type, "valid") != 0 && strcmp(type, "custom") != 0)
        return "its pad_type is not known";
    c->channels = w->dim[1], c->taps = 1, c->places = 1;
    if (c->groups < 1 || c->channels < 1 || w->dim[0] % c->groups != 0 || c->x->dim[1] != c->channels * c->groups)
        return "its groups do not divide its channels";
    if (c->bias && (c->bias->n != (size_t)w->dim[0] || c->bias->dtype != c->x->dtype))
        return "its bias is not as long as its weight is high";
    for (int32_t i = 0; i < c->rank; i++) {
        int64_t in = c->x->dim[i + 2], k = w->dim[i + 2], stride = c->stride[i];
        if (stride < 1 || c->dilation[i] < 1 || in > INT32_MAX || k > INT32_MAX) return "strides or dilations of 0";
        int64_t reach = (k - 1) * c->dilation[i] + 1;
        if (same || lower) {
            int64_t more = SOTTO_MAX(((in + stride - 1) / stride - 1) * stride + reach - in, 0);
            pad[2 * i] = (more + lower) / 2, pad[2 * i + 1] = more - pad[2 * i];
        } else if (strcmp(type, "valid") == 0) {
            pad[2 * i] = pad[2 * i + 1] = 0;
        }
        if (in + pad[2 * i] + pad[2 * i + 1] < reach) return "its kernel is larger than its input";
        c->kernel[i] = k, c->in[i] = in, c->before[i] = pad[2 * i];
        c->size[i] = (in + pad[2 * i] + pad[2 * i + 1] - reach) / stride + 1;
        c->places *= (size_t)c->size[i], c->taps *= (size_t)k;
        if (c->places > INT32_MAX) return "it is too large";
    }
    return NULL;
}

/* ---- computing ----------------------------------------------------------------------------------------- */

/* Where tap `tap` at `place` reads in a channel; false: in the padding. */
static bool find_input(const conv *c, size_t place, size_t tap, size_t *at) {
    int64_t index[SPACE_MAX];
    for (int32_t i = c->rank - 1; i >= 0; i--) {
        int64_t from = (int64_t)(place % (size_t)c->size[i]), k = (int64_t)(tap % (size_t)c->kernel[i]);
        place /= (size_t)c->size[i], tap /= (size_t)c->kernel[i];
        index[i] = from * c->stride[i] + k * c->dilation[i] - c->before[i];
        if (index[i] < 0 || index[i] >= c->in[i]) return false;
    }
    *at = 0;
    for (int32_t i = 0; i < c->rank; i++) *at = *at * (size_t)c->in[i] + (size_t)index[i];
    return true;
}

static void lay_patch(void *arg, int place, int worker) {
    const conv *c = arg;
    size_t      plane = 1, at;
    float      *row = c->patches + (size_t)place * c->width;
    (void)worker;
    for (int32_t i = 0; i < c->rank; i++) plane *= (size_t)c->in[i];
    for (size_t tap = 0; tap < c->taps; tap++) {
        bool inside = find_input(c, (size_t)place, tap, &at);
        for (size_t k = 0; k < (size_t)c->channels; k++)
            row[k * c->taps + tap] = inside ? c->x->f[((size_t)(c->group * c->channels) + k) * plane + at] : 0;
    }
}

static void multiply(void *arg, int chunk, int worker) {
    const conv  *c = arg;
    int32_t      high = (int32_t)(c->w->matrix.rows / c->groups), first = chunk * ROWS_AT_ONCE;
    int32_t      n = SOTTO_MIN(ROWS_AT_ONCE, high - first);
    float       *rows = c->rows + (size_t)worker * ROWS_AT_ONCE * c->width;
    sotto_matmul m = {.y = c->sums + first, .y_stride = (size_t)high, .w = rows, .w_stride = c->width * sizeof *rows,
                      .x = c->patches, .x_stride = c->width * sizeof *rows, .cols = c->w->matrix.cols,
                      .n_tokens = (int32_t)c->places};
    for (int32_t i = 0; i < n; i++)
        sotto_mil_row(c->p, c->w, (int32_t)c->group * high + first + i, rows + (size_t)i * c->width);
    c->p->kernels.matmul[SOTTO_F32](&m, 0, n);
}

/* One image: each group's patches times its rows of the weight, and then channels first. */
static void run_image(conv *c, float *out) {
    size_t high = (size_t)(c->w->matrix.rows / c->groups);
    for (c->group = 0; c->group < c->groups; c->group++) {
        sotto_pool_run(c->p->pool, (int)c->places, lay_patch, c);
        sotto_pool_run(c->p->pool, (int)((high + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE), multiply, c);
        for (size_t k = 0; k < high; k++) {
            size_t channel = (size_t)c->group * high + k;
            for (size_t i = 0; i < c->places; i++)
                out[channel * c->places + i] = c->sums[i * high + k] + (c->bias ? c->bias->f[channel] : 0);
        }
    }
}

static sotto_status run_conv(sotto_mil_run *r, const sotto_mil_step *s) {
    const sotto_mil_tensor *x = sotto_mil_in_tensor(r, s, 0);
    sotto_mil_tensor        like = *x, view = *x;
    conv                    c = {.p = r->p, .w = &r->p->slots[s->args[1]], .x = &view,
                                 .bias = sotto_mil_in_tensor(r, s, 2)};
    size_t                  n, rows, sums;
    const char             *why = read_conv(r, s, &c);
    if (why) return sotto_mil_refuse(r, s, why);
    like.dim[1] = c.w->matrix.rows;
    for (int32_t i = 0; i < c.rank; i++) like.dim[i + 2] = c.size[i];
    SOTTO_TRY(sotto_mil_output(r, s, 0, &like, &c.out));
    if (c.out->n == 0) return SOTTO_OK;
    c.width = ((size_t)c.w->matrix.cols + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
    rows = (size_t)sotto_pool_threads(r->p->pool) * ROWS_AT_ONCE * c.width;
    if (!sotto_size_mul(c.places, c.width, &n) || !sotto_size_mul(c.places, (size_t)c.w->matrix.rows, &sums) ||
        !sotto_size_add(n, rows, &n) || !sotto_size_add(n, sums, &sums))
        return sotto_fail_memory(r->err, "a convolution");
    if (!(c.patches = sotto_mil_scratch(r, sums))) return SOTTO_NO_MEMORY;
    c.rows = c.patches + c.places * c.width, c.sums = c.patches + n;
    size_t in = x->n / (size_t)x->dim[0], out = c.out->n / (size_t)x->dim[0];
    for (int64_t i = 0; i < x->dim[0]; i++) {
        view.f = x->f + (size_t)i * in;
        run_image(&c, c.out->f + (size_t)i * out);
    }
    return SOTTO_OK;
}

const sotto_mil_kind sotto_mil_conv_kinds[] = {
    {.type = "conv", .params = "x weight# bias? strides? pad_type$? pad? dilations? groups?", .n_outputs = 1,
     .run = run_conv},
    {.type = NULL},
};
