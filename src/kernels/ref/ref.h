/* The parts of ref that lie in another file. */
#ifndef SOTTO_KERNELS_REF_H
#define SOTTO_KERNELS_REF_H

#include "kernels/kernels.h"

void sotto_ref_attend(const sotto_attend *a);

#endif
