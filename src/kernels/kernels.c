/* Which level serves which CPU: the table is filled upwards, each level overwriting what it does better. */
#include "kernels/kernels.h"

#include "os/os.h"

typedef struct level {
    const char *name;
    uint32_t    needs; /* all of these flags */
    void (*init)(sotto_kernels *k); /* NULL: its instructions serve the peaks only */
    void (*init_peak)(sotto_kernels *k);
} level;

/* From the least to the best. A level's file compiles to an empty function for other CPUs, whose flags are
 * never set here. */
static const level levels[] = {
    {"ref", 0, sotto_kernels_init_ref, sotto_kernels_init_peak_ref},
    {"avx2", SOTTO_CPU_AVX2, sotto_kernels_init_avx2, sotto_kernels_init_peak_avx2},
    {"avx512vnni", SOTTO_CPU_AVX2 | SOTTO_CPU_AVX512 | SOTTO_CPU_AVX512_VNNI, sotto_kernels_init_avx512vnni,
     sotto_kernels_init_peak_avx512vnni},
    {"avx512bf16", SOTTO_CPU_AVX2 | SOTTO_CPU_AVX512 | SOTTO_CPU_AVX512_VNNI | SOTTO_CPU_AVX512_BF16, NULL,
     sotto_kernels_init_peak_avx512bf16},
    {"neon", SOTTO_CPU_NEON, sotto_kernels_init_neon, sotto_kernels_init_peak_neon},
    {"dotprod", SOTTO_CPU_NEON | SOTTO_CPU_DOTPROD, sotto_kernels_init_dotprod, sotto_kernels_init_peak_dotprod},
    {"i8mm", SOTTO_CPU_NEON | SOTTO_CPU_DOTPROD | SOTTO_CPU_I8MM, sotto_kernels_init_i8mm,
     sotto_kernels_init_peak_i8mm},
    {"bf16", SOTTO_CPU_NEON | SOTTO_CPU_DOTPROD | SOTTO_CPU_I8MM | SOTTO_CPU_BF16, NULL, sotto_kernels_init_peak_bf16},
};

void sotto_kernels_init(sotto_kernels *k, uint32_t cpu_flags) {
    for (size_t i = 0; i < SOTTO_COUNT(levels); i++) {
        if ((cpu_flags & levels[i].needs) != levels[i].needs) continue;
        if (levels[i].init) levels[i].init(k);
        levels[i].init_peak(k);
    }
}

bool sotto_kernels_level(const char *name, uint32_t *flags) {
    for (size_t i = 0; i < SOTTO_COUNT(levels); i++) {
        if (strcmp(levels[i].name, name) == 0) {
            *flags = levels[i].needs;
            return true;
        }
    }
    return false;
}
