/* Rates: a sine stays the sine that it was, at its time; pieces of any size give what one piece gives. */
#include "audio/sound.h"

static sound resample(const int16_t *pcm, size_t n, int32_t from, int32_t to, uint64_t seed) {
    sotto_error      err = {0};
    sotto_resampler *r;
    sotto_buf        out = {0};
    CHECK_OK(sotto_resampler_open(&r, from, to, &err), err);
    for (size_t done = 0, part; done < n; done += part) {
        part = seed ? test_random(&seed) % 700 : n;
        part = SOTTO_MIN(n - done, part);
        CHECK_OK(sotto_resampler_run(r, pcm + done, part, false, &out, &err), err);
    }
    CHECK_OK(sotto_resampler_run(r, NULL, 0, true, &out, &err), err);
    sotto_resampler_close(r);
    sound s = sound_new(out.len / sizeof(int16_t));
    if (out.len) memcpy(s.pcm, out.data, out.len);
    sotto_buf_free(&out);
    return s;
}

static const int32_t rates[] = {8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000};

/* Amplitude within 1 % (0.09 dB), phase within 0.01 rad, that is 0.8 us at 1.9 kHz, and everything else together 60 dB
 * below, from 100 Hz up to 0.4 of the lower rate. 50 ms at each end are left out: there the sine begins and ends. */
static void check_sine(double hz, int32_t from, int32_t to) {
    size_t    n = (size_t)from;
    sound     in = sound_sine(hz, from, 12000, n), out = resample(in.pcm, n, from, to, 0);
    size_t    skip = (size_t)to / 20;
    CHECK_INT(out.n, to);
    sound_fit fit = sound_fit_sine(out.pcm + skip, out.n - 2 * skip, hz, to);
    double    phase = remainder(fit.phase - 2 * SOUND_PI * hz * (double)skip / to, 2 * SOUND_PI);
    CHECK(fabs(fit.amplitude / 12000 - 1) < 0.01);
    CHECK(fabs(phase) < 0.01);
    CHECK(fit.rest < 12000 / sqrt(2) / 1000);
    if (fit.rest >= 12000 / sqrt(2) / 1000 || fabs(phase) >= 0.01 || fabs(fit.amplitude / 12000 - 1) >= 0.01)
        printf("%g Hz, %d -> %d: amplitude %g, phase %g, rest %g\n", hz, from, to, fit.amplitude, phase, fit.rest);
    sound_free(&in);
    sound_free(&out);
}

TEST(a_sine_stays_a_sine) {
    for (size_t i = 0; i < SOTTO_COUNT(rates); i++) {
        double low = SOTTO_MIN(rates[i], 16000);
        const double tones[] = {100, 440, 1900, 0.4 * low};
        for (size_t k = 0; k < SOTTO_COUNT(tones); k++) {
            check_sine(tones[k], rates[i], 16000);
            check_sine(tones[k], 16000, rates[i]);
        }
    }
}

/* What the lower rate cannot hold must be gone, not turn up elsewhere: 60 dB. */
TEST(nothing_is_folded_back) {
    static const int32_t high[] = {32000, 44100, 48000};
    for (size_t i = 0; i < SOTTO_COUNT(high); i++) {
        sound in = sound_sine(10500, high[i], 12000, (size_t)high[i]), out = resample(in.pcm, in.n, high[i], 16000, 0);
        CHECK(sound_energy(out.pcm + 800, out.n - 1600) / (double)(out.n - 1600) < 12000.0 * 12000 / 2 * 1e-6);
        sound_free(&in);
        sound_free(&out);
    }
}

TEST(pieces_give_what_the_whole_gives) {
    for (size_t i = 0; i < SOTTO_COUNT(rates); i++) {
        for (int down = 0; down < 2; down++) {
            int32_t from = down ? rates[i] : 16000, to = down ? 16000 : rates[i];
            sound   in = sound_speechlike(5, 20000, 20011), whole = resample(in.pcm, in.n, from, to, 0);
            CHECK_INT(whole.n, ((int64_t)in.n * to + from - 1) / from);
            for (uint64_t seed = 1; seed < 4; seed++) {
                sound parts = resample(in.pcm, in.n, from, to, seed);
                CHECK_INT(parts.n, whole.n);
                CHECK(parts.n == whole.n && memcmp(parts.pcm, whole.pcm, whole.n * sizeof *whole.pcm) == 0);
                sound_free(&parts);
            }
            sound_free(&in);
            sound_free(&whole);
        }
    }
}

TEST(equal_rates_change_nothing) {
    sound in = sound_speechlike(9, 32767, 5000), out = resample(in.pcm, in.n, 22050, 22050, 1);
    CHECK(out.n == in.n && memcmp(in.pcm, out.pcm, in.n * sizeof *in.pcm) == 0);
    sound_free(&in);
    sound_free(&out);
}

/* Full scale must not wrap around: a square wave overshoots in every low-pass. */
TEST(loud_sound_is_cut_off_not_turned_over) {
    sound in = sound_new(4800);
    for (size_t i = 0; i < in.n; i++) in.pcm[i] = i / 240 % 2 ? INT16_MIN : INT16_MAX;
    sound  out = resample(in.pcm, in.n, 48000, 16000, 0);
    size_t wrong = 0;
    for (size_t i = 0; i < out.n; i++) {
        size_t in_half = i % 80;
        wrong += in_half > 8 && in_half < 72 && (out.pcm[i] < 0) != (i / 80 % 2 == 1);
    }
    CHECK_INT(wrong, 0);
    sound_free(&in);
    sound_free(&out);
}

TEST(after_a_reset_and_after_the_end_it_begins_anew) {
    sotto_error      err = {0};
    sotto_resampler *r;
    sotto_buf        first = {0}, again = {0}, third = {0};
    sound            in = sound_speechlike(4, 20000, 3000);
    CHECK_OK(sotto_resampler_open(&r, 44100, 16000, &err), err);
    CHECK_OK(sotto_resampler_run(r, in.pcm, in.n, true, &first, &err), err);
    CHECK_OK(sotto_resampler_run(r, in.pcm, in.n, true, &again, &err), err);
    CHECK(first.len == again.len && memcmp(first.data, again.data, first.len) == 0);
    CHECK_OK(sotto_resampler_run(r, in.pcm, 1234, false, &again, &err), err);
    sotto_resampler_reset(r);
    CHECK_OK(sotto_resampler_run(r, in.pcm, in.n, true, &third, &err), err);
    CHECK(first.len == third.len && memcmp(first.data, third.data, first.len) == 0);
    sotto_resampler_close(r);
    sotto_buf_free(&first);
    sotto_buf_free(&again);
    sotto_buf_free(&third);
    sound_free(&in);
}

TEST(rates_out_of_range_are_refused) {
    static const int32_t pairs[][2] = {{3999, 16000}, {16000, 192001}, {0, 16000}, {-1, 16000}, {16000, INT32_MIN}};
    sotto_error          err = {0};
    sotto_resampler     *r;
    for (size_t i = 0; i < SOTTO_COUNT(pairs); i++)
        CHECK_INT(sotto_resampler_open(&r, pairs[i][0], pairs[i][1], &err), SOTTO_UNSUPPORTED);
    CHECK_STR(err.message, "-2147483648 samples a second are out of the range from 4000 to 192000");
    CHECK_OK(sotto_resampler_open(&r, 4000, 192000, &err), err);
    sotto_resampler_close(r);
}

TEST_MAIN()
