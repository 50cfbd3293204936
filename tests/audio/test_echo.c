/* The echo canceller in a room that is made up: a delay of 40 ms, 100 ms of decaying reflections, a loudspeaker that
 * distorts, and a little noise. */
#include "audio/sound.h"

enum { SECOND = SOTTO_AUDIO_RATE, LENGTH = 14 * SECOND, DELAY = SECOND * 40 / 1000, TAIL = SECOND * 100 / 1000 };

/* What the microphone hears of the loudspeaker: the direct sound, then reflections that fall by 60 dB in their 100 ms.
 * The distortion, a cubic term, is 45 dB below a sound of full scale. */
static sound in_room(const sound *played) {
    static double response[TAIL];
    uint64_t      seed = 11;
    sound         echo = sound_new(played->n);
    double       *radiated = calloc(played->n, sizeof *radiated);
    if (!radiated) exit(1);
    for (size_t i = 0; i < played->n; i++) {
        double x = played->pcm[i] / 32768.0;
        radiated[i] = 32768.0 * (x - 0.02 * x * x * x);
    }
    for (size_t k = 0; k < TAIL; k++)
        response[k] = k == 0 ? 0.5 : 0.08 * (double)test_random_float(&seed) * exp(-6.9 * (double)k / TAIL);
    for (size_t i = 0; i < played->n; i++) {
        double sum = 10 * (double)test_random_float(&seed);
        for (size_t k = 0; k < TAIL && k + DELAY <= i; k++) sum += response[k] * radiated[i - DELAY - k];
        echo.pcm[i] = (int16_t)lrint(fmax(-32768, fmin(32767, sum)));
    }
    free(radiated);
    return echo;
}

/* `heard` without the echo of `played`, frame by frame. */
static sound cancel(const sound *heard, const sound *played) {
    sotto_error err = {0};
    sotto_echo *e;
    sound       out = sound_new(heard->n);
    int16_t     rest[SOTTO_AUDIO_FRAME];
    CHECK_OK(sotto_echo_open(&e, &err), err);
    for (size_t i = 0; i + SOTTO_AUDIO_FRAME <= heard->n; i += SOTTO_AUDIO_FRAME)
        sotto_echo_cancel(e, heard->pcm + i, played->pcm + i, rest, out.pcm + i);
    sotto_echo_close(e);
    return out;
}

static double decibels(const sound *a, const sound *b, size_t from, size_t to) {
    return 10 * log10(sound_energy(a->pcm + from, to - from) / (sound_energy(b->pcm + from, to - from) + 1));
}

/* Echo return loss enhancement: what comes in over what is left, without anybody speaking. */
TEST(the_echo_falls_by_20_dB) {
    sound  played = sound_speechlike(1, 20000, LENGTH), echo = in_room(&played), out = cancel(&echo, &played);
    double early = decibels(&echo, &out, SECOND, 3 * SECOND), late = decibels(&echo, &out, 8 * SECOND, LENGTH);
    printf("echo return loss enhancement: %.1f dB in the seconds 1 to 3, %.1f dB from 8 on\n", early, late);
    CHECK(early > 5);
    CHECK(late > 20);
    sound_free(&played);
    sound_free(&echo);
    sound_free(&out);
}

/* Somebody speaks while it plays. Compared is the loudness of syllables, 50 ms each, with what was said: of the output
 * they must follow it closely. The preprocessor's delay of one frame is taken out. */
TEST(who_speaks_meanwhile_is_kept) {
    enum { BEGIN = 10 * SECOND, STEP = SECOND / 20 };
    sound  played = sound_speechlike(1, 20000, LENGTH), heard = in_room(&played);
    sound  said = sound_speechlike(77, 16000, LENGTH);
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0, in = 0, out_energy = 0;
    memset(said.pcm, 0, BEGIN * sizeof *said.pcm);
    for (size_t i = BEGIN; i < LENGTH; i++)
        heard.pcm[i] = (int16_t)SOTTO_MAX(-32768, SOTTO_MIN(32767, heard.pcm[i] + said.pcm[i]));
    sound  out = cancel(&heard, &played);
    size_t n = 0;
    for (size_t i = BEGIN; i + STEP + SOTTO_AUDIO_FRAME <= LENGTH; i += STEP, n++) {
        double a = sound_energy(said.pcm + i, STEP), b = sound_energy(out.pcm + i + SOTTO_AUDIO_FRAME, STEP);
        in += a, out_energy += b;
        a = log(a + 1e6), b = log(b + 1e6);
        x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
    }
    double k = (double)n, correlation = (k * xy - x * y) / sqrt((k * xx - x * x) * (k * yy - y * y));
    double level = 10 * log10(out_energy / in);
    printf("who speaks meanwhile: %.1f dB louder than alone, loudness correlates by %.2f\n", level, correlation);
    CHECK(level > -6 && level < 3);
    CHECK(correlation > 0.8);
    sound_free(&played);
    sound_free(&heard);
    sound_free(&said);
    sound_free(&out);
}

/* Where nothing is played, speech passes nearly as it is. */
TEST(without_an_echo_little_is_changed) {
    sound said = sound_speechlike(5, 16000, 4 * SECOND), silence = sound_new(said.n), out = cancel(&said, &silence);
    double level = -decibels(&said, &out, SECOND, 4 * SECOND);
    printf("alone: %.1f dB\n", level);
    CHECK(level > -3 && level < 1);
    sound_free(&said);
    sound_free(&silence);
    sound_free(&out);
}

TEST_MAIN()
