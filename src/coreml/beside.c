/* What a client needs besides the package: the files that the tokenizer is made of, in a folder of their own. */
#include "coreml/export.h"

#include <stdlib.h>

static const char package_suffix[] = ".mlpackage", tokenizer_suffix[] = ".tokenizer", gguf_name[] = "tokenizer.gguf";

/* A Hugging Face folder's, as far as it has them. */
static const char *const files[] = {
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", "config.json", "generation_config.json",
};

static sotto_status copy_file(sotto_folder_writer *to, const char *folder, const char *name, sotto_error *err) {
    sotto_file    f = {0};
    sotto_writer *w = NULL;
    char         *from = sotto_path_join(folder, name), *path = NULL;
    sotto_status  status = from ? SOTTO_OK : sotto_fail_memory(err, "a path");
    if (status == SOTTO_OK && sotto_path_kind_of(from) == SOTTO_PATH_FILE) {
        status = sotto_file_open(&f, from, true, err);
        if (status == SOTTO_OK && !(path = sotto_folder_writer_file(to, name, err))) status = SOTTO_IO;
        if (status == SOTTO_OK) status = sotto_writer_open(&w, path, err);
        if (status == SOTTO_OK) status = sotto_writer_write(w, f.data, f.size, err);
        if (status == SOTTO_OK)
            status = sotto_writer_commit(w, err);
        else
            sotto_writer_close(w);
    }
    sotto_file_close(&f);
    free(from);
    free(path);
    return status;
}

/* How the source is laid out: the copy is one file, aligned as it is written. */
static bool is_of_the_file(sotto_str key) {
    return sotto_str_starts(key, "split.") || sotto_str_is(key, "general.alignment");
}

/* All that a GGUF file says, without its tensors. */
static sotto_status copy_metadata(sotto_folder_writer *to, const sotto_gguf *g, sotto_error *err) {
    sotto_gguf_writer *w = NULL;
    char              *path = sotto_folder_writer_file(to, gguf_name, err);
    if (!path) return SOTTO_IO;
    sotto_status status = sotto_gguf_writer_open(&w, path, err);
    for (size_t i = 0; status == SOTTO_OK && i < sotto_gguf_key_count(g); i++)
        if (!is_of_the_file(sotto_gguf_key(g, i)))
            status = sotto_gguf_put_value(w, sotto_gguf_key(g, i), sotto_gguf_at(g, i), err);
    if (status == SOTTO_OK) status = sotto_gguf_begin_data(w, err);
    if (status == SOTTO_OK)
        status = sotto_gguf_commit(w, err);
    else
        sotto_gguf_writer_close(w);
    free(path);
    return status;
}

sotto_status sotto_export_beside(const sotto_checkpoint *c, const char *path, sotto_error *err) {
    sotto_folder_writer *w;
    SOTTO_TRY(sotto_folder_writer_open(&w, path, err));
    sotto_status status = SOTTO_OK;
    if (c->kind == SOTTO_CHECKPOINT_GGUF)
        status = copy_metadata(w, c->gguf, err);
    else
        for (size_t i = 0; status == SOTTO_OK && i < SOTTO_COUNT(files); i++)
            status = copy_file(w, c->path, files[i], err);
    if (status == SOTTO_OK) return sotto_folder_writer_commit(w, err);
    sotto_folder_writer_close(w);
    return status;
}

sotto_status sotto_package_beside(const char *path, char **out, sotto_error *err) {
    size_t    n = strlen(path), n_suffix = strlen(package_suffix);
    sotto_buf text = {0};
    while (n > 1 && path[n - 1] == '/') n--;
    if (n <= n_suffix || memcmp(path + n - n_suffix, package_suffix, n_suffix) != 0)
        return sotto_fail(err, SOTTO_INVALID, "%s: the name of a package ends in %s", path, package_suffix);
    sotto_buf_append(&text, path, n - n_suffix);
    if (!sotto_buf_puts(&text, tokenizer_suffix)) {
        sotto_buf_free(&text);
        return sotto_fail_memory(err, "a path");
    }
    *out = text.data;
    return SOTTO_OK;
}

/* What a GGUF file said, or else a Hugging Face folder. */
static sotto_status open_tokenizer(sotto_checkpoint **out, const char *folder, sotto_error *err) {
    char        *gguf = sotto_path_join(folder, gguf_name);
    sotto_status status = gguf ? SOTTO_OK : sotto_fail_memory(err, "a path");
    if (status == SOTTO_OK) {
        bool has_gguf = sotto_path_kind_of(gguf) == SOTTO_PATH_FILE;
        status = sotto_checkpoint_open(out, has_gguf ? gguf : folder,
                                       &(sotto_checkpoint_options){.metadata_only = true}, err);
    }
    free(gguf);
    return status;
}

sotto_status sotto_package_tokenizer(sotto_checkpoint **out, const char *path, sotto_error *err) {
    char *folder;
    SOTTO_TRY(sotto_package_beside(path, &folder, err));
    sotto_status status = SOTTO_OK;
    if (sotto_path_kind_of(folder) != SOTTO_PATH_FOLDER)
        status = sotto_fail(err, SOTTO_NOT_FOUND, "%s: has no tokenizer beside it: put the model's tokenizer.json, "
                            "tokenizer_config.json and config.json into %s", path, folder);
    else
        status = open_tokenizer(out, folder, err);
    free(folder);
    return status;
}
