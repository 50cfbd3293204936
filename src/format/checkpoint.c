/* A model on disk: what the path leads to, which files belong to it, one list of tensors from all of them.
 * What is not a model that sotto reads is named for what it is, with the way out. */
#include "format/parse.h"

#include <stdio.h>
#include <stdlib.h>

struct sotto_checkpoint_private {
    sotto_checkpoint         checkpoint; /* what the caller sees */
    sotto_checkpoint_options options;
    sotto_tensor_list        tensors;
    sotto_gguf             **gguf; /* of each file */
};

/* ---- one file ------------------------------------------------------------------------------------------ */

/* What people give in place of a weight file, by its first bytes. */
static const struct {
    const char *magic, *text;
} lookalikes[] = {
    {"version https://git-lfs", "is a Git LFS pointer and not the file itself; fetch it with 'git lfs pull'"},
    {"<!DOCTYPE", "is a web page and not a model; download it again, logged in if the model asks for it"},
    {"<html", "is a web page and not a model; download it again, logged in if the model asks for it"},
    {"PK\3\4", "is a zip archive, such as PyTorch's .bin and .pt, whose loading can run code; use the "
               "model's safetensors files or a GGUF"},
    {"\x80\x02", "is a Python pickle, such as PyTorch's .bin and .pt, whose loading can run code; use the "
                 "model's safetensors files or a GGUF"},
    {"lmgg", "is in the obsolete GGML format; download the model as GGUF"},
    {"fmgg", "is in the obsolete GGML format; download the model as GGUF"},
    {"tjgg", "is in the obsolete GGML format; download the model as GGUF"},
};

static bool begins(const sotto_file *f, const char *magic) {
    return sotto_str_starts((sotto_str){(const char *)f->data, f->size}, magic);
}

static sotto_status check_lookalike(const sotto_file *f, const char *path, sotto_error *err) {
    for (size_t i = 0; i < SOTTO_COUNT(lookalikes); i++)
        if (begins(f, lookalikes[i].magic))
            return sotto_fail(err, SOTTO_UNSUPPORTED, "%s %s", path, lookalikes[i].text);
    return SOTTO_OK;
}

/* Make room for n files. */
static sotto_status allocate_files(struct sotto_checkpoint_private *p, size_t n, sotto_error *err) {
    p->checkpoint.files = calloc(n ? n : 1, sizeof *p->checkpoint.files);
    p->gguf = calloc(n ? n : 1, sizeof(sotto_gguf *));
    return p->checkpoint.files && p->gguf ? SOTTO_OK : sotto_fail_memory(err, "the list of files");
}

/* Open the next file and append its tensors. */
static sotto_status load_file(struct sotto_checkpoint_private *p, const char *path, sotto_error *err) {
    sotto_checkpoint *c = &p->checkpoint;
    size_t            i = c->n_files;
    sotto_file       *f = &c->files[i];
    SOTTO_TRY(sotto_file_open(f, path, !p->options.no_map, err));
    c->n_files++;
    c->n_bytes += f->size;
    SOTTO_TRY(check_lookalike(f, path, err));
    sotto_status status = c->kind == SOTTO_CHECKPOINT_GGUF
                              ? sotto_gguf_parse(&p->gguf[i], &p->tensors, f->data, f->size, (int32_t)i, err)
                              : sotto_safetensors_parse(&p->tensors, f->data, f->size, (int32_t)i, err);
    return status == SOTTO_OK ? SOTTO_OK : sotto_fail_prefix(err, status, "%s", path);
}

/* ---- Hugging Face folders ------------------------------------------------------------------------------ */

static sotto_status look_for(bool *found, const char *folder, const char *name, sotto_error *err) {
    char *path = sotto_path_join(folder, name);
    if (!path) return sotto_fail_memory(err, "a path");
    *found = sotto_path_kind_of(path) != SOTTO_PATH_NONE;
    free(path);
    return SOTTO_OK;
}

/* Weights that were quantised by another tool have codes and scales in tensors of their own. */
static sotto_status check_quantization(const sotto_checkpoint *c, sotto_error *err) {
    const json_t *q = json_object_get(c->config, "quantization_config");
    if (!json_is_object(q)) q = json_object_get(c->config, "quantization"); /* MLX */
    if (!json_is_object(q)) return SOTTO_OK;
    const char *method = json_string_value(json_object_get(q, "quant_method"));
    return sotto_fail(err, SOTTO_UNSUPPORTED,
                      "%s: config.json says that the weights are quantised (%.60s), which sotto does not "
                      "read; download the unquantised model or a GGUF",
                      c->path, method ? method : "MLX or another unnamed method");
}

