/* Microphone and loudspeaker without hardware: a PulseAudio server of the test's own, with sinks that lead nowhere.
 * What is played into one is heard from its monitor. Left out (exit code 77) where PulseAudio or ALSA's plug-in for it
 * is not installed. Nothing here depends on when something arrives, only on that it does; an alarm ends what hangs. */
#include "audio/sound.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "audio/device.h"
#include "os/os.h"

enum { SECOND = SOTTO_AUDIO_RATE, SKIPPED = 77, HANGS_S = 280, STARTS_S = 20 };

static pid_t server;

/* ---- the server ------------------------------------------------------------------------------------------------ */

/* A command with up to 12 words after the first; its output goes into a file, or nowhere. */
static pid_t start(const char *out, const char *program, ...) {
    const char *args[14] = {program};
    va_list     ap;
    va_start(ap, program);
    for (int i = 1; i < 13 && (args[i] = va_arg(ap, const char *)) != NULL; i++) {}
    va_end(ap);
    (void)fflush(stdout);
    pid_t child = fork();
    if (child != 0) return child;
    int file = open(out ? out : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600), null = open("/dev/null", O_RDWR);
    (void)dup2(null, 0), (void)dup2(file, 1), (void)dup2(null, 2);
    (void)execvp(program, (char *const *)(uintptr_t)args);
    _exit(127);
}

static int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void sleep_ms(uint64_t ms) { sotto_sleep_until_ns(sotto_time_ns() + ms * 1000000); }

static void stop_server(void) {
    if (server > 0) {
        (void)kill(server, SIGKILL);
        (void)wait_for(server);
    }
    server = 0;
}

/* ALSA's names for the sinks and their monitors. */
static const char asoundrc[] = "pcm.test_microphone { type pulse device microphone.monitor }\n"
                               "pcm.test_loudspeaker { type pulse device loudspeaker }\n"
                               "pcm.test_room { type pulse device loudspeaker.monitor }\n";

static bool start_server(void) {
    (void)setenv("HOME", sound_file(""), 1);
    (void)setenv("XDG_RUNTIME_DIR", sound_file(""), 1);
    (void)setenv("JACK_NO_START_SERVER", "1", 1);
    (void)unsetenv("PULSE_SERVER");
    (void)unsetenv("PULSE_LATENCY_MSEC"); /* with it the ALSA plug-in hangs */
    (void)unsetenv("XDG_CONFIG_HOME");
    sound_write_bytes(sound_file(".asoundrc"), asoundrc, strlen(asoundrc));
    server = start(NULL, "pulseaudio", "--daemonize=no", "--exit-idle-time=60", "-n", "--disable-shm=yes",
                   "--load=module-native-protocol-unix", "--load=module-null-sink sink_name=loudspeaker rate=48000",
                   "--load=module-null-sink sink_name=microphone rate=16000 channels=1", NULL);
    for (int i = 0; i < STARTS_S * 10; i++) {
        if (wait_for(start(NULL, "pactl", "info", NULL)) == 0) return true;
        if (waitpid(server, NULL, WNOHANG) == server) break;
        sleep_ms(100);
    }
    server = 0;
    return false;
}

static bool is_installed(void) {
    sotto_error        err;
    sotto_device_info *list;
    size_t             n, found = 0;
    if (wait_for(start(NULL, "pulseaudio", "--version", NULL)) != 0 ||
        wait_for(start(NULL, "pactl", "--version", NULL)) != 0 || !start_server())
        return false;
    if (sotto_device_list(&list, &n, &err) != SOTTO_OK) return false;
    for (size_t i = 0; i < n; i++) found += strncmp(list[i].name, "test_", 5) == 0;
    free(list);
    return found == 3;
}

/* ---- what is heard --------------------------------------------------------------------------------------------- */

/* The number of windows of 50 ms that hold a loud sine of this frequency and little else. */
static size_t count_tone(const int16_t *pcm, size_t n, double hz) {
    enum { WINDOW = SECOND / 20 };
    size_t count = 0;
    for (size_t i = 0; i + WINDOW <= n; i += WINDOW) {
        sound_fit fit = sound_fit_sine(pcm + i, WINDOW, hz, SECOND);
        count += fit.amplitude > 2000 && fit.rest < fit.amplitude / 10;
    }
    return count;
}

