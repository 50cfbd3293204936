/* The products with quantised weights as entries of a table: `multiply` of the level, once for each dtype as a
 * constant. Included after multiply is defined. */

static void matmul_q4_0(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_Q4_0, m, begin, end); }
static void matmul_q4_1(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_Q4_1, m, begin, end); }
static void matmul_q5_0(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_Q5_0, m, begin, end); }
static void matmul_q5_1(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_Q5_1, m, begin, end); }
static void matmul_q8_0(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_Q8_0, m, begin, end); }
static void matmul_q4_k(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_Q4_K, m, begin, end); }
static void matmul_q5_k(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_Q5_K, m, begin, end); }
static void matmul_q6_k(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_Q6_K, m, begin, end); }
static void matmul_iq4_nl(const sotto_matmul *m, int32_t begin, int32_t end) { multiply(SOTTO_IQ4_NL, m, begin, end); }

static inline void set_quantised_products(sotto_kernels *k) {
    k->matmul[SOTTO_Q4_0] = matmul_q4_0;
    k->matmul[SOTTO_Q4_1] = matmul_q4_1;
    k->matmul[SOTTO_Q5_0] = matmul_q5_0;
    k->matmul[SOTTO_Q5_1] = matmul_q5_1;
    k->matmul[SOTTO_Q8_0] = matmul_q8_0;
    k->matmul[SOTTO_Q4_K] = matmul_q4_k;
    k->matmul[SOTTO_Q5_K] = matmul_q5_k;
    k->matmul[SOTTO_Q6_K] = matmul_q6_k;
    k->matmul[SOTTO_IQ4_NL] = matmul_iq4_nl;
}
