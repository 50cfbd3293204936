/* The processor: names of its features, and how many cores this process may use. What differs between
 * processor families is in cpu_x86.c and cpu_arm.c. */
#include "os/system.h"

#include <pthread.h>

#include "os/cpu.h"

#if defined(__APPLE__)
#include <sys/sysctl.h>
#else
#include <sched.h>
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
uint32_t sotto_cpu_detect(void) { return 0; }
void     sotto_cpu_detect_name(char *out, size_t n) { (void)snprintf(out, n, "unknown processor"); }
#endif

static pthread_once_t detect_once = PTHREAD_ONCE_INIT;
static uint32_t       detected_flags;
static char           detected_name[64];

static void detect(void) {
    detected_flags = sotto_cpu_detect();
    sotto_cpu_detect_name(detected_name, sizeof detected_name);
}

uint32_t sotto_cpu_flags(void) {
    (void)pthread_once(&detect_once, detect);
    return detected_flags;
}

const char *sotto_cpu_name(void) {
    (void)pthread_once(&detect_once, detect);
    return detected_name;
}

static const struct {
    uint32_t    flag;
    const char *name;
} flag_names[] = {
    {SOTTO_CPU_AVX2, "avx2"},
    {SOTTO_CPU_AVX_VNNI, "avx_vnni"},
    {SOTTO_CPU_AVX512, "avx512"},
    {SOTTO_CPU_AVX512_VNNI, "avx512_vnni"},
    {SOTTO_CPU_AVX512_VBMI, "avx512_vbmi"},
    {SOTTO_CPU_AVX512_BF16, "avx512_bf16"},
    {SOTTO_CPU_NEON, "neon"},
    {SOTTO_CPU_FP16, "fp16"},
    {SOTTO_CPU_DOTPROD, "dotprod"},
    {SOTTO_CPU_I8MM, "i8mm"},
    {SOTTO_CPU_BF16, "bf16"},
};

void sotto_cpu_flags_text(uint32_t flags, char *out, size_t n) {
    size_t used = 0;
    if (n == 0) return;
    out[0] = '\0';
    for (size_t i = 0; i < SOTTO_COUNT(flag_names) && used < n; i++)
        if (flags & flag_names[i].flag)
            used += (size_t)snprintf(out + used, n - used, "%s%s", used ? " " : "", flag_names[i].name);
}

#if defined(__APPLE__)

int sotto_cpu_physical_cores(void) {
    int    n_cores = 0;
    size_t n = sizeof n_cores;
    if (sysctlbyname("hw.physicalcpu", &n_cores, &n, NULL, 0) != 0) return 1;
    return SOTTO_MAX(n_cores, 1);
}

#elif defined(__linux__)

/* The first CPU of this process that shares a core with `cpu`; `cpu` itself when the system does not say.
 * The file is a list such as "0,4" or "0-1". */
static int first_sibling(int cpu, const cpu_set_t *allowed, size_t set_bytes) {
    char path[96], list[256] = "";
    (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "re");
    if (!f) return cpu;
    size_t len = fread(list, 1, sizeof list - 1, f);
    (void)fclose(f);
    list[len] = '\0';
    for (char *p = list; *p >= '0' && *p <= '9';) {
        long first = strtol(p, &p, 10), last = *p == '-' ? strtol(p + 1, &p, 10) : first;
        for (long i = first; i <= last && i < cpu; i++)
            if (CPU_ISSET_S((size_t)i, set_bytes, allowed)) return (int)i;
        if (*p == ',') p++;
    }
    return cpu;
}

/* A core counts once, with the first of its CPUs that this process may use. The mask grows until the
 * kernel's fits into it. */
int sotto_cpu_physical_cores(void) {
    int n_cores = 0;
    for (int n_cpus = 1024; n_cpus <= 1 << 16 && n_cores == 0; n_cpus *= 4) {
        cpu_set_t *allowed = CPU_ALLOC((size_t)n_cpus);
        size_t     bytes = CPU_ALLOC_SIZE((size_t)n_cpus);
        if (!allowed) break;
        if (sched_getaffinity(0, bytes, allowed) == 0)
            for (int cpu = 0; cpu < n_cpus; cpu++)
                if (CPU_ISSET_S((size_t)cpu, bytes, allowed) && first_sibling(cpu, allowed, bytes) == cpu)
                    n_cores++;
        CPU_FREE(allowed);
    }
    return SOTTO_MAX(n_cores, 1);
}

#else

int sotto_cpu_physical_cores(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n <= INT_MAX ? (int)n : 1;
}

#endif
