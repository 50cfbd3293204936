/* Whether this compiler can switch an extension on for a part of a file, its intrinsics included: gcc can, clang
 * from LLVM 16 on (Apple's 15). With an older one the files of extensions are empty and NEON serves. */
#ifndef SOTTO_KERNELS_ARM_ISA_H
#define SOTTO_KERNELS_ARM_ISA_H

#if !defined(__aarch64__)
#define HAS_EXTENSIONS 0
#elif defined(__apple_build_version__)
#define HAS_EXTENSIONS (__clang_major__ >= 15)
#elif defined(__clang__)
#define HAS_EXTENSIONS (__clang_major__ >= 16)
#else
#define HAS_EXTENSIONS 1
#endif

#endif
