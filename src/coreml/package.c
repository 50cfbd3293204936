/* The package: a folder with Manifest.json, the model and its weights. */
#include "coreml/mil.h"

#include <stdio.h>
#include <stdlib.h>

/* Bytes; a program of ten thousand operations has three million. */
enum { MANIFEST_MAX = 1 << 20, MODEL_MAX = 64 << 20 };

/* ---- manifest ------------------------------------------------------------------------------------------ */

/* A path below the Data folder: relative, and without a step up. */
static bool is_inside(const char *path) {
    if (*path == '/' || !*path) return false;
    for (const char *part = path; part; part = strchr(part, '/'), part = part ? part + 1 : NULL) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.')) return false;
    }
    return strchr(path, '\\') == NULL;
}

static sotto_status take_path(char out[256], const json_t *entry, const char *what, sotto_error *err) {
    const char *path = json_string_value(json_object_get(entry, "path"));
    if (!path) return sotto_fail(err, SOTTO_FORMAT, "Manifest.json: the entry of the %s has no path", what);
    if (!is_inside(path) || strlen(path) >= 256)
        return sotto_fail(err, SOTTO_FORMAT, "Manifest.json: the path of the %s leads out of the package", what);
    (void)snprintf(out, 256, "%s", path);
    return SOTTO_OK;
}

static sotto_status read_manifest(sotto_mil_manifest *out, json_t *doc, sotto_error *err) {
    json_t       *entries = json_object_get(doc, "itemInfoEntries"), *entry;
    const char   *root = json_string_value(json_object_get(doc, "rootModelIdentifier")), *id;
    const char   *version = json_string_value(json_object_get(doc, "fileFormatVersion"));
    if (!version || strncmp(version, "1.", 2) != 0)
        return sotto_fail(err, SOTTO_UNSUPPORTED, "Manifest.json: is not of version 1 of the package format");
    const json_t *model = root ? json_object_get(entries, root) : NULL;
    if (!model) return sotto_fail(err, SOTTO_FORMAT, "Manifest.json: names no root model among its entries");
    SOTTO_TRY(take_path(out->model, model, "model", err));
    json_object_foreach(entries, id, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (name && strcmp(name, "weights") == 0) SOTTO_TRY(take_path(out->weights, entry, "weights", err));
    }
    return SOTTO_OK;
}

sotto_status sotto_mil_manifest_parse(sotto_mil_manifest *out, sotto_str text, sotto_error *err) {
    json_t *doc;
    *out = (sotto_mil_manifest){0};
    SOTTO_TRY(sotto_json_parse(&doc, text, "Manifest.json", err));
    sotto_status status = read_manifest(out, doc, err);
    json_decref(doc);
    return status;
}

/* 128 bits in the form of a random UUID. */
static void write_id(char out[37], uint64_t seed) {
    uint64_t a = sotto_splitmix64(&seed), b = sotto_splitmix64(&seed);
    (void)snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
                   (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0x3fff) | 0x8000,
                   (unsigned long long)(b & 0xffffffffffff));
}

bool sotto_mil_manifest_write(sotto_buf *out, uint64_t seed) {
    static const char *const items[][3] = {
        {"CoreML Model Specification", "model.mlmodel", "com.apple.CoreML/model.mlmodel"},
        {"CoreML Model Weights", "weights", "com.apple.CoreML/weights"}};
    char ids[2][37];
    sotto_buf_puts(out, "{\n    \"fileFormatVersion\": \"1.0.0\",\n    \"itemInfoEntries\": {\n");
    for (size_t i = 0; i < 2; i++) {
        write_id(ids[i], seed + i);
        sotto_buf_printf(out,
                         "        \"%s\": {\n            \"author\": \"com.apple.CoreML\",\n"
                         "            \"description\": \"%s\",\n            \"name\": \"%s\",\n"
                         "            \"path\": \"%s\"\n        }%s\n",
                         ids[i], items[i][0], items[i][1], items[i][2], i ? "" : ",");
    }
    return sotto_buf_printf(out, "    },\n    \"rootModelIdentifier\": \"%s\"\n}\n", ids[0]);
}

/* ---- the folder ---------------------------------------------------------------------------------------- */

/* package/Data/path[/name]; free() it. */
static char *data_path(const char *package, const char *path, const char *name) {
    sotto_buf text = {0};
    if (sotto_buf_printf(&text, "%s/Data/%s%s%s", package, path, *name ? "/" : "", name)) return text.data;
    sotto_buf_free(&text);
    return NULL;
}

static sotto_status open_part(sotto_file *out, const char *package, const char *path, const char *name, size_t max,
                              bool map, sotto_error *err) {
    char *full = data_path(package, path, name);
    if (!full) return sotto_fail_memory(err, "a path");
    sotto_status status = sotto_file_open(out, full, map, err);
    if (status == SOTTO_OK && out->size > max)
        status = sotto_fail(err, SOTTO_FORMAT, "%s: %zu bytes, and no program is that large", full, out->size);
    free(full);
    return status;
}

static sotto_status open_manifest(sotto_mil_manifest *out, const char *path, sotto_error *err) {
    sotto_file f = {0};
    char      *full = sotto_path_join(path, "Manifest.json");
    if (!full) return sotto_fail_memory(err, "a path");
    sotto_status status = sotto_file_open(&f, full, false, err);
    free(full);
    if (status == SOTTO_OK && f.size > MANIFEST_MAX)
        status = sotto_fail(err, SOTTO_FORMAT, "Manifest.json: %zu bytes, and no manifest is that large", f.size);
    if (status == SOTTO_OK) status = sotto_mil_manifest_parse(out, (sotto_str){(const char *)f.data, f.size}, err);
    sotto_file_close(&f);
    return status;
}

static sotto_status load(sotto_mil_package *p, const char *path, bool map, sotto_error *err) {
    sotto_mil_manifest m;
    uint32_t           n_blobs;
    sotto_path_kind    kind = sotto_path_kind_of(path);
    if (kind == SOTTO_PATH_NONE) return sotto_fail(err, SOTTO_NOT_FOUND, "there is no such package");
    if (kind != SOTTO_PATH_FOLDER) return sotto_fail(err, SOTTO_INVALID, "is a file, and a package is a folder");
    SOTTO_TRY(open_manifest(&m, path, err));
    SOTTO_TRY(open_part(&p->model, path, m.model, "", MODEL_MAX, map, err));
    if (*m.weights) {
        SOTTO_TRY(open_part(&p->weights, path, m.weights, "weight.bin", SIZE_MAX, map, err));
        SOTTO_TRY(sotto_blob_check_all(p->weights.data, p->weights.size, &n_blobs, err));
    }
    return sotto_mil_program_unpack(&p->program, p->model.data, p->model.size, p->weights.data, p->weights.size, err);
}

sotto_status sotto_mil_package_open(sotto_mil_package **out, const char *path, bool map, sotto_error *err) {
    *out = NULL;
    sotto_mil_package *p = calloc(1, sizeof *p);
    if (!p) return sotto_fail_memory(err, "a package");
    sotto_status status = load(p, path, map, err);
    if (status == SOTTO_OK)
        *out = p;
    else
        sotto_mil_package_close(p), (void)sotto_fail_prefix(err, status, "%s", path);
    return status;
}

void sotto_mil_package_close(sotto_mil_package *p) {
    if (!p) return;
    sotto_mil_program_free(&p->program);
    sotto_file_close(&p->model);
    sotto_file_close(&p->weights);
    free(p);
}
