/* Files and streams: what libsndfile has written is read back, from the disk and from a pipe; what is written is read
 * by libsndfile; damage, ends and full disks are told of, or are an end. */
#include "audio/sound.h"

#include <errno.h>
#include <signal.h>
#include <sndfile.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "audio/wav.h"
#include "os/os.h"

enum { SECOND = SOTTO_AUDIO_RATE };

/* ---- helpers -------------------------------------------------------------------------------------------------- */

/* n frames of a sine of 440 Hz with amplitude 0.5 on the first channel, 0.25 on the others; false: this libsndfile does
 * not know the format. */
static bool write_sine(const char *path, int format, int rate, int channels, size_t n) {
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
    if (!sf_format_check(&info)) return false;
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    float   *x = calloc(n * (size_t)channels + 1, sizeof *x);
    if (!f || !x) exit(1);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < channels; c++)
            x[i * (size_t)channels + (size_t)c] =
                (float)((c ? 0.25 : 0.5) * sin(2 * SOUND_PI * 440 * (double)i / rate));
    CHECK_INT(sf_writef_float(f, x, (sf_count_t)n), n);
    free(x);
    return sf_close(f) == 0;
}

/* Everything that a reader gives, in parts of odd sizes. `status` of the last call. */
static sound read_all(sotto_audio_reader *r, sotto_status *status, sotto_error *err) {
    sotto_buf all = {0};
    int16_t   part[777];
    size_t    n = 0;
    uint64_t  seed = 1;
    do {
        *status = sotto_audio_reader_read(r, part, 1 + test_random(&seed) % SOTTO_COUNT(part), &n, err);
        if (!sotto_buf_append(&all, part, n * sizeof *part)) exit(1);
    } while (n > 0);
    sound s = sound_new(all.len / sizeof *part);
    if (all.len) memcpy(s.pcm, all.data, all.len);
    sotto_buf_free(&all);
    return s;
}

/* The status of opening and reading; the samples go to *out, or are only counted where it is NULL. */
static sotto_status read_path(const char *path, int32_t raw_rate, sound *out, size_t *n, sotto_error *err) {
    sotto_audio_reader *r;
    if (n) *n = 0;
    sotto_status status = sotto_audio_reader_open(&r, path, raw_rate, err);
    if (status != SOTTO_OK) return status;
    sound s = read_all(r, &status, err);
    sotto_audio_reader_close(r);
    if (n) *n = s.n;
    if (out) *out = s;
    else sound_free(&s);
    return status;
}

/* The same bytes as a stream that cannot be sought in. */
static sotto_status read_stream(const void *data, size_t size, int32_t raw_rate, sound *out, sotto_error *err) {
    sotto_audio_reader *r;
    *out = (sound){0};
    sound_write_bytes(sound_file("stream"), data, size);
    FILE        *f = fopen(sound_file("stream"), "rb");
    sotto_status status = sotto_audio_reader_open_file(&r, f, "stream", true, raw_rate, err);
    if (status != SOTTO_OK) return status;
    *out = read_all(r, &status, err);
    sotto_audio_reader_close(r);
    return status;
}

/* ---- what there is -------------------------------------------------------------------------------------------- */

