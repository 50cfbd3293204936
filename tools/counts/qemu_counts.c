/* A plugin of qemu's user emulation that counts executed instructions by their machine word: at the end of the program
 * it writes a line "word count" for each into the file that its argument names. counts.py builds and loads it.
 *
 * qemu brings no header to its plugins on every system, so what is used of its interface is declared here: version 1,
 * of qemu 4.2 to 8.2, described in qemu's docs/devel/tcg-plugins.rst. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { ADD_U64 };
size_t                   qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t i);
const void              *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_op op, void *to,
                                                uint64_t value);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*fn)(uint64_t id, struct qemu_plugin_tb *block));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*fn)(uint64_t id, void *arg), void *arg);

PUBLIC extern const int qemu_plugin_version;
PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

const int qemu_plugin_version = 1;

enum { SLOTS = 1 << 18 }; /* a power of two, several times the different words of a program */
static struct slot {
    uint64_t count;
    uint32_t word; /* 0, which is no instruction: the slot is free */
} slots[SLOTS];

static struct slot *slot_of(uint32_t word) {
    uint32_t at = word * 2654435761u >> 14;
    for (int tried = 0; slots[at].word && slots[at].word != word; at = (at + 1) % SLOTS) {
        if (++tried < SLOTS) continue;
        fprintf(stderr, "qemu_counts: more than %d different instructions\n", SLOTS);
        exit(1);
    }
    slots[at].word = word;
    return &slots[at];
}

static void translated(uint64_t id, struct qemu_plugin_tb *block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        uint32_t                 word;
        memcpy(&word, qemu_plugin_insn_data(insn), sizeof word);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &slot_of(word)->count, 1);
    }
}

static void ended(uint64_t id, void *path) {
    (void)id;
    FILE *f = fopen(path, "w");
    for (size_t i = 0; f && i < SLOTS; i++)
        if (slots[i].count) fprintf(f, "%08" PRIx32 " %" PRIu64 "\n", slots[i].word, slots[i].count);
    if (!f || fclose(f) != 0) fprintf(stderr, "qemu_counts: cannot write %s\n", (char *)path);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    (void)info;
    const char *path = argc == 1 && strncmp(argv[0], "out=", 4) == 0 ? argv[0] + 4 : NULL;
    if (!path) return fprintf(stderr, "qemu_counts: usage: -plugin qemu_counts.so,out=FILE\n"), 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, strdup(path));
    return 0;
}