static void write_wav(const char *path, const sound *s, int32_t rate) {
    sotto_error         err = {0};
    sotto_audio_writer *w;
    CHECK_OK(sotto_audio_writer_open(&w, path, rate, &err), err);
    CHECK_OK(sotto_audio_writer_write(w, s->pcm, s->n, &err), err);
    CHECK_OK(sotto_audio_writer_close(w, &err), err);
}

/* All of a sound, waiting where there is no room. */
static void play(sotto_device *d, const sound *s) {
    for (size_t done = 0; done < s->n;) {
        size_t n = sotto_device_play(d, s->pcm + done, s->n - done);
        done += n;
        if (n == 0) sleep_ms(10);
    }
}

TEST(the_devices_are_listed) {
    sotto_error        err = {0};
    sotto_device_info *list;
    size_t             n, inputs = 0, outputs = 0;
    CHECK_OK(sotto_device_list(&list, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].name, "test_microphone") == 0) CHECK(list[i].input);
        if (strcmp(list[i].name, "test_loudspeaker") == 0) CHECK(list[i].output);
        inputs += list[i].is_default_input, outputs += list[i].is_default_output;
    }
    CHECK_INT(inputs, 1);
    CHECK_INT(outputs, 1);
    free(list);
    sotto_device        *d;
    sotto_device_options wrong = {"kazoo", NULL, 0};
    CHECK_INT(sotto_device_open(&d, &wrong, &err), SOTTO_NOT_FOUND);
    CHECK(strstr(err.message, "no microphone has \"kazoo\" in its name; there are: \"") != NULL);
    CHECK(strstr(err.message, "test_microphone") != NULL);
}

TEST(what_is_said_into_the_microphone_is_heard) {
    sotto_error          err = {0};
    sotto_device        *d;
    sotto_device_options opt = {.input = "TEST_micro"};
    sound                said = sound_sine(440, 16000, 12000, 2 * SECOND), heard = sound_new(60 * SECOND);
    write_wav(sound_file("said.wav"), &said, 16000);
    CHECK_OK(sotto_device_open(&d, &opt, &err), err);
    if (!d) return;
    CHECK_INT(sotto_device_play(d, said.pcm, said.n), 0); /* it has no loudspeaker */
    pid_t   speaker = start(NULL, "paplay", "-d", "microphone", sound_file("said.wav"), NULL);
    int16_t played[SOTTO_AUDIO_FRAME];
    size_t  n = 0, after = 0, zeros = 0;
    bool    ended = false;
    while (n < heard.n && after < SECOND && sotto_device_hear(d, heard.pcm + n, played, 5000)) {
        for (size_t i = 0; i < SOTTO_AUDIO_FRAME; i++) zeros += played[i] == 0;
        n += SOTTO_AUDIO_FRAME;
        if (!ended) ended = waitpid(speaker, NULL, WNOHANG) == speaker;
        if (ended) after += SOTTO_AUDIO_FRAME;
    }
    CHECK(ended);
    CHECK_INT(zeros, n);
    size_t tone = count_tone(heard.pcm, n, 440);
    printf("%zu of 40 windows of 50 ms arrived\n", tone);
    CHECK(tone >= 20);
    sotto_device_state state;
    sotto_device_get_state(d, &state);
    CHECK(!state.lost);
    CHECK_INT(state.n_overruns, 0);
    printf("latency of the input, as the system says: %.0f ms\n", state.input_latency_ms);
    sotto_device_close(d);
    sound_free(&said);
    sound_free(&heard);
}

/* ---- what is played -------------------------------------------------------------------------------------------- */

