/* The entries that the shared bodies make, put into a table; included last. */

static void set_entries(sotto_kernels *k) {
    set_quantised_products(k);
    k->matmul[SOTTO_F32] = matmul_f32;
    k->matmul[SOTTO_F16] = matmul_f16;
    k->matmul[SOTTO_BF16] = matmul_bf16;
    k->quantize_q8 = quantize_q8;
    k->round_block = round_block;
    k->try_scales = try_scales;
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
