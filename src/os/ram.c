/* How much memory the machine has, how much is free, and how much this process has used. */
#include "os/system.h"

#include <sys/resource.h>

#if defined(__APPLE__)
#include <mach/mach.h>
#endif

uint64_t sotto_memory_total_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

#if defined(__APPLE__)

uint64_t sotto_memory_available_bytes(void) {
    vm_statistics64_data_t stats;
    mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
    kern_return_t rc = host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&stats, &n);
    if (rc != KERN_SUCCESS) return 0;
    uint64_t pages = (uint64_t)stats.free_count + stats.inactive_count + stats.purgeable_count;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t sotto_memory_peak_rss_bytes(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss : 0;
}

#else

/* The number after `key` in a file of "Key:   123 kB" lines, in bytes; 0: not there. */
static uint64_t proc_bytes(const char *path, const char *key) {
    FILE    *f = fopen(path, "re");
    char     line[256];
    uint64_t bytes = 0;
    while (f && !bytes && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) bytes = strtoull(line + strlen(key), NULL, 10) * 1024;
    if (f) (void)fclose(f);
    return bytes;
}

uint64_t sotto_memory_available_bytes(void) { return proc_bytes("/proc/meminfo", "MemAvailable:"); }

/* VmHWM is this program's own peak; ru_maxrss, the fallback, is inherited from whoever started us. */
uint64_t sotto_memory_peak_rss_bytes(void) {
    struct rusage usage;
    uint64_t      bytes = proc_bytes("/proc/self/status", "VmHWM:");
    if (bytes) return bytes;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

#endif