/* Names in an index are a stranger's: of a file in this very folder, or refused. */
static bool is_shard_name(const json_t *value) {
    const char *name = json_string_value(value);
    size_t      n = json_string_length(value);
    return name && strlen(name) == n && !strpbrk(name, "/\\:") && !strstr(name, "..") && name[0] != '.' &&
           sotto_str_ends((sotto_str){name, n}, ".safetensors");
}

static sotto_status load_in_folder(struct sotto_checkpoint_private *p, const char *name, sotto_error *err) {
    char *path = sotto_path_join(p->checkpoint.path, name);
    if (!path) return sotto_fail_memory(err, "a path");
    sotto_status status = load_file(p, path, err);
    free(path);
    return status;
}

/* Load each file that the map names, in order of first mention; `files` maps its name to its index. */
static sotto_status load_shards(struct sotto_checkpoint_private *p, json_t *weights, sotto_map *files,
                                sotto_error *err) {
    const char *tensor;
    json_t     *file;
    SOTTO_TRY(allocate_files(p, json_object_size(weights), err));
    json_object_foreach(weights, tensor, file) {
        if (!is_shard_name(file))
            return sotto_fail(err, SOTTO_FORMAT,
                              "%s: model.safetensors.index.json places tensor '%.80s' in '%.80s', which is "
                              "not the plain name of a .safetensors file; do not trust this folder",
                              p->checkpoint.path, tensor,
                              json_is_string(file) ? json_string_value(file) : "");
        int added =
            sotto_map_add(files, sotto_str_from(json_string_value(file)), (int32_t)p->checkpoint.n_files);
        if (added < 0) return sotto_fail_memory(err, "the list of files");
        if (added) SOTTO_TRY(load_in_folder(p, json_string_value(file), err));
    }
    return SOTTO_OK;
}

static sotto_status check_shards(const struct sotto_checkpoint_private *p, json_t *weights,
                                 const sotto_map *files, sotto_error *err) {
    const char *tensor;
    json_t     *file;
    json_object_foreach(weights, tensor, file) {
        int32_t i = sotto_map_get(&p->tensors.names, sotto_str_from(tensor));
        int32_t want = sotto_map_get(files, sotto_str_from(json_string_value(file)));
        if (i < 0 || p->tensors.items[i].file_index != want)
            return sotto_fail(
                err, SOTTO_FORMAT,
                "%s: model.safetensors.index.json places tensor '%.80s' in %.80s, but it is not there; the "
                "files are of different models or incomplete: download the folder again",
                p->checkpoint.path, tensor, json_string_value(file));
    }
    return SOTTO_OK;
}

static sotto_status load_sharded(struct sotto_checkpoint_private *p, json_t *index, sotto_error *err) {
    json_t   *weights = json_object_get(index, "weight_map");
    sotto_map files = {0};
    if (!json_is_object(weights) || json_object_size(weights) == 0)
        return sotto_fail(err, SOTTO_FORMAT,
                          "%s: model.safetensors.index.json has no weight_map; download it again",
                          p->checkpoint.path);
    sotto_status status = load_shards(p, weights, &files, err);
    if (status == SOTTO_OK) status = check_shards(p, weights, &files, err);
    sotto_map_free(&files);
    return status;
}

static sotto_status fail_no_weights(const char *folder, sotto_error *err) {
    bool whole = false, sharded = false;
    SOTTO_TRY(look_for(&whole, folder, "pytorch_model.bin", err));
    SOTTO_TRY(look_for(&sharded, folder, "pytorch_model.bin.index.json", err));
    return sotto_fail(err, SOTTO_NOT_FOUND,
                      "%s: has neither model.safetensors nor model.safetensors.index.json%s", folder,
                      whole || sharded ? ", only PyTorch's .bin, whose loading can run code; download a "
                                         "version with safetensors or a GGUF"
                                       : "; download the whole folder");
}

static sotto_status load_weights(struct sotto_checkpoint_private *p, sotto_error *err) {
    const char *folder = p->checkpoint.path;
    bool        single = false;
    json_t     *index;
    SOTTO_TRY(look_for(&single, folder, "model.safetensors", err));
    if (single) {
        SOTTO_TRY(allocate_files(p, 1, err));
        return load_in_folder(p, "model.safetensors", err);
    }
    SOTTO_TRY(sotto_json_load(&index, folder, "model.safetensors.index.json", false, err));
    if (!index) return fail_no_weights(folder, err);
    sotto_status status = load_sharded(p, index, err);
    json_decref(index);
    return status;
}

