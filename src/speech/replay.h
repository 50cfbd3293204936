/* The file of the replay engine, read. Internal to speech. */
#ifndef SOTTO_SPEECH_REPLAY_H
#define SOTTO_SPEECH_REPLAY_H

#include "base/base.h"

typedef struct sotto_replay_line {
    bool      final;
    double    value; /* of a partial: ms of sound; of a final: confidence */
    sotto_str text;  /* words, NUL-terminated */
} sotto_replay_line;

typedef struct sotto_replay_script {
    sotto_replay_line *lines;
    size_t             n;
} sotto_replay_script;

/* What a script holds is in the arena. `name`: of the file, for errors. */
sotto_status sotto_replay_read(sotto_replay_script *s, sotto_arena *arena, const char *name, const char *text, size_t n,
                               sotto_error *err);

#endif
