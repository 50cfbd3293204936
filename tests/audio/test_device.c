/* Devices on a machine that has none: one clear sentence, and nothing on stderr from the libraries below. */
#include "audio/sound.h"

#include <fcntl.h>

static const char sentence[] =
    "this machine has no sound device that can be used: connect one, or, where PulseAudio or PipeWire runs, install "
    "their ALSA plug-in (Debian: libasound2-plugins, pipewire-alsa)";

/* A configuration of ALSA without names for whatever cards there are. */
static void hide_devices(void) {
    static const char config[] = "pcm.nothing { type null_and_void }\n";
    sound_write_bytes(sound_file("alsa.conf"), config, strlen(config));
    (void)setenv("ALSA_CONFIG_PATH", sound_file("alsa.conf"), 1);
    (void)setenv("HOME", sound_file(""), 1);
    (void)setenv("XDG_RUNTIME_DIR", sound_file(""), 1);
    (void)setenv("PULSE_SERVER", "unix:/nowhere", 1);
    (void)setenv("JACK_NO_START_SERVER", "1", 1);
}

TEST(without_devices_it_says_so) {
    static const sotto_device_options wants[] = {{"", NULL, 0}, {NULL, "", 22050}, {"", "", 16000}, {"usb", NULL, 0}};
    sotto_error                       err = {0};
    sotto_device_info                *list;
    sotto_device                     *d;
    size_t                            n = 1, size;
    hide_devices();
    int own = dup(2), file = open(sound_file("stderr"), O_WRONLY | O_CREAT, 0600);
    (void)dup2(file, 2);
    sotto_status status = sotto_device_list(&list, &n, &err);
    if (status == SOTTO_OK) { /* a system whose devices cannot be hidden */
        (void)dup2(own, 2);
        free(list);
        printf("this machine's devices cannot be hidden: nothing checked\n");
        return;
    }
    CHECK_INT(status, SOTTO_NOT_FOUND);
    CHECK_STR(err.message, sentence);
    CHECK(list == NULL && n == 0);
    for (size_t i = 0; i < SOTTO_COUNT(wants); i++) {
        err = (sotto_error){0};
        CHECK_INT(sotto_device_open(&d, &wants[i], &err), SOTTO_NOT_FOUND);
        CHECK_STR(err.message, sentence);
        CHECK(d == NULL);
    }
    (void)dup2(own, 2);
    (void)close(own);
    (void)close(file);
    uint8_t *text = sound_read_bytes(sound_file("stderr"), &size);
    CHECK_INT(size, 0);
    if (size) printf("on stderr: %.*s\n", (int)size, (const char *)text);
    free(text);
}

TEST(nothing_wanted_is_a_mistake) {
    sotto_error          err = {0};
    sotto_device        *d;
    sotto_device_options none = {NULL, NULL, 0};
    CHECK_INT(sotto_device_open(&d, &none, &err), SOTTO_INVALID);
    CHECK_STR(err.message, "neither a microphone nor a loudspeaker is wanted");
    sotto_device_close(NULL);
}

TEST_MAIN()
