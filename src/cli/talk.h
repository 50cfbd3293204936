/* `sotto talk`: what its two files share. */
#ifndef SOTTO_CLI_TALK_H
#define SOTTO_CLI_TALK_H

#include <sotto/voice.h>

#include "cli/cli.h"

typedef struct sotto_cli_talk {
    const sotto_cli_settings *settings;
    sotto_voice              *voice;
    bool                      live;    /* a person watches: there is a line of state */
    bool                      colored; /* stderr is */
    bool                      keys;    /* and may press keys */
    bool                      lines_aside; /* standard output is for the sound */
    bool                      pushed, failed, left;
    sotto_voice_state         state;
    float                     level_db;
    sotto_buf                 partial;
    sotto_buf                 early;       /* of an answer to what may not be all that is said */
    bool                      transcribed; /* what was said has been shown */
    bool                      answering;   /* in the middle of a line */
    bool                      line_drawn;
} sotto_cli_talk;

void sotto_cli_talk_event(void *talk, const sotto_voice_event *event); /* a sotto_voice_fn */
void sotto_cli_talk_draw(sotto_cli_talk *t);
void sotto_cli_talk_waterfall(const sotto_cli_talk *t, const sotto_voice_latency *latency);
void sotto_cli_talk_summary(sotto_cli_talk *t, const sotto_voice_stats *stats); /* and frees what t holds */

#endif
