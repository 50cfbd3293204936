/* The arithmetic ceilings: at every level that this CPU has, the loops run and count what they do. */
#include "test.h"

#include "kernels/kernels.h"
#include "os/os.h"

TEST(every_level_counts_its_rounds) {
    static const char *const levels[] = {"ref", "avx2", "avx512vnni", "avx512bf16", "neon",
                                         "dotprod", "i8mm", "bf16"};
    for (size_t i = 0; i < SOTTO_COUNT(levels); i++) {
        uint32_t      flags;
        sotto_kernels k;
        CHECK(sotto_kernels_level(levels[i], &flags));
        if ((sotto_cpu_flags() & flags) != flags) continue;
        sotto_kernels_init(&k, flags);
        uint64_t int8 = k.peak_int8(1), real = k.peak_f32(1), bf16 = k.peak_bf16(1);
        CHECK(int8 >= 16 && int8 % 4 == 0);
        CHECK(real >= 16 && real % 4 == 0);
        CHECK(bf16 >= real && bf16 % real == 0);
        CHECK_INT(k.peak_int8(1000), int8 * 1000);
        CHECK_INT(k.peak_f32(1000), real * 1000);
        CHECK_INT(k.peak_bf16(1000), bf16 * 1000);
    }
}

TEST(every_way_of_reading_reads_every_byte_once) {
    static uint64_t words[4 * SOTTO_PEAK_READ_STEP / sizeof(uint64_t)];
    uint64_t        sum = 0;
    for (size_t i = 0; i < SOTTO_COUNT(words); i++) sum += words[i] = i * i + 7;
    for (int way = 0; way < SOTTO_PEAK_READ_WAYS; way++) CHECK(sotto_peak_read(words, sizeof words, way) == sum);
    CHECK(sotto_peak_read(words, 0, 0) == 0);
}

/* By several times on any machine, so that a busy one does not matter. */
TEST(the_best_level_is_faster_than_ref) {
    sotto_kernels ref, best;
    uint64_t      start, n = 0;
    double        speed[2];
    sotto_kernels_init(&ref, 0);
    sotto_kernels_init(&best, sotto_cpu_flags());
    if (strcmp(best.name, "ref") == 0) return;
    for (int i = 0; i < 2; i++) {
        start = sotto_time_ns();
        for (n = 0; sotto_time_ns() - start < 20000000;) n += (i ? best : ref).peak_int8(20000);
        speed[i] = (double)n / (double)(sotto_time_ns() - start);
    }
    CHECK(speed[1] > speed[0]);
}

TEST_MAIN()
