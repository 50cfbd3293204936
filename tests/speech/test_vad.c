/* Voice activity: sentences spoken by flite with a second of silence around, clean and in white noise. A frame is
 * speech if it is within 35 dB of the loudest of the clean sentence; the end is where 90 % of the last 500 ms are
 * unvoiced.
 *
 * "test_speech_vad --table" measures 90 sentences and prints what was found. */
#include "spoken.h"

static const char *const sentences[] = {
    "set a timer for five minutes",
    "what time is it",
    "remind me to call the dentist tomorrow at nine",
    "add milk and eggs to the shopping list",
    "stop",
    "how many miles are in ten kilometers",
    "what is fifteen percent of eighty",
    "turn the volume up",
    "cancel the pasta timer",
    "roll two dice and tell me the sum",
    "remember that I parked on level four",
    "who wrote the book about the white whale",
    "explain how a rainbow is made",
    "play some quiet music in the kitchen",
    "what is on my shopping list",
    "set an alarm for half past six",
    "yes",
    "thank you very much",
    "the meeting with the architect has been moved to thursday afternoon",
    "is it going to rain in the mountains this weekend",
    "take the potatoes off the list",
    "tell me a joke",
    "switch off the light in the hall",
    "how long is left on the egg timer",
    "never mind",
    "convert seventy two degrees fahrenheit to celsius",
    "what day of the week is the third of may",
    "flip a coin",
    "repeat that more slowly please",
    "good night and sleep well",
};
enum { SENTENCES = SOTTO_COUNT(sentences), VOICES = 3, END_FRAMES = 50, FRAMES_MAX = 2000 };

typedef struct score {
    long   speech, missed, other, false_alarms;
    int    right, early, never, utterances;
    double delay_ms, snr_db, noise_db;
} score;

static double frame_power(const int16_t *pcm) {
    double sum = 0;
    for (int i = 0; i < SOTTO_SPEECH_FRAME; i++) sum += (double)pcm[i] * pcm[i];
    return sum;
}

/* Which frames are speech; the number of frames. */
static int find_truth(const spoken *s, bool truth[FRAMES_MAX]) {
    int    n = (int)SOTTO_MIN(s->n / SOTTO_SPEECH_FRAME, FRAMES_MAX);
    double peak = 0;
    for (int i = 0; i < n; i++) peak = SOTTO_MAX(peak, frame_power(s->pcm + i * SOTTO_SPEECH_FRAME));
    for (int i = 0; i < n; i++) truth[i] = frame_power(s->pcm + i * SOTTO_SPEECH_FRAME) > peak * pow(10, -3.5);
    return n;
}

/* The frame at which 90 % of the last 500 ms were unvoiced for the first time after some voice; -1: none. */
static int find_end(const bool *voiced, int n) {
    int  count = 0;
    bool begun = false;
    for (int i = 0; i < n; i++) {
        count += voiced[i] - (i >= END_FRAMES && voiced[i - END_FRAMES]);
        begun |= count >= 9;
        if (begun && i >= END_FRAMES && count <= END_FRAMES / 10) return i;
    }
    return -1;
}

static void measure(size_t voice, const char *sentence, double snr_db, uint64_t *random, score *sum) {
    spoken          s = spoken_by(voice, sentence, 1000, 1000);
    bool            truth[FRAMES_MAX], voiced[FRAMES_MAX];
    int             n = find_truth(&s, truth), last = 0;
    sotto_vad      *v;
    sotto_vad_frame f = {0};
    sotto_error     err = {0};
    if (snr_db < 90) spoken_add_noise(&s, snr_db, random);
    CHECK_OK(sotto_vad_open(&v, &err), err);
    for (int i = 0; i < n; i++) {
        f = sotto_vad_feed(v, s.pcm + i * SOTTO_SPEECH_FRAME);
        voiced[i] = f.voiced;
        sum->speech += truth[i], sum->missed += truth[i] && !voiced[i];
        sum->other += !truth[i], sum->false_alarms += !truth[i] && voiced[i];
        if (truth[i]) last = i;
    }
    int end = find_end(voiced, n);
    sum->utterances++;
    if (end < 0) sum->never++;
    else if (end <= last) sum->early++;
    else sum->right++, sum->delay_ms += 10 * (end - last);
    sum->snr_db += (double)f.snr_db, sum->noise_db += (double)f.noise_db;
    sotto_vad_close(v);
    free(s.pcm);
}

static score measure_all(double snr_db, int every) {
    score    sum = {0};
    uint64_t random = 1;
    for (int i = 0; i < SENTENCES; i += every)
        for (size_t voice = 0; voice < VOICES; voice++) measure(voice, sentences[i], snr_db, &random, &sum);
    sum.delay_ms /= SOTTO_MAX(sum.right, 1), sum.snr_db /= sum.utterances, sum.noise_db /= sum.utterances;
    return sum;
}

static double percent(long part, long whole) { return 100 * (double)part / (double)SOTTO_MAX(whole, 1); }

