/* Export: a model to a package, put together out of program, weights and manifest. */
#include "coreml/export.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct exporter {
    sotto_export_options o;
    sotto_checkpoint    *checkpoint, *importance;
    sotto_transformer   *transformer;
    sotto_mil_program    program;
    sotto_export_plan    plan;
    sotto_folder_writer *folder;
    sotto_buf            text; /* of the model, then of the manifest */
} exporter;

sotto_export_options sotto_export_options_default(void) { return (sotto_export_options){.context = 128, .bits = 4}; }

static sotto_export_options completed(const sotto_export_options *o) {
    sotto_export_options full = o ? *o : sotto_export_options_default();
    if (full.context == 0) full.context = 128;
    if (full.bits == 0) full.bits = 4;
    return full;
}

/* ---- names --------------------------------------------------------------------------------------------- */

/* The name of a model from its path: the last part, without ".gguf" and the name of its type. */
static sotto_str model_name(const char *path) {
    static const char *const ends[] = {".gguf", "-q4_0", "-q8_0", "-bf16", "-f16", "-f32"};
    sotto_str                name = sotto_str_from(path);
    while (name.n > 1 && name.p[name.n - 1] == '/') name.n--;
    for (size_t i = name.n; i > 0; i--)
        if (name.p[i - 1] == '/') {
            name = (sotto_str){name.p + i, name.n - i};
            break;
        }
    for (size_t i = 0; i < SOTTO_COUNT(ends); i++)
        if (sotto_str_ends(name, ends[i]) && name.n > strlen(ends[i])) name.n -= strlen(ends[i]);
    return name.n == 0 || name.p[0] == '.' || name.p[0] == '/' ? sotto_str_from("model") : name;
}

/* Its parts, between dashes, as people write them: "2b" and "it" in capitals, other words with one. */
static void title(sotto_str name, char *out, size_t size) {
    size_t n = SOTTO_MIN(name.n, size - 1);
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && name.p[end] != '-') end++;
        bool capitals = isdigit((unsigned char)name.p[i]) || (end - i == 2 && strncmp(name.p + i, "it", 2) == 0);
        for (size_t k = i; k < end; k++) {
            int c = (unsigned char)name.p[k];
            out[k] = (char)(capitals || k == i ? toupper(c) : c);
        }
        if (end < n) out[end] = '-';
        i = end + 1;
    }
    out[n] = '\0';
}

sotto_status sotto_export_name(const char *in_path, const sotto_export_options *opt, char out[256], sotto_error *err) {
    sotto_export_options o = completed(opt);
    char                 name[160], bits[16] = "";
    if (!*in_path) return sotto_fail(err, SOTTO_INVALID, "no model to export");
    title(model_name(in_path), name, sizeof name);
    if (o.bits != 16) (void)snprintf(bits, sizeof bits, "%dbit-", (int)o.bits);
    (void)snprintf(out, 256, "%s-Stateful-%s%d.mlpackage", name, bits, (int)o.context);
    return SOTTO_OK;
}

/* ---- what the package says of itself ------------------------------------------------------------------- */

static void describe(exporter *e, const char *in_path) {
    const sotto_config *c = &e->transformer->config;
    sotto_mil_program  *p = &e->program;
    sotto_str           name = model_name(in_path);
    sotto_buf           text = {0};
    char                short_name[160];
    (void)snprintf(short_name, sizeof short_name, "%.*s", (int)SOTTO_MIN(name.n, sizeof short_name - 1), name.p);
    sotto_buf_printf(&text, "%s: stateful, 1 to %d tokens of context, ", short_name, (int)e->o.context);
    if (e->o.bits == 16)
        sotto_buf_puts(&text, "fp16 weights. ");
    else
        sotto_buf_printf(&text, "%d-bit weights in blocks of %d. ", (int)e->o.bits, SOTTO_CODE_BLOCK);
    sotto_buf_printf(&text,
                     "Logits of %s. Who sees whom is built in: causalMask is added to that and may be all zero. "
                     "Computed in fp16: norms divide by the greatest value before they square%s.",
                     e->o.last_logits ? "the last token" : "every token",
                     c->family->post_norms ? ", and residuals are kept 32 times smaller" : "");
    p->description = text.failed ? NULL : sotto_arena_text(&p->arena, text.data, text.len);
    p->failed |= !p->description;
    sotto_buf_free(&text);
    sotto_mil_add_pair(p, "co.huggingface.exporters.name", e->o.id ? e->o.id : short_name);
    sotto_mil_add_pair(p, "sotto.architecture", c->family->name);
    sotto_mil_add_pair(p, "sotto.version", SOTTO_VERSION);
}

