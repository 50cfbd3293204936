/* The table of tools. */
#include "chat/toolbox.h"

/* What a model is told of a tool's arguments, as a JSON schema. */
#define ARGUMENTS(required, properties)                                                                              \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "],\"additionalProperties\":false}"
#define ARGUMENT(name, type, description)                                                                            \
    "\"" name "\":{\"type\":\"" type "\",\"description\":\"" description "\"}"
#define NONE ARGUMENTS("", "")

/* X(name, writes, description, arguments) AND ... An argument without which a tool would have to ask (for how long? at
 * what time?) is not required: it is the tool that asks. */
#define TOOLS(X, AND)                                                                                                \
    X(get_time, false, "The time of day now.", NONE) AND                                                             \
    X(get_date, false, "The date and weekday, of today or so many days from it.",                                    \
      ARGUMENTS("", ARGUMENT("offset_days", "integer", "1: tomorrow, -7: a week ago; 0 if left out"))) AND            \
    X(set_timer, true, "Set a timer. One with the same label is replaced.",                                          \
      ARGUMENTS("", ARGUMENT("seconds", "number", "how long it runs") ","                                            \
                    ARGUMENT("label", "string", "what it is for, if that was said: pasta"))) AND                      \
    X(cancel_timer, true, "Cancel a timer.",                                                                         \
      ARGUMENTS("", ARGUMENT("label", "string", "of which; all: every one; left out: the only one"))) AND             \
    X(list_timers, false, "The timers, and how long they still run.", NONE) AND                                      \
    X(add_reminder, true, "Remind the person of something. Give either in_seconds or at.",                           \
      ARGUMENTS("\"text\"", ARGUMENT("text", "string", "of what: call mom") ","                                      \
                            ARGUMENT("in_seconds", "number", "so long from now") ","                                 \
                            ARGUMENT("at", "string", "17:00, tomorrow 08:00, friday, 2026-11-26T08:00; 7:30? when "   \
                                                     "morning or evening was not said"))) AND                        \
    X(list_reminders, false, "The reminders that are still to come.", NONE) AND                                      \
    X(calculate, false, "Work out an arithmetic expression.",                                                        \
      ARGUMENTS("\"expression\"",                                                                                    \
                ARGUMENT("expression", "string", "with + - * / ^ ( ) % mod sqrt: 15%*80, 2^10, sqrt(2)"))) AND        \
    X(convert_units, false, "Convert a measure to another unit: length, mass, volume, temperature, speed, area, "    \
                            "time or data.",                                                                         \
      ARGUMENTS("\"value\",\"from\",\"to\"", ARGUMENT("value", "number", "how many of the first unit") ","            \
                                             ARGUMENT("from", "string", "unit: mile, square_foot, celsius") ","      \
                                             ARGUMENT("to", "string", "unit"))) AND                                  \
    X(add_to_list, true, "Put something on a list, such as shopping or to do.",                                      \
      ARGUMENTS("\"list\",\"item\"", ARGUMENT("list", "string", "which: shopping") ","                               \
                                     ARGUMENT("item", "string", "one thing: milk"))) AND                             \
    X(remove_from_list, true, "Take something off a list.",                                                          \
      ARGUMENTS("\"list\",\"item\"", ARGUMENT("list", "string", "which") ","                                         \
                                     ARGUMENT("item", "string", "one thing; all: everything"))) AND                  \
    X(read_list, false, "What is on a list.", ARGUMENTS("\"list\"", ARGUMENT("list", "string", "which"))) AND        \
    X(remember, true, "Keep a fact that the person wants to be told again later.",                                   \
      ARGUMENTS("\"subject\",\"fact\"", ARGUMENT("subject", "string", "of what: wifi password") ","                  \
                                        ARGUMENT("fact", "string", "what was said about it"))) AND                   \
    X(recall, false, "What was remembered about something.",                                                         \
      ARGUMENTS("\"subject\"", ARGUMENT("subject", "string", "of what"))) AND                                        \
    X(set_volume, true, "Make the voice louder or quieter. Give either percent or delta.",                           \
      ARGUMENTS("", ARGUMENT("percent", "number", "0: silent, 100: loudest") ","                                     \
                    ARGUMENT("delta", "number", "percent more, or less if negative"))) AND                           \
    X(roll_dice, false, "Roll dice.",                                                                                \
      ARGUMENTS("", ARGUMENT("count", "integer", "how many; 1 if left out") ","                                      \
                    ARGUMENT("sides", "integer", "of each; 6 if left out"))) AND                                     \
    X(flip_coin, false, "Flip a coin.", NONE) AND                                                                    \
    X(repeat, false, "Say the last answer again.", NONE) AND                                                         \
    X(stop, false, "Be quiet.", NONE)

#define ROW(name, writes, description, arguments) {#name, arguments, writes, sotto_tool_##name},
static const sotto_tool tools[] = {TOOLS(ROW, )};

#define SCHEMA(name, writes, description, arguments)                                                                 \
    "{\"type\":\"function\",\"function\":{\"name\":\"" #name "\",\"description\":\"" description                     \
    "\",\"parameters\":" arguments "}}"
static const char schema[] = "[" TOOLS(SCHEMA, ",") "]";

const char *sotto_tools_schema(void) { return schema; }

const sotto_tool *sotto_tool_find(const char *name) {
    for (size_t i = 0; i < SOTTO_COUNT(tools); i++)
        if (strcmp(tools[i].name, name) == 0) return &tools[i];
    return NULL;
}
