/* i8mm: products of quantised weights with smmla for two tokens and more, with sdot for one. All else is neon's. */
#include "kernels/arm/isa.h"
#include "kernels/kernels.h"

#if HAS_EXTENSIONS

#include "kernels/arm/lanes.h"

ISA_BEGIN("arch=armv8.2-a+dotprod+i8mm")

#define WIDE_NIBBLES 1
#define TILES_OF_MMLA 1
#define TILE_ROWS 2
#define TILE_TOKENS 1

#include "kernels/arm/unpack.h"
#include "kernels/arm/dot.h"
#include "kernels/arm/product.h"

ISA_END

void sotto_kernels_init_i8mm(sotto_kernels *k) {
    set_quantised_products(k);
    k->name = "i8mm";
}

#else

void sotto_kernels_init_i8mm(sotto_kernels *k) { (void)k; }

#endif
