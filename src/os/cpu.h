/* Private to os/: what each processor family's file answers. */
#ifndef SOTTO_OS_CPU_H
#define SOTTO_OS_CPU_H

#include <stddef.h>
#include <stdint.h>

uint32_t sotto_cpu_detect(void);                      /* flags that the processor has and the system saves */
void     sotto_cpu_detect_name(char *out, size_t n);  /* n > 0; always NUL-terminated */

#endif
