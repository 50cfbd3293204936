/* What the linker's --wrap makes of the calls that allocate: theirs are ours, and the C library's are __real_. */
#ifndef SOTTO_TEST_ALLOCATIONS_H
#define SOTTO_TEST_ALLOCATIONS_H

#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

#endif