/* `noise`: what the format adds, as root mean square, against the sine's amplitude of 0.5 of full scale. */
static const struct {
    const char *name;
    int         format, rate, channels;
    double      noise;
    bool        stream; /* can be read as a stream, too */
} kinds[] = {
    {"8-bit.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 16000, 1, 100, true},
    {"16-bit.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 1, true},
    {"24-bit.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 44100, 1, 10, true},
    {"32-bit.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 8000, 1, 10, true},
    {"float.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 22050, 1, 10, true},
    {"double.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 11025, 3, 10, true},
    {"extensible.wav", SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 48000, 6, 10, true},
    {"stereo.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 2, 10, true},
    {"large.rf64", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 16000, 1, 1, true},
    {"law.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 8000, 1, 300, false},
    {"lossless.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 2, 10, false},
    {"deep.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 96000, 1, 10, false},
    {"vorbis.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 2, 500, false},
    {"opus.ogg", SF_FORMAT_OGG | SF_FORMAT_OPUS, 48000, 1, 500, false},
};

static void check_sine(const char *name, const sound *s, int channels, double noise) {
    const size_t skip = SECOND / 10;
    const double amplitude = 32768 * (0.5 + 0.25 * (channels - 1)) / channels;
    CHECK_INT(s->n, SECOND);
    if (s->n < 2 * skip) return;
    sound_fit fit = sound_fit_sine(s->pcm + skip, s->n - 2 * skip, 440, SOTTO_AUDIO_RATE);
    CHECK(fabs(fit.amplitude / amplitude - 1) < 0.02);
    CHECK(fit.rest < noise);
    if (fabs(fit.amplitude / amplitude - 1) >= 0.02 || fit.rest >= noise)
        printf("%s: amplitude %g, expected %g; rest %g\n", name, fit.amplitude, amplitude, fit.rest);
}

TEST(every_kind_is_read) {
    sotto_error err = {0};
    for (size_t i = 0; i < SOTTO_COUNT(kinds); i++) {
        const char *path = sound_file(kinds[i].name);
        sound       s = {0}, streamed = {0};
        if (!write_sine(path, kinds[i].format, kinds[i].rate, kinds[i].channels, (size_t)kinds[i].rate)) {
            printf("%s: not in this libsndfile\n", kinds[i].name);
            continue;
        }
        CHECK_OK(read_path(path, 0, &s, NULL, &err), err);
        check_sine(kinds[i].name, &s, kinds[i].channels, kinds[i].noise);
        if (kinds[i].stream) { /* this code's reading against libsndfile's: the same, to the sample */
            size_t   size;
            uint8_t *bytes = sound_read_bytes(path, &size);
            CHECK_OK(read_stream(bytes, size, 0, &streamed, &err), err);
            CHECK(streamed.n == s.n && memcmp(streamed.pcm, s.pcm, s.n * sizeof *s.pcm) == 0);
            free(bytes);
        }
        sound_free(&s);
        sound_free(&streamed);
    }
}

TEST(samples_of_16_bit_pass_unchanged) {
    sotto_error err = {0};
    sound       in = sound_new(65536), out = {0};
    for (size_t i = 0; i < in.n; i++) in.pcm[i] = (int16_t)i;
    uint8_t *wav = malloc(SOTTO_WAV_HEADER + in.n * 2);
    if (!wav) exit(1);
    sotto_wav_write_header(wav, SECOND, in.n * 2);
    for (size_t i = 0; i < in.n; i++) wav[44 + 2 * i] = (uint8_t)i, wav[45 + 2 * i] = (uint8_t)(i >> 8);
    CHECK_OK(read_stream(wav, 44 + in.n * 2, 0, &out, &err), err);
    CHECK(out.n == in.n && memcmp(in.pcm, out.pcm, in.n * 2) == 0);
    sound_free(&out);
    CHECK_OK(read_stream(wav + 44, in.n * 2, SECOND, &out, &err), err); /* headerless */
    CHECK(out.n == in.n && memcmp(in.pcm, out.pcm, in.n * 2) == 0);
    sound_free(&out);
    sound_write_bytes(sound_file("all.wav"), wav, 44 + in.n * 2);
    CHECK_OK(read_path(sound_file("all.wav"), 0, &out, NULL, &err), err);
    CHECK(out.n == in.n && memcmp(in.pcm, out.pcm, in.n * 2) == 0);
    sound_free(&out);
    sound_free(&in);
    free(wav);
}

TEST(floats_that_are_none_are_silence_or_full_scale) {
    sotto_error err = {0};
    float       x[] = {NAN, INFINITY, -INFINITY, 1e30f, -2, 1, -1, 0.5f};
    int16_t     want[] = {0, INT16_MAX, INT16_MIN, INT16_MAX, INT16_MIN, INT16_MAX, INT16_MIN, 16384};
    SF_INFO     info = {.samplerate = SECOND, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE    *f = sf_open(sound_file("odd.wav"), SFM_WRITE, &info);
    CHECK_INT(sf_write_float(f, x, SOTTO_COUNT(x)), SOTTO_COUNT(x));
    CHECK_INT(sf_close(f), 0);
    size_t   size;
    uint8_t *bytes = sound_read_bytes(sound_file("odd.wav"), &size);
    sound    out = {0};
    CHECK_OK(read_path(sound_file("odd.wav"), 0, &out, NULL, &err), err);
    CHECK(out.n == SOTTO_COUNT(x) && memcmp(out.pcm, want, sizeof want) == 0);
    sound_free(&out);
    CHECK_OK(read_stream(bytes, size, 0, &out, &err), err);
    CHECK(out.n == SOTTO_COUNT(x) && memcmp(out.pcm, want, sizeof want) == 0);
    sound_free(&out);
    free(bytes);
}

/* ---- headers that lie ------------------------------------------------------------------------------------------ */

static void put32(uint8_t *p, uint32_t x) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(x >> (8 * i));
}

/* Lengths that programs write when they do not know them, and one that is right. */
TEST(a_stream_is_read_whatever_length_it_gives) {
    static const struct {
        uint32_t riff, data;
        size_t   n;
    } lengths[] = {{0, 0, 1000},       {UINT32_MAX, UINT32_MAX, 1000}, {0x7ffff024, 0x7ffff000, 1000},
                   {36, 0, 1000},      {0x80000024, 0x80000000, 1000}, {2036, 2000, 1000},
                   {5036, 5000, 1000}, {1036, 1000, 500},              {UINT32_MAX, 1001, 500}};
    sotto_error err = {0};
    uint8_t     wav[44 + 2000] = {0};
    for (size_t i = 0; i < SOTTO_COUNT(lengths); i++) {
        sound s = {0};
        sotto_wav_write_header(wav, SECOND, 2000);
        put32(wav + 4, lengths[i].riff);
        put32(wav + 40, lengths[i].data);
        CHECK_OK(read_stream(wav, sizeof wav, 0, &s, &err), err);
        CHECK_INT(s.n, lengths[i].n);
        sound_free(&s);
        /* On a disk libsndfile sees where the file ends. */
        size_t n;
        sound_write_bytes(sound_file("lies.wav"), wav, sizeof wav);
        CHECK_OK(read_path(sound_file("lies.wav"), 0, NULL, &n, &err), err);
        CHECK_INT(n, lengths[i].n);
    }
}

/* A header with one field changed. */
TEST(headers_that_make_no_sense_are_refused) {
    static const struct {
        size_t       at;
        uint32_t     value;
        sotto_status status;
        const char  *message;
    } faults[] = {
        {0, 0x58464952, SOTTO_FORMAT, "is no WAV stream"},                       /* RIFX */
        {8, 0x20495641, SOTTO_FORMAT, "is no WAV stream"},                       /* AVI */
        {12, 0x4b4e554a, SOTTO_FORMAT, "does not say what its samples are"},     /* no "fmt " */
        {16, 15, SOTTO_FORMAT, "header is too short"},
        {16, UINT32_MAX, SOTTO_FORMAT, "do not begin within 16 MiB"},
        {16, 0x00ffff00, SOTTO_FORMAT, "ends before its first sample"},
        {20, 0x00010002, SOTTO_UNSUPPORTED, "compressed (WAV format 2)"},        /* ADPCM */
        {20, 0x00000001, SOTTO_FORMAT, "has 0 channels"},
        {20, 0xffff0001, SOTTO_FORMAT, "has 65535 channels"},
        {20, 0x00020001, SOTTO_FORMAT, "header gives samples of 16 bits in frames of 2 bytes for 2 channels"},
        {24, 0, SOTTO_UNSUPPORTED, "0 samples a second are out of the range"},
        {24, UINT32_MAX, SOTTO_UNSUPPORTED, "out of the range"},
        {32, 0x00400002, SOTTO_FORMAT, "header gives samples of 64 bits"},
        {32, 0x00100008, SOTTO_FORMAT, "header gives samples of 16 bits in frames of 8 bytes"},
        {32, 0x00100000, SOTTO_FORMAT, "header gives samples of 16 bits in frames of 0 bytes"},
        {36, 0x4b4e554a, SOTTO_FORMAT, "ends before its first sample"},          /* no "data" */
    };
    uint8_t wav[44 + 2000] = {0};
    for (size_t i = 0; i < SOTTO_COUNT(faults); i++) {
        sotto_error err = {0};
        sound       s = {0};
        sotto_wav_write_header(wav, SECOND, 2000);
        put32(wav + faults[i].at, faults[i].value);
        CHECK_INT(read_stream(wav, sizeof wav, 0, &s, &err), faults[i].status);
        CHECK(strstr(err.message, faults[i].message) != NULL);
        if (!strstr(err.message, faults[i].message)) printf("\"%s\", not: %s\n", faults[i].message, err.message);
        sound_free(&s);
        /* libsndfile may make something of it; it must not fall over it. */
        sound_write_bytes(sound_file("fault.wav"), wav, sizeof wav);
        (void)read_path(sound_file("fault.wav"), 0, NULL, NULL, &err);
    }
}

/* ---- files that are cut, or are none --------------------------------------------------------------------------- */

/* Cut at every byte of the beginning and then in steps: an error up to the first sample, then what is there. */
static void check_cut(const char *name, size_t first_sample, size_t step) {
    size_t   size, most = 0;
    uint8_t *bytes = sound_read_bytes(sound_file(name), &size);
    for (size_t cut = 0; cut < size; cut += cut < 256 ? 1 : step) {
        sotto_error  err = {0};
        size_t       n = 0;
        sound_write_bytes(sound_file("cut"), bytes, cut);
        sotto_status status = read_path(sound_file("cut"), 0, NULL, &n, &err);
        CHECK(status == SOTTO_OK || status == SOTTO_FORMAT);
        CHECK((status == SOTTO_OK) == (err.message[0] == '\0'));
        if (cut < first_sample) CHECK_INT(n, 0);
        if (cut < 4) CHECK_INT(status, SOTTO_FORMAT);
        CHECK(n + SECOND / 2 >= most); /* not less for more, but for what a last damaged frame costs */
        most = SOTTO_MAX(most, n);
        if (strstr(name, "wav")) {
            sound s = {0};
            CHECK_INT(read_stream(bytes, cut, 0, &s, &err), cut < first_sample ? SOTTO_FORMAT : SOTTO_OK);
            CHECK_INT(s.n, cut < first_sample ? 0 : (cut - first_sample) / 2);
            sound_free(&s);
        }
    }
    CHECK(most > 0);
    free(bytes);
}

TEST(what_is_cut_ends_there) {
    CHECK(write_sine(sound_file("cut.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, SECOND, 1, 1000));
    check_cut("cut.wav", 44, 101);
    if (write_sine(sound_file("cut.flac"), SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SECOND, 1, 2 * SECOND))
        check_cut("cut.flac", 42, 997);
    if (write_sine(sound_file("cut.ogg"), SF_FORMAT_OGG | SF_FORMAT_VORBIS, SECOND, 1, 30 * SECOND))
        check_cut("cut.ogg", 58, 2999);
}

TEST(what_is_no_sound_is_named) {
    static const char text[] = "This is a letter, not a recording.\n";
    sotto_error       err = {0};
    char              want[256];
    const char       *path = sound_file("letter.txt");
    sound_write_bytes(path, text, strlen(text));
    CHECK_INT(read_path(path, 0, NULL, NULL, &err), SOTTO_FORMAT);
    (void)snprintf(want, sizeof want, "%s: is no sound file that sotto knows: expected WAV, FLAC or Ogg", path);
    CHECK_STR(err.message, want);

    path = sound_file("empty.wav");
    sound_write_bytes(path, "", 0);
    CHECK_INT(read_path(path, 0, NULL, NULL, &err), SOTTO_FORMAT);
    (void)snprintf(want, sizeof want, "%s: is empty", path);
    CHECK_STR(err.message, want);

    path = sound_file("missing.wav");
    CHECK_INT(read_path(path, 0, NULL, NULL, &err), SOTTO_NOT_FOUND);
    (void)snprintf(want, sizeof want, "%s: cannot be opened: No such file or directory", path);
    CHECK_STR(err.message, want);

    CHECK_INT(read_path(sound_folder, 0, NULL, NULL, &err), SOTTO_INVALID);
    (void)snprintf(want, sizeof want, "%s: is a folder, expected a sound file", sound_folder);
    CHECK_STR(err.message, want);

    sound s = {0};
    CHECK_INT(read_stream(text, strlen(text), 0, &s, &err), SOTTO_FORMAT);
    CHECK_INT(read_stream("", 0, 0, &s, &err), SOTTO_FORMAT);
    CHECK_INT(read_stream(text, strlen(text), 200000, &s, &err), SOTTO_UNSUPPORTED);
    CHECK_OK(read_stream("", 0, SECOND, &s, &err), err); /* nothing was said: that is no error */
    CHECK_INT(s.n, 0);
    sound_free(&s);
}

/* ---- pipes ----------------------------------------------------------------------------------------------------- */

/* Another process writes into the pipe, in small pieces: a header without a length, then sound without an end. */
static FILE *endless(pid_t *child) {
    int ends[2];
    if (pipe(ends) != 0 || (*child = fork()) < 0) exit(1);
    if (*child == 0) {
        uint8_t header[SOTTO_WAV_HEADER], part[1000] = {0};
        (void)close(ends[0]);
        sotto_wav_write_header(header, 48000, UINT64_MAX);
        ssize_t n = write(ends[1], header, 5);
        n += write(ends[1], header + 5, sizeof header - 5);
        while (n > 0) n = write(ends[1], part, sizeof part); /* until SIGPIPE */
        _exit(0);
    }
    (void)close(ends[1]);
    return fdopen(ends[0], "rb");
}

TEST(a_pipe_without_an_end_takes_no_more_memory) {
    sotto_error         err = {0};
    sotto_audio_reader *r;
    pid_t               child;
    int16_t             pcm[SOTTO_AUDIO_FRAME];
    size_t              n = 0, total = 0;
    uint64_t            before = 0;
    CHECK_OK(sotto_audio_reader_open_file(&r, endless(&child), "pipe", true, 0, &err), err);
    for (; total < (size_t)SECOND * 300; total += n) { /* five minutes, 29 MB in the pipe, 10 MB out of the reader */
        if (total >= SECOND && before == 0) before = sotto_memory_peak_rss_bytes();
        if (sotto_audio_reader_read(r, pcm, SOTTO_COUNT(pcm), &n, &err) != SOTTO_OK || n == 0) break;
    }
    CHECK(total >= (size_t)SECOND * 300);
    CHECK(sotto_memory_peak_rss_bytes() < before + (2u << 20));
    sotto_audio_reader_close(r);
    (void)waitpid(child, NULL, 0);
}

TEST(stdin_is_read) {
    sotto_error err = {0};
    sound       s = {0};
    CHECK(write_sine(sound_file("in.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 2, 48000));
    CHECK(freopen(sound_file("in.wav"), "rb", stdin) != NULL);
    CHECK_OK(read_path("-", 0, &s, NULL, &err), err);
    check_sine("stdin", &s, 2, 10);
    sound_free(&s);
    sound_write_bytes(sound_file("in.raw"), "\1\0\2\0\3", 5); /* the last sample is cut */
    CHECK(freopen(sound_file("in.raw"), "rb", stdin) != NULL);
    CHECK_OK(read_path("-", SECOND, &s, NULL, &err), err);
    CHECK(s.n == 2 && s.pcm[0] == 1 && s.pcm[1] == 2);
    sound_free(&s);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* What libsndfile finds in a file. */
static size_t frames_in(const char *path, int32_t rate) {
    SF_INFO  info = {0};
    SNDFILE *f = sf_open(path, SFM_READ, &info);
    CHECK(f != NULL);
    if (!f) return 0;
    CHECK_INT(info.samplerate, rate);
    CHECK_INT(info.channels, 1);
    int16_t part[1000];
    size_t  n = 0;
    for (sf_count_t got; (got = sf_read_short(f, part, SOTTO_COUNT(part))) > 0;) n += (size_t)got;
    (void)sf_close(f);
    return n;
}

static void check_written(const char *name, int32_t rate) {
    sotto_error         err = {0};
    sotto_audio_writer *w;
    sound               in = sound_speechlike(3, 20000, 20000);
    const char         *path = sound_file(name);
    CHECK_OK(sotto_audio_writer_open(&w, path, rate, &err), err);
    for (size_t done = 0, part = 1; done < in.n; done += part, part = SOTTO_MIN(part * 3, in.n - done))
        CHECK_OK(sotto_audio_writer_write(w, in.pcm + done, part, &err), err);
    CHECK_OK(sotto_audio_writer_close(w, &err), err);
    SF_INFO  info = {0};
    SNDFILE *f = sf_open(path, SFM_READ, &info);
    sound    out = sound_new(in.n);
    CHECK(f != NULL);
    CHECK_INT(info.frames, in.n);
    CHECK_INT(info.samplerate, rate);
    CHECK_INT(sf_read_short(f, out.pcm, (sf_count_t)in.n), in.n);
    CHECK(memcmp(in.pcm, out.pcm, in.n * 2) == 0);
    (void)sf_close(f);
    sound_free(&in);
    sound_free(&out);
}

TEST(what_is_written_is_read_by_libsndfile) {
    check_written("out.wav", 22050);
    check_written("out", 16000);
    check_written("out.flac", 32000);
    check_written("OUT.FLAC", 8000);
    check_written("flac", 8000);
}

TEST(a_file_is_whole_after_every_write) {
    sotto_error         err = {0};
    sotto_audio_writer *w;
    const char         *path = sound_file("growing.wav");
    sound               in = sound_speechlike(3, 20000, 5000);
    CHECK_OK(sotto_audio_writer_open(&w, path, SECOND, &err), err);
    CHECK_INT(frames_in(path, SECOND), 0);
    for (size_t done = 0, part = 1; done < in.n; done += part, part = SOTTO_MIN(part * 2, in.n - done)) {
        CHECK_OK(sotto_audio_writer_write(w, in.pcm + done, part, &err), err);
        CHECK_INT(frames_in(path, SECOND), done + part);
    }
    CHECK_OK(sotto_audio_writer_close(w, &err), err);
    sound_free(&in);
}

/* The child tells after each write how many samples it has written; it is killed at a random moment. WAV: all of them
 * are there. FLAC: all but a block of 4096 and the sample that the encoder looks ahead. */
static void check_killed(const char *name, size_t missing, uint64_t *seed) {
    const char *path = sound_file(name);
    size_t      told = 0, now;
    int         ends[2];
    if (pipe(ends) != 0) exit(1);
    pid_t child = fork();
    if (child == 0) {
        sotto_audio_writer *w;
        sound               in = sound_speechlike(3, 20000, SECOND);
        if (sotto_audio_writer_open(&w, path, SECOND, NULL) != SOTTO_OK) _exit(1);
        for (now = 0;; now += 160) {
            if (write(ends[1], &now, sizeof now) != (ssize_t)sizeof now) _exit(1);
            (void)sotto_audio_writer_write(w, in.pcm + now % SECOND, 160, NULL);
        }
    }
    (void)close(ends[1]);
    size_t enough = 160 * (50 + test_random(seed) % 500);
    while (told < enough && read(ends[0], &now, sizeof now) == (ssize_t)sizeof now) told = now;
    (void)kill(child, SIGKILL);
    while (read(ends[0], &now, sizeof now) == (ssize_t)sizeof now) told = now;
    (void)waitpid(child, NULL, 0);
    (void)close(ends[0]);
    CHECK(told > 0);
    size_t n = 0;
    sotto_error err = {0};
    CHECK(frames_in(path, SECOND) + missing >= told);
    CHECK_OK(read_path(path, 0, NULL, &n, &err), err);
    CHECK(n + missing >= told);
}

TEST(what_was_written_survives_kill) {
    uint64_t seed = 1;
    for (int i = 0; i < 10; i++) {
        check_killed("killed.wav", 0, &seed);
        check_killed("killed.flac", 4097, &seed);
    }
}

TEST(a_stream_is_written_without_a_length) {
    static const int16_t pcm[] = {1, -2, 32767};
    sotto_error          err = {0};
    int                  ends[2];
    char                 path[32];
    uint8_t              got[128];
    if (pipe(ends) != 0) exit(1);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    sotto_audio_writer *w;
    CHECK_OK(sotto_audio_writer_open(&w, path, SECOND, &err), err);
    CHECK_OK(sotto_audio_writer_write(w, pcm, SOTTO_COUNT(pcm), &err), err);
    CHECK_INT(read(ends[0], got, sizeof got), 50); /* there before it is closed */
    CHECK(memcmp(got + 4, "\xff\xff\xff\xff", 4) == 0);
    CHECK(memcmp(got + 40, "\xff\xff\xff\xff\1\0\xfe\xff\xff\x7f", 10) == 0);
    CHECK_OK(sotto_audio_writer_close(w, &err), err);
    (void)close(ends[0]);
    (void)close(ends[1]);
    sound s = {0};
    CHECK_OK(read_stream(got, 50, 0, &s, &err), err);
    CHECK(s.n == 3 && memcmp(s.pcm, pcm, sizeof pcm) == 0);
    sound_free(&s);
}

TEST(a_full_disk_is_one_sentence) {
    sotto_error         err = {0};
    sotto_audio_writer *w;
    if (sotto_path_kind_of("/dev/full") == SOTTO_PATH_OTHER) {
        CHECK_INT(sotto_audio_writer_open(&w, "/dev/full", SECOND, &err), SOTTO_IO);
        CHECK_STR(err.message, "/dev/full: cannot be written: No space left on device");
        CHECK(w == NULL);
    }
    CHECK_INT(sotto_audio_writer_open(&w, sound_folder, SECOND, &err), SOTTO_IO);
    CHECK(strstr(err.message, "cannot be made: Is a directory") != NULL);
    CHECK_INT(sotto_audio_writer_open(&w, sound_file("no/folder.wav"), SECOND, &err), SOTTO_NOT_FOUND);
    CHECK_OK(sotto_audio_writer_close(NULL, &err), err);
}

/* The disk fills up in the middle: a limit on the size of files stands for it. */
static void check_limit(const char *name, uint64_t seed) {
    sotto_error         err = {0}, again = {0};
    sotto_audio_writer *w;
    int16_t             pcm[1000];
    sotto_status        status = SOTTO_OK;
    CHECK_OK(sotto_audio_writer_open(&w, sound_file(name), SECOND, &err), err);
    for (int i = 0; i < 100 && status == SOTTO_OK; i++) {
        for (size_t k = 0; k < SOTTO_COUNT(pcm); k++) pcm[k] = (int16_t)test_random(&seed); /* does not compress */
        status = sotto_audio_writer_write(w, pcm, SOTTO_COUNT(pcm), &err);
    }
    CHECK_INT(status, SOTTO_IO);
    CHECK(strstr(err.message, "cannot be written: File too large") != NULL);
    CHECK_INT(sotto_audio_writer_write(w, pcm, 1, &again), SOTTO_IO);
    CHECK_STR(again.message, err.message);
    CHECK_INT(sotto_audio_writer_close(w, &again), SOTTO_IO);
    CHECK_STR(again.message, err.message);
    CHECK(frames_in(sound_file(name), SECOND) > 4000); /* of 20,000 */
}

TEST(a_disk_that_fills_up_is_told_of) {
    struct rlimit before, limit;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 40000, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    check_limit("full.wav", 1);
    check_limit("full.flac", 2);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
}

TEST_MAIN()
