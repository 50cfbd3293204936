/* arm64: the kernel answers which instruction sets there are (reading the ID registers needs privilege).
 * Sources: Linux, Documentation/arch/arm64/elf_hwcaps.rst; Apple, "Determining Instruction Set
 * Characteristics". */
#include "os/system.h"

#include "os/cpu.h"

#if defined(__aarch64__) && defined(__APPLE__)

#include <sys/sysctl.h>

static const struct {
    const char *name;
    uint32_t    flag;
} features[] = {
    {"hw.optional.arm.FEAT_DotProd", SOTTO_CPU_DOTPROD},
    {"hw.optional.arm.FEAT_I8MM", SOTTO_CPU_I8MM},
    {"hw.optional.arm.FEAT_FP16", SOTTO_CPU_FP16},
    {"hw.optional.arm.FEAT_BF16", SOTTO_CPU_BF16},
};

uint32_t sotto_cpu_detect(void) {
    uint32_t flags = SOTTO_CPU_NEON;
    for (size_t i = 0; i < SOTTO_COUNT(features); i++) {
        int    on = 0;
        size_t n = sizeof on;
        if (sysctlbyname(features[i].name, &on, &n, NULL, 0) == 0 && on) flags |= features[i].flag;
    }
    return flags;
}

void sotto_cpu_detect_name(char *out, size_t n) {
    size_t len = n;
    if (sysctlbyname("machdep.cpu.brand_string", out, &len, NULL, 0) != 0) (void)snprintf(out, n, "arm64");
    out[n - 1] = '\0';
}

#elif defined(__aarch64__)

#include <sys/auxv.h>

/* Bits of the auxiliary vector, by number: older C library headers lack some of the names. */
static const struct {
    unsigned long entry, bit;
    uint32_t      flag;
} features[] = {
    {AT_HWCAP, 1, SOTTO_CPU_NEON},      /* ASIMD */
    {AT_HWCAP, 10, SOTTO_CPU_FP16},     /* ASIMDHP */
    {AT_HWCAP, 20, SOTTO_CPU_DOTPROD},  /* ASIMDDP */
    {AT_HWCAP2, 13, SOTTO_CPU_I8MM},
    {AT_HWCAP2, 14, SOTTO_CPU_BF16},
};

uint32_t sotto_cpu_detect(void) {
    uint32_t flags = 0;
    for (size_t i = 0; i < SOTTO_COUNT(features); i++)
        if (getauxval(features[i].entry) >> features[i].bit & 1) flags |= features[i].flag;
    return flags;
}

/* Linux gives no marketing name for an arm64 core; boards name themselves in the device tree. */
void sotto_cpu_detect_name(char *out, size_t n) {
    FILE  *f = fopen("/proc/device-tree/model", "re");
    size_t len = f ? fread(out, 1, n - 1, f) : 0;
    if (f) (void)fclose(f);
    out[len] = '\0';
    if (out[0] == '\0') (void)snprintf(out, n, "arm64");
}

#endif