TEST(what_is_played_comes_out_of_the_loudspeaker) {
    sotto_error          err = {0};
    sotto_device        *d;
    sotto_device_options opt = {.output = "test_loudspeaker", .output_rate = 22050};
    sound                tone = sound_sine(440, 22050, 12000, 2 * 22050);
    pid_t recorder = start(sound_file("room.raw"), "parec", "-d", "loudspeaker.monitor", "--rate=16000", "--channels=1",
                           "--format=s16le", "--raw", NULL);
    CHECK_OK(sotto_device_open(&d, &opt, &err), err);
    if (!d) return;
    size_t size = 0;
    while (size == 0) { /* the recorder runs once there is something in its file */
        sleep_ms(50);
        free(sound_read_bytes(sound_file("room.raw"), &size));
    }
    play(d, &tone);
    CHECK(sotto_device_unplayed(d) > 0);
    CHECK(sotto_device_unplayed(d) <= tone.n);
    while (sotto_device_unplayed(d) > 0) sleep_ms(20);
    size_t before;
    free(sound_read_bytes(sound_file("room.raw"), &before));
    do { /* what the server still has, and a second more */
        sleep_ms(50);
        free(sound_read_bytes(sound_file("room.raw"), &size));
    } while (size < before + 2 * SECOND * sizeof(int16_t));
    (void)kill(recorder, SIGTERM);
    (void)wait_for(recorder);
    uint8_t *bytes = sound_read_bytes(sound_file("room.raw"), &size);
    size_t   n = count_tone((const int16_t *)(void *)bytes, size / 2, 440);
    printf("%zu of 40 windows of 50 ms arrived\n", n);
    CHECK(n >= 20);
    sotto_device_state state;
    sotto_device_get_state(d, &state);
    CHECK(!state.lost);
    printf("latency of the output, as the system says: %.0f ms; underruns: %llu samples\n", state.output_latency_ms,
           (unsigned long long)state.n_underruns);
    sotto_device_close(d);
    free(bytes);
    sound_free(&tone);
}

TEST(what_waits_can_be_silenced) {
    sotto_error          err = {0};
    sotto_device        *d;
    sotto_device_options opt = {.input = "test_room", .output = "test_loudspeaker", .output_rate = 16000};
    sound                tone = sound_sine(440, 16000, 12000, SECOND), heard = sound_new(4 * SECOND);
    int16_t              played[SOTTO_AUDIO_FRAME];
    CHECK_OK(sotto_device_open(&d, &opt, &err), err);
    if (!d) return;
    play(d, &tone);
    size_t n = 0;
    while (n < 20 * SOTTO_AUDIO_FRAME && sotto_device_hear(d, heard.pcm + n, played, 5000)) n += SOTTO_AUDIO_FRAME;
    sotto_device_silence(d);
    size_t left = sotto_device_unplayed(d);
    CHECK(left < SECOND / 2); /* what the device has taken */
    while (n + SOTTO_AUDIO_FRAME <= heard.n && sotto_device_hear(d, heard.pcm + n, played, 5000))
        n += SOTTO_AUDIO_FRAME;
    CHECK_INT(sotto_device_unplayed(d), 0);
    size_t count = count_tone(heard.pcm, n, 440);
    printf("silenced after 200 ms: %zu of 20 windows of 50 ms were heard, %zu samples were left\n", count, left);
    CHECK(count < 18);
    sotto_device_close(d);
    sound_free(&tone);
    sound_free(&heard);
}

/* ---- both at once ---------------------------------------------------------------------------------------------- */

/* By how many samples heard[from..] is behind `played`, for n samples, and how alike they are then (0 to 1). */
static int best_lag(const sound *heard, const sound *played, size_t from, size_t n, double *alike) {
    int lag = 0;
    *alike = 0;
    for (int k = -SECOND / 5; k <= SECOND / 5; k++) {
        double sum = 0, a = 1, b = 1;
        for (size_t i = from; i < from + n; i += 2) {
            double x = heard->pcm[i], y = played->pcm[(ptrdiff_t)i - k];
            sum += x * y, a += x * x, b += y * y;
        }
        if (sum / sqrt(a * b) > *alike) *alike = sum / sqrt(a * b), lag = k;
    }
    return lag;
}

/* The room is the loudspeaker's monitor: the echo is all that is heard, and must come after its reference, within the
 * canceller's tail of 150 ms. Half of the time is enough: a machine that is too busy loses sound now and then. */
