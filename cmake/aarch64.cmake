# Cross-build for arm64 Linux on another Debian machine; tests run under qemu.
# Packages: gcc-aarch64-linux-gnu qemu-user, and for arm64 the libraries that "./dev" names.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
# The loader and C library of libc6:arm64 lie at their usual places, so qemu needs no -L. -cpu max: every
# instruction set that qemu knows, dotprod and i8mm among them.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-cpu;max)
