/* The entries that the shared bodies make, put into a table; included last. */

static void set_entries(sotto_kernels *k) {
    k->matmul[SOTTO_F32] = matmul_f32;
    k->matmul[SOTTO_F16] = matmul_f16;
    k->matmul[SOTTO_BF16] = matmul_bf16;
    k->matmul[SOTTO_Q4_0] = matmul_q4_0;
    k->matmul[SOTTO_Q4_1] = matmul_q4_1;
    k->matmul[SOTTO_Q5_0] = matmul_q5_0;
    k->matmul[SOTTO_Q5_1] = matmul_q5_1;
    k->matmul[SOTTO_Q8_0] = matmul_q8_0;
    k->matmul[SOTTO_Q4_K] = matmul_q4_k;
    k->matmul[SOTTO_Q5_K] = matmul_q5_k;
    k->matmul[SOTTO_Q6_K] = matmul_q6_k;
    k->matmul[SOTTO_IQ4_NL] = matmul_iq4_nl;
    k->quantize_q8 = quantize_q8;
    k->rmsnorm = rmsnorm;
    k->activate = activate;
    k->add = add;
    k->scale = scale;
    k->softcap = softcap;
    k->rope = rope;
    k->attend = attend;
    k->to_f32 = to_f32;
    k->from_f32 = from_f32;
}