/* A folder without config.json: say what it is. */
static sotto_status fail_no_config(const char *folder, sotto_error *err) {
    bool package = false;
    SOTTO_TRY(look_for(&package, folder, "Manifest.json", err));
    if (package)
        return sotto_fail(err, SOTTO_UNSUPPORTED,
                          "%s: is a Core ML package, which can only be run, under a name that ends in .mlpackage; to "
                          "make something else, give the folder or GGUF file that it was made from",
                          folder);
    return sotto_fail(err, SOTTO_NOT_FOUND,
                      "%s: has no config.json; give a Hugging Face model folder or the path of a .gguf file",
                      folder);
}

static sotto_status open_folder(struct sotto_checkpoint_private *p, sotto_error *err) {
    sotto_checkpoint *c = &p->checkpoint;
    c->kind = SOTTO_CHECKPOINT_HF;
    SOTTO_TRY(sotto_json_load(&c->config, c->path, "config.json", false, err));
    if (!c->config) return fail_no_config(c->path, err);
    SOTTO_TRY(sotto_json_load(&c->generation_config, c->path, "generation_config.json", false, err));
    SOTTO_TRY(sotto_json_load(&c->tokenizer_config, c->path, "tokenizer_config.json", false, err));
    if (!json_is_object(c->config))
        return sotto_fail(err, SOTTO_FORMAT, "%s: config.json is not a JSON object", c->path);
    if (p->options.metadata_only) return SOTTO_OK;
    SOTTO_TRY(check_quantization(c, err));
    return load_weights(p, err);
}

/* ---- GGUF files ---------------------------------------------------------------------------------------- */

/* The end of the names of split files, and what it says: part `no` (from 1) of `count`. */
enum { SPLIT_SUFFIX_BYTES = sizeof "-00001-of-00003.gguf" - 1 };

static bool digits(const char *s, int *out) {
    *out = 0;
    for (int i = 0; i < 5; i++) {
        if (s[i] < '0' || s[i] > '9') return false;
        *out = *out * 10 + (s[i] - '0');
    }
    return true;
}

static bool parse_split_name(const char *path, int *no, int *count) {
    size_t n = strlen(path);
    if (n < SPLIT_SUFFIX_BYTES) return false;
    const char *s = path + n - SPLIT_SUFFIX_BYTES;
    return s[0] == '-' && digits(s + 1, no) && memcmp(s + 6, "-of-", 4) == 0 && digits(s + 10, count) &&
           strcmp(s + 15, ".gguf") == 0 && *no >= 1 && *no <= *count;
}

/* A whole number among the keys of file i, or -1. */
static int64_t split_number(const struct sotto_checkpoint_private *p, size_t i, const char *key) {
    int64_t value = -1;
    (void)sotto_gguf_get_i64(sotto_gguf_find(p->gguf[i], key), &value);
    return value;
}

/* Load part `no`, putting its number into the path of any part. */
static sotto_status load_part(struct sotto_checkpoint_private *p, char *path, int no, int count,
                              sotto_error *err) {
    char number[16];
    (void)snprintf(number, sizeof number, "%05d", no);
    memcpy(path + strlen(path) - SPLIT_SUFFIX_BYTES + 1, number, 5);
    if (sotto_path_kind_of(path) == SOTTO_PATH_NONE)
        return sotto_fail(
            err, SOTTO_NOT_FOUND,
            "%s: part %d of the %d parts of this model is not there; download it into the same folder", path,
            no, count);
    size_t i = p->checkpoint.n_files;
    SOTTO_TRY(load_file(p, path, err));
    int64_t is_no = split_number(p, i, "split.no"), is_count = split_number(p, i, "split.count");
    if (is_no != no - 1 || is_count != count)
        return sotto_fail(err, SOTTO_FORMAT,
                          "%s: is named as part %d of %d, but its keys say split.no %lld and split.count "
                          "%lld; give the parts the names that they were published under",
                          path, no, count, (long long)is_no, (long long)is_count);
    return SOTTO_OK;
}

/* All parts in order, whichever of them was given. */
static sotto_status load_parts(struct sotto_checkpoint_private *p, int count, sotto_error *err) {
    size_t n = strlen(p->checkpoint.path);
    char  *path = sotto_arena_text(&p->tensors.arena, p->checkpoint.path, n);
    if (!path) return sotto_fail_memory(err, "a path");
    SOTTO_TRY(allocate_files(p, (size_t)count, err));
    for (int no = 1; no <= count; no++) SOTTO_TRY(load_part(p, path, no, count, err));
    int64_t n_tensors = split_number(p, 0, "split.tensors.count");
    if (n_tensors >= 0 && (uint64_t)n_tensors != p->tensors.count)
        return sotto_fail(err, SOTTO_FORMAT,
                          "%s: the %d parts have %zu tensors together, but split.tensors.count is %lld; they "
                          "are not of one model: download them again",
                          p->checkpoint.path, count, p->tensors.count, (long long)n_tensors);
    return SOTTO_OK;
}

