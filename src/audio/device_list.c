/* Which devices there are. Beginning with PortAudio, and keeping the libraries below it quiet. */
#include "audio/device.h"

#include <ctype.h>
#include <stdlib.h>
#if SOTTO_ALSA
#include <alsa/error.h>
#endif
#if SOTTO_JACK
#include <jack/jack.h>
#endif

static const char no_devices[] =
    "this machine has no sound device that can be used: connect one, or, where PulseAudio or PipeWire runs, install "
    "their ALSA plug-in (Debian: libasound2-plugins, pipewire-alsa)";

/* Both libraries write to stderr about every device that they look for in vain; whatever of it matters comes back as a
 * code as well. */
#if SOTTO_ALSA
static void ignore_alsa(const char *file, int line, const char *function, int code, const char *fmt, ...) {
    (void)file, (void)line, (void)function, (void)code, (void)fmt;
}
#endif
#if SOTTO_JACK
static void ignore_jack(const char *message) { (void)message; }
#endif

static void be_quiet(void) {
#if SOTTO_ALSA
    (void)snd_lib_error_set_handler(ignore_alsa);
#endif
#if SOTTO_JACK
    jack_set_error_function(ignore_jack);
    jack_set_info_function(ignore_jack);
#endif
}

sotto_status sotto_portaudio_fail(sotto_error *err, PaError code, const char *what) {
    if (code == paInsufficientMemory) return sotto_fail_memory(err, what);
    const PaHostErrorInfo *host = code == paUnanticipatedHostError ? Pa_GetLastHostErrorInfo() : NULL;
    const char            *why = host ? host->errorText : NULL;
    return sotto_fail(err, SOTTO_IO, "%s: %s", what, why && why[0] ? why : Pa_GetErrorText(code));
}

atomic_int sotto_portaudio_closing;

sotto_status sotto_portaudio_begin(sotto_error *err) {
    if (atomic_load(&sotto_portaudio_closing) > 0)
        return sotto_fail(err, SOTTO_IO, "the sound system does not answer: restart it, or this program");
    be_quiet();
    PaError code = Pa_Initialize();
    return code == paNoError ? SOTTO_OK : sotto_portaudio_fail(err, code, "the sound system cannot be used");
}

void sotto_portaudio_end(void) { (void)Pa_Terminate(); }

static bool can(const PaDeviceInfo *info, bool input) {
    return (input ? info->maxInputChannels : info->maxOutputChannels) > 0;
}

/* ---- by name -------------------------------------------------------------------------------------------------- */

static bool equal_in_any_case(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i])) return false;
    return true;
}

/* 2: it is the name, 1: it stands in the name, in any case. */
static int match(const char *name, const char *part) {
    size_t n = strlen(part), n_name = strlen(name);
    for (size_t i = 0; i + n <= n_name; i++)
        if (equal_in_any_case(name + i, part, n)) return n == n_name ? 2 : 1;
    return 0;
}

static sotto_status fail_name(const char *name, bool input, sotto_error *err) {
    sotto_buf names = {0};
    for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount(); i++)
        if (can(Pa_GetDeviceInfo(i), input))
            (void)sotto_buf_printf(&names, "%s\"%s\"", names.len ? ", " : "", Pa_GetDeviceInfo(i)->name);
    sotto_status status = sotto_fail(err, SOTTO_NOT_FOUND, "no %s has \"%s\" in its name; there are: %s",
                                     input ? "microphone" : "loudspeaker", name, names.len ? names.data : "none");
    sotto_buf_free(&names);
    return status;
}

sotto_status sotto_portaudio_find(PaDeviceIndex *out, const char *name, bool input, sotto_error *err) {
    if (Pa_GetDeviceCount() <= 0) return sotto_fail(err, SOTTO_NOT_FOUND, "%s", no_devices);
    *out = input ? Pa_GetDefaultInputDevice() : Pa_GetDefaultOutputDevice();
    if (!name[0] && *out != paNoDevice) return SOTTO_OK;
    if (!name[0])
        return sotto_fail(err, SOTTO_NOT_FOUND, "this machine has no %s", input ? "microphone" : "loudspeaker");
    int best = 0;
    for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount(); i++) {
        const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
        int                 fits = can(info, input) ? match(info->name, name) : 0;
        if (fits > best) best = fits, *out = i;
    }
    return best > 0 ? SOTTO_OK : fail_name(name, input, err);
}

/* ---- the list ------------------------------------------------------------------------------------------------- */

/* One piece of memory: the list, then the names. */
static sotto_status make_list(sotto_device_info **list, size_t *n, sotto_error *err) {
    PaDeviceIndex count = Pa_GetDeviceCount();
    if (count <= 0) return sotto_fail(err, SOTTO_NOT_FOUND, "%s", no_devices);
    size_t size = (size_t)count * sizeof **list;
    for (PaDeviceIndex i = 0; i < count; i++) size += strlen(Pa_GetDeviceInfo(i)->name) + 1;
    *list = calloc(1, size);
    if (!*list) return sotto_fail_memory(err, "the list of devices");
    char *text = (char *)(*list + count);
    for (PaDeviceIndex i = 0; i < count; i++) {
        const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
        size_t              n_name = strlen(info->name) + 1;
        memcpy(text, info->name, n_name);
        (*list)[i] = (sotto_device_info){.name = text,
                                         .input = can(info, true),
                                         .output = can(info, false),
                                         .is_default_input = i == Pa_GetDefaultInputDevice(),
                                         .is_default_output = i == Pa_GetDefaultOutputDevice()};
        text += n_name;
    }
    *n = (size_t)count;
    return SOTTO_OK;
}

sotto_status sotto_device_list(sotto_device_info **list, size_t *n, sotto_error *err) {
    *list = NULL;
    *n = 0;
    SOTTO_TRY(sotto_portaudio_begin(err));
    sotto_status status = make_list(list, n, err);
    sotto_portaudio_end();
    return status;
}
