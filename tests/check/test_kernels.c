/* check: every kernel at every level that this CPU has, on odd sizes and nasty data, against sums in double
 * precision and against ref; and the same kernels timed.
 *
 *   test_kernels [--seed N] [NAME]            run the checks (whose name contains NAME)
 *   test_kernels --bench [LEVEL [ENTRY]]      time them instead
 *   test_kernels --product LEVEL TYPE TOKENS ROUNDS    run one product, to count its instructions */
#include "check/check.h"

#include "check/bench.h"
#include "check/check_attend.h"
#include "check/check_matmul.h"
#include "check/check_vector.h"
#include "check/counted.h"

int main(int argc, char **argv) {
    check_find_levels();
    if (argc > 1 && strcmp(argv[1], "--bench") == 0)
        return bench_run(argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
    if (argc == 6 && strcmp(argv[1], "--product") == 0)
        return counted_main(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
    if (argc > 2 && strcmp(argv[1], "--seed") == 0) {
        check_seed = strtoull(argv[2], NULL, 0);
        argc -= 2, argv += 2;
    } else {
        check_seed = sotto_random_seed();
    }
    printf("--seed %llu\n", (unsigned long long)check_seed);
    return test_main(argc, argv);
}