static void print_score(const char *name, const score *s) {
    printf("%-12s missed %5.1f %%, false alarms %4.1f %%, ends right %d/%d (early %d, never %d), delay %3.0f ms, "
           "room %3.0f dB, snr %2.0f dB\n", name, percent(s->missed, s->speech), percent(s->false_alarms, s->other),
           s->right, s->utterances, s->early, s->never, s->delay_ms, s->noise_db, s->snr_db);
}

TEST(clean_speech) {
    score s = measure_all(99, 3);
    print_score("clean", &s);
    CHECK(percent(s.missed, s.speech) < 5);
    CHECK(percent(s.false_alarms, s.other) < 5);
    CHECK_INT(s.right, s.utterances);
    CHECK(s.delay_ms < 550);
    CHECK(s.snr_db > 30);
}

TEST(a_room_with_noise) {
    score s = measure_all(20, 3);
    print_score("white 20 dB", &s);
    CHECK(percent(s.false_alarms, s.other) < 8);
    CHECK(s.right >= s.utterances - 1);
    CHECK(s.delay_ms < 550);
    CHECK(s.snr_db > 14 && s.snr_db < 28);
}

TEST(a_loud_room) {
    score s = measure_all(10, 3);
    print_score("white 10 dB", &s);
    CHECK(percent(s.false_alarms, s.other) < 8);
    CHECK(s.right >= s.utterances - 2);
    CHECK(s.delay_ms < 550);
    CHECK(s.snr_db < 15);
}

/* A sample of white noise at a level in dBFS: a uniform number in [-1, 1) is at -4.8 dB. */
static double noise_sample(double level_db, uint64_t *random) {
    return 32767 * pow(10, (level_db + 4.8) / 20) * (double)test_random_float(random);
}

/* How many of `n` frames of noise are voiced. */
static int feed_noise(sotto_vad *v, int n, double level_db, uint64_t *random) {
    int voiced = 0;
    for (; n > 0; n--) {
        int16_t pcm[SOTTO_SPEECH_FRAME];
        for (int i = 0; i < SOTTO_SPEECH_FRAME; i++) pcm[i] = (int16_t)noise_sample(level_db, random);
        sotto_vad_frame f = sotto_vad_feed(v, pcm);
        voiced += f.voiced;
        CHECK(fabs((double)f.level_db - level_db) < 3);
    }
    return voiced;
}

/* How many frames of a sentence in noise are. */
static int feed_speech(sotto_vad *v, const spoken *s, int divisor, double level_db, uint64_t *random) {
    int voiced = 0;
    for (size_t at = s->begin; at + SOTTO_SPEECH_FRAME <= s->end; at += SOTTO_SPEECH_FRAME) {
        int16_t pcm[SOTTO_SPEECH_FRAME];
        for (int i = 0; i < SOTTO_SPEECH_FRAME; i++)
            pcm[i] = (int16_t)(s->pcm[at + (size_t)i] / divisor + noise_sample(level_db, random));
        voiced += sotto_vad_feed(v, pcm).voiced;
    }
    return voiced;
}

TEST(a_fan_becomes_the_room) {
    sotto_vad  *v;
    sotto_error err = {0};
    uint64_t    random = 3;
    spoken      s = spoken_by(0, "set a timer for five minutes", 0, 0);
    int         frames = (int)(s.n / SOTTO_SPEECH_FRAME);
    CHECK_OK(sotto_vad_open(&v, &err), err);
    CHECK(feed_noise(v, 200, -65, &random) < 10);
    CHECK(feed_noise(v, 300, -35, &random) < 300); /* switched on */
    CHECK(feed_noise(v, 200, -35, &random) < 10);
    CHECK(fabs((double)sotto_vad_feed(v, (int16_t[SOTTO_SPEECH_FRAME]){0}).noise_db + 35) < 4);
    CHECK(feed_speech(v, &s, 1, -35, &random) > frames / 2); /* and somebody speaks */
    CHECK(feed_noise(v, 100, -35, &random) < 30); /* the frame of nothing before it is no new room */
    free(s.pcm);
    sotto_vad_close(v);
}

TEST(quiet_speakers_and_early_ones) {
    static const int divisors[] = {1, 4, 16};
    uint64_t         random = 5;
    for (size_t i = 0; i < SOTTO_COUNT(divisors); i++) {
        sotto_vad  *v;
        sotto_error err = {0};
        spoken      s = spoken_by(1, "remind me to call the dentist tomorrow", 0, 0);
        int         frames = (int)(s.n / SOTTO_SPEECH_FRAME);
        CHECK_OK(sotto_vad_open(&v, &err), err);
        CHECK(feed_speech(v, &s, divisors[i], -80, &random) > frames / 2); /* from the first frame on */
        CHECK_INT(sotto_vad_feed(v, (int16_t[SOTTO_SPEECH_FRAME]){0}).snr_db > 20, 1);
        free(s.pcm);
        sotto_vad_close(v);
    }
}

int main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--table") != 0) return test_main(argc, argv);
    static const double snrs[] = {99, 20, 10};
    static const char *const names[] = {"clean", "white 20 dB", "white 10 dB"};
    for (size_t i = 0; i < SOTTO_COUNT(snrs); i++) {
        score s = measure_all(snrs[i], 1);
        print_score(names[i], &s);
    }
    return 0;
}