/* ---- files --------------------------------------------------------------------------------------------- */

static sotto_status write_text(exporter *e, const char *name, sotto_error *err) {
    sotto_writer *w = NULL;
    char         *path = sotto_folder_writer_file(e->folder, name, err);
    if (!path) return SOTTO_IO;
    sotto_status status = sotto_writer_open(&w, path, err);
    if (status == SOTTO_OK) status = sotto_writer_write(w, e->text.data, e->text.len, err);
    if (status == SOTTO_OK)
        status = sotto_writer_commit(w, err);
    else
        sotto_writer_close(w);
    free(path);
    return status;
}

static sotto_status write_package(exporter *e, const char *out_path, sotto_error *err) {
    SOTTO_TRY(sotto_folder_writer_open(&e->folder, out_path, err));
    char *weights = sotto_folder_writer_file(e->folder, "Data/com.apple.CoreML/weights/weight.bin", err);
    if (!weights) return SOTTO_IO;
    sotto_status status = sotto_export_weights(&e->plan, e->checkpoint, &e->o, weights, err);
    free(weights);
    if (status != SOTTO_OK) return status;
    SOTTO_TRY(sotto_mil_program_pack(&e->program, &e->text, err));
    uint64_t seed = sotto_hash(e->text.data, e->text.len, 0);
    SOTTO_TRY(write_text(e, "Data/com.apple.CoreML/model.mlmodel", err));
    sotto_buf_clear(&e->text);
    if (!sotto_mil_manifest_write(&e->text, seed)) return sotto_fail_memory(err, "the manifest");
    return write_text(e, "Manifest.json", err);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static sotto_status run(exporter *e, const char *in_path, const char *out_path, const char *beside, sotto_error *err) {
    SOTTO_TRY(sotto_checkpoint_open(&e->checkpoint, in_path, NULL, err));
    SOTTO_TRY(sotto_transformer_open(&e->transformer, e->checkpoint, err));
    SOTTO_TRY(sotto_export_check(e->transformer, &e->o, err));
    if (e->o.importance) SOTTO_TRY(sotto_checkpoint_open(&e->importance, e->o.importance, NULL, err));
    SOTTO_TRY(sotto_export_graph(&e->program, &e->plan, e->transformer, &e->o, e->importance, err));
    describe(e, in_path);
    SOTTO_TRY(write_package(e, out_path, err));
    SOTTO_TRY(sotto_export_beside(e->checkpoint, beside, err));
    sotto_folder_writer *folder = e->folder;
    e->folder = NULL;
    return sotto_folder_writer_commit(folder, err);
}

sotto_status sotto_export(const char *in_path, const char *out_path, const sotto_export_options *opt,
                          sotto_error *err) {
    exporter e = {.o = completed(opt)};
    char    *beside = NULL;
    SOTTO_TRY(sotto_package_beside(out_path, &beside, err));
    sotto_status status = run(&e, in_path, out_path, beside, err);
    free(beside);
    sotto_folder_writer_close(e.folder);
    sotto_mil_program_free(&e.program);
    sotto_arena_free(&e.plan.arena);
    sotto_transformer_close(e.transformer);
    sotto_checkpoint_close(e.importance);
    sotto_checkpoint_close(e.checkpoint);
    sotto_buf_free(&e.text);
    return status;
}