TEST(the_reference_fits_what_is_heard) {
    enum { LENGTH = 8 * SECOND, STRETCH = SECOND / 4, STRETCHES = 24 };
    sotto_error          err = {0};
    sotto_device        *d;
    sotto_device_options opt = {.input = "test_room", .output = "test_loudspeaker", .output_rate = 22050};
    sound                said = sound_speechlike(8, 20000, 22050 * 9), heard = sound_new(LENGTH);
    sound                played = sound_new(LENGTH);
    CHECK_OK(sotto_device_open(&d, &opt, &err), err);
    if (!d) return;
    size_t given = 0, n = 0;
    while (n < LENGTH && sotto_device_hear(d, heard.pcm + n, played.pcm + n, 5000)) {
        given += sotto_device_play(d, said.pcm + given, said.n - given);
        n += SOTTO_AUDIO_FRAME;
    }
    CHECK_INT(n, LENGTH);
    sotto_device_state state;
    sotto_device_get_state(d, &state);
    int good = 0;
    for (size_t i = 0; i < STRETCHES; i++) {
        double alike;
        int    lag = best_lag(&heard, &played, SECOND + i * STRETCH, STRETCH, &alike);
        bool   fits = lag >= 0 && lag < SECOND * 150 / 1000 && alike > 0.6;
        good += fits;
        printf("%s%.0f", i ? " " : "echo after ", lag * 1000.0 / SECOND);
        if (!fits) printf("?");
    }
    printf(" ms; overruns %llu, underruns %llu\n", (unsigned long long)state.n_overruns,
           (unsigned long long)state.n_underruns);
    CHECK(good >= STRETCHES / 2);
    sotto_device_close(d);
    sound_free(&said);
    sound_free(&heard);
    sound_free(&played);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

TEST(that_the_server_dies_is_noticed) {
    sotto_error          err = {0};
    sotto_device        *d;
    sotto_device_options opt = {.input = "test_room", .output = "test_loudspeaker", .output_rate = 16000};
    sotto_device_state   state = {0};
    sound                tone = sound_sine(440, 16000, 12000, SECOND);
    int16_t              heard[SOTTO_AUDIO_FRAME], played[SOTTO_AUDIO_FRAME];
    CHECK_OK(sotto_device_open(&d, &opt, &err), err);
    if (!d) return;
    (void)sotto_device_play(d, tone.pcm, tone.n);
    for (int i = 0; i < 20; i++) CHECK(sotto_device_hear(d, heard, played, 5000));
    stop_server();
    uint64_t begin = sotto_time_ns();
    for (int i = 0; i < 300 && !state.lost; i++) {
        (void)sotto_device_hear(d, heard, played, 100);
        (void)sotto_device_play(d, tone.pcm, tone.n);
        sotto_device_get_state(d, &state);
    }
    CHECK(state.lost);
    printf("noticed after %.1f s\n", (double)(sotto_time_ns() - begin) * 1e-9);
    sotto_device_silence(d);
    (void)sotto_device_unplayed(d);
    sotto_device_close(d);
    CHECK(sotto_device_open(&d, &opt, &err) != SOTTO_OK); /* without it there is nothing, and that is said */
    CHECK(err.message[0] != '\0');
    printf("%s\n", err.message);
    sound_free(&tone);
}

/* Neither does a server that hangs hold anybody up. */
TEST(that_the_server_hangs_is_noticed) {
    sotto_error          err = {0};
    sotto_device        *d;
    sotto_device_options opt = {.input = "test_room", .output = "test_loudspeaker", .output_rate = 16000};
    sotto_device_state   state = {0};
    int16_t              heard[SOTTO_AUDIO_FRAME], played[SOTTO_AUDIO_FRAME];
    stop_server();
    CHECK(start_server());
    CHECK_OK(sotto_device_open(&d, &opt, &err), err);
    if (!d) return;
    for (int i = 0; i < 20; i++) CHECK(sotto_device_hear(d, heard, played, 5000));
    (void)kill(server, SIGSTOP);
    for (int i = 0; i < 300 && !state.lost; i++) {
        (void)sotto_device_hear(d, heard, played, 100);
        sotto_device_get_state(d, &state);
    }
    CHECK(state.lost);
    sotto_device_close(d);
    if (atomic_load(&sotto_portaudio_closing) > 0) { /* else opening would wait for the server */
        CHECK_INT(sotto_device_open(&d, &opt, &err), SOTTO_IO);
        CHECK_STR(err.message, "the sound system does not answer: restart it, or this program");
    }
    (void)kill(server, SIGCONT);
    for (int i = 0; i < 100 && sotto_device_open(&d, &opt, &err) != SOTTO_OK; i++) sleep_ms(100);
    CHECK(d != NULL); /* it goes on, and so can we */
    sotto_device_close(d);
}

static void on_alarm(int number) {
    (void)number;
    if (server > 0) (void)kill(server, SIGKILL);
    _exit(1);
}

int main(int argc, char **argv) {
    (void)signal(SIGALRM, on_alarm);
    if (!is_installed()) {
        stop_server();
        printf("skipped: needs PulseAudio, its utilities, and ALSA's plug-in for it\n");
        return SKIPPED;
    }
    (void)alarm(HANGS_S);
    int code = test_main(argc, argv);
    stop_server();
    return code;
}