static sotto_status load_single(struct sotto_checkpoint_private *p, sotto_error *err) {
    SOTTO_TRY(allocate_files(p, 1, err));
    SOTTO_TRY(load_file(p, p->checkpoint.path, err));
    int64_t count = split_number(p, 0, "split.count"), no = split_number(p, 0, "split.no");
    if (count > 1)
        return sotto_fail(err, SOTTO_FORMAT,
                          "%s: is part %lld of a model in %lld files, but its name does not end in "
                          "-%05lld-of-%05lld.gguf; give the parts the names that they were published under",
                          p->checkpoint.path, (long long)no + 1, (long long)count, (long long)no + 1,
                          (long long)count);
    return SOTTO_OK;
}

static sotto_status open_gguf(struct sotto_checkpoint_private *p, sotto_error *err) {
    int no, count;
    p->checkpoint.kind = SOTTO_CHECKPOINT_GGUF;
    if (parse_split_name(p->checkpoint.path, &no, &count) && count > 1)
        SOTTO_TRY(load_parts(p, count, err));
    else
        SOTTO_TRY(load_single(p, err));
    p->checkpoint.gguf = p->gguf[0];
    return SOTTO_OK;
}

/* ---- any path ------------------------------------------------------------------------------------------ */

static sotto_status open_file(struct sotto_checkpoint_private *p, sotto_error *err) {
    const char *path = p->checkpoint.path;
    sotto_file  f;
    SOTTO_TRY(sotto_file_open(&f, path, true, err));
    bool         gguf = begins(&f, "GGUF");
    sotto_status status = check_lookalike(&f, path, err);
    sotto_file_close(&f);
    if (status != SOTTO_OK) return status;
    if (gguf) return open_gguf(p, err);
    sotto_str name = sotto_str_from(path);
    if (sotto_str_ends(name, ".safetensors") || sotto_str_ends(name, ".json"))
        return sotto_fail(err, SOTTO_INVALID,
                          "%s: is one file of a Hugging Face model; give the folder that it is in", path);
    return sotto_fail(err, SOTTO_UNSUPPORTED,
                      "%s: does not begin with \"GGUF\"; give a .gguf file or a Hugging Face folder with "
                      "config.json and safetensors files",
                      path);
}

static sotto_status open_path(struct sotto_checkpoint_private *p, sotto_error *err) {
    switch (sotto_path_kind_of(p->checkpoint.path)) {
    case SOTTO_PATH_FOLDER: return open_folder(p, err);
    case SOTTO_PATH_FILE: return open_file(p, err);
    case SOTTO_PATH_NONE:
        return sotto_fail(err, SOTTO_NOT_FOUND,
                          "%s: is not there; give the path of a .gguf file or of a Hugging Face folder",
                          p->checkpoint.path);
    case SOTTO_PATH_OTHER: break;
    }
    return sotto_fail(err, SOTTO_INVALID, "%s: is neither a file nor a folder", p->checkpoint.path);
}

sotto_status sotto_checkpoint_open(sotto_checkpoint **out, const char *path,
                                   const sotto_checkpoint_options *opt, sotto_error *err) {
    *out = NULL;
    struct sotto_checkpoint_private *p = calloc(1, sizeof *p);
    if (!p) return sotto_fail_memory(err, "a checkpoint");
    sotto_checkpoint *c = &p->checkpoint;
    c->priv = p;
    if (opt) p->options = *opt;
    c->path = sotto_arena_text(&p->tensors.arena, path, strlen(path));
    sotto_status status = c->path ? open_path(p, err) : sotto_fail_memory(err, "a path");
    if (status != SOTTO_OK) {
        sotto_checkpoint_close(c);
        return status;
    }
    c->tensors = p->tensors.items;
    c->n_tensors = p->tensors.count;
    *out = c;
    return SOTTO_OK;
}

void sotto_checkpoint_close(sotto_checkpoint *c) {
    if (!c) return;
    struct sotto_checkpoint_private *p = c->priv;
    for (size_t i = 0; i < c->n_files; i++) {
        sotto_gguf_free(p->gguf[i]);
        sotto_file_close(&c->files[i]);
    }
    free(p->gguf);
    free(c->files);
    json_decref(c->config);
    json_decref(c->generation_config);
    json_decref(c->tokenizer_config);
    sotto_tensor_list_free(&p->tensors);
    free(p);
}

const sotto_tensor *sotto_checkpoint_find(const sotto_checkpoint *c, const char *name) {
    int32_t i = sotto_map_get(&c->priv->tensors.names, sotto_str_from(name));
    return i < 0 ? NULL : &c->tensors[i];
}
