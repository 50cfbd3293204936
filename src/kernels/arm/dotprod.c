/* dotprod: products of quantised weights with sdot, four products of bytes per 32-bit lane. All else is neon's. */
#include "kernels/arm/isa.h"
#include "kernels/kernels.h"

#if HAS_EXTENSIONS

#include "kernels/arm/lanes.h"

ISA_BEGIN("arch=armv8.2-a+dotprod")

#define WIDE_NIBBLES 1
#define TILES_OF_MMLA 0
#define TILE_ROWS 4
#define TILE_TOKENS 2

#include "kernels/arm/unpack.h"
#include "kernels/arm/dot.h"
#include "kernels/arm/product.h"

ISA_END

void sotto_kernels_init_dotprod(sotto_kernels *k) {
    set_quantised_products(k);
    k->name = "dotprod";
}

#else

void sotto_kernels_init_dotprod(sotto_kernels *k) { (void)k; }

#endif
