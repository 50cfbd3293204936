/* What the two files of the devices share. */
#ifndef SOTTO_DEVICE_H
#define SOTTO_DEVICE_H

#include <portaudio.h>
#include <stdatomic.h>

#include "audio/audio.h"

/* PortAudio, counted: each begin that succeeds wants its end. The devices are looked for at the first. */
sotto_status sotto_portaudio_begin(sotto_error *err);
void         sotto_portaudio_end(void);
/* Devices that are being closed: PortAudio is theirs. More than none for long where the sound system hangs. */
extern atomic_int sotto_portaudio_closing;
/* The device that a name stands for (see sotto_device_options), between begin and end. */
sotto_status sotto_portaudio_find(PaDeviceIndex *out, const char *name, bool input, sotto_error *err);
sotto_status sotto_portaudio_fail(sotto_error *err, PaError code, const char *what);

#endif
