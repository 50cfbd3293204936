/* Every tool: what it says, what it gives the model, and what it refuses. */
#define _POSIX_C_SOURCE 200809L
#include <jansson.h>

#include "tools/rows.h"
#include "tools/toolbox.h"

/* A call, its sentence, and what is in the JSON (NULL: the error, which is the sentence). */
typedef struct step {
    const char *name, *arguments, *spoken, *json;
} step;

static void run(sotto_toolbox *box, const step *steps, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *spoken = test_call(box, steps[i].name, steps[i].arguments);
        if (strcmp(spoken, steps[i].spoken) != 0) printf("%s(%s): ", steps[i].name, steps[i].arguments);
        CHECK_STR(spoken, steps[i].spoken);
        CHECK(test_result.failed == !steps[i].json);
        json_t     *json = json_loads(test_result.json, 0, NULL);
        const char *error = json_string_value(json_object_get(json, "error"));
        if (steps[i].json) CHECK_STR(test_result.json, steps[i].json);
        else CHECK_STR(error, spoken);
        json_decref(json);
    }
}
#define RUN(box, steps) run(box, steps, sizeof(steps) / sizeof *(steps))

static void once(const step *steps, size_t n) {
    sotto_toolbox *box = test_toolbox(":memory:");
    run(box, steps, n);
    sotto_tool_result_free(&test_result);
    sotto_toolbox_close(box);
}
#define ONCE(steps) once(steps, sizeof(steps) / sizeof *(steps))

TEST(schema_is_json_that_a_grammar_can_say) {
    json_t *tools = json_loads(sotto_tools_schema(), JSON_REJECT_DUPLICATES, NULL), *tool, *property;
    size_t  i;
    CHECK_INT(json_array_size(tools), 19);
    json_array_foreach(tools, i, tool) {
        json_t     *function = json_object_get(tool, "function"), *parameters = json_object_get(function, "parameters");
        const char *name;
        CHECK_STR(json_string_value(json_object_get(tool, "type")), "function");
        CHECK(json_string_length(json_object_get(function, "description")) > 5);
        CHECK_STR(json_string_value(json_object_get(parameters, "type")), "object");
        CHECK(json_is_array(json_object_get(parameters, "required")));
        CHECK(json_is_false(json_object_get(parameters, "additionalProperties")));
        json_object_foreach(json_object_get(parameters, "properties"), name, property) {
            CHECK(json_is_string(json_object_get(property, "type")));
            CHECK_INT(json_object_size(property), 2);
        }
    }
    json_decref(tools);
}

TEST(time_and_date) {
    static const step steps[] = {
        {"get_time", NULL, "It is noon.", "{\"result\":{\"time\":\"12:00\",\"date\":\"Thursday, November 26, 2026\"}}"},
        {"get_date", "", "Today is Thursday, November 26, 2026.",
         "{\"result\":{\"date\":\"2026-11-26\",\"said\":\"Thursday, November 26, 2026\"}}"},
        {"get_date", "{\"offset_days\":0.0}", "Today is Thursday, November 26, 2026.",
         "{\"result\":{\"date\":\"2026-11-26\",\"said\":\"Thursday, November 26, 2026\"}}"},
        {"get_date", "{\"offset_days\":1}", "Tomorrow is Friday, November 27, 2026.",
         "{\"result\":{\"date\":\"2026-11-27\",\"said\":\"Friday, November 27, 2026\"}}"},
        {"get_date", "{\"offset_days\":-1}", "Yesterday was Wednesday, November 25, 2026.",
         "{\"result\":{\"date\":\"2026-11-25\",\"said\":\"Wednesday, November 25, 2026\"}}"},
        {"get_date", "{\"offset_days\":100}", "In 100 days it will be Saturday, March 6, 2027.",
         "{\"result\":{\"date\":\"2027-03-06\",\"said\":\"Saturday, March 6, 2027\"}}"},
        {"get_date", "{\"offset_days\":-14}", "14 days ago it was Thursday, November 12, 2026.",
         "{\"result\":{\"date\":\"2026-11-12\",\"said\":\"Thursday, November 12, 2026\"}}"},
        {"get_date", "{\"offset_days\":4000000}", "I know only the dates of the years 1 to 9999.", NULL},
        {"get_date", "{\"offset_days\":-740000}", "I know only the dates of the years 1 to 9999.", NULL},
        {"get_date", "{\"offset_days\":1e300}", "I know only the dates of the years 1 to 9999.", NULL}};
    ONCE(steps);
}

TEST(timers) {
    static const step steps[] = {
        {"list_timers", "{}", "You have no timers.", "{\"result\":{\"timers\":[]}}"},
        {"cancel_timer", "{}", "No timer is running.", NULL},
        {"cancel_timer", "{\"label\":\"all\"}", "No timer is running.", NULL},
        {"set_timer", "{}", "For how long should I set the timer?", NULL},
        {"set_timer", "{\"label\":\"pizza\"}", "For how long should I set the timer?", NULL},
        {"set_timer", "{\"seconds\":0.4}", "A timer runs for at least 1 second.", NULL},
        {"set_timer", "{\"seconds\":-60}", "A timer runs for at least 1 second.", NULL},
        {"set_timer", "{\"seconds\":1e300}",
        "A timer runs for at most 366 days; a reminder can come later than that.", NULL},
        {"set_timer", "{\"seconds\":480,\"label\":\" the  pasta \"}", "Timer for pasta: 8 minutes.",
         "{\"result\":{\"timer\":\"pasta\",\"seconds\":480,\"ends\":\"12:08\"}}"},
        {"list_timers", "{}", "Your timer for pasta has 8 minutes left.",
         "{\"result\":{\"timers\":[{\"timer\":\"pasta\",\"seconds\":480,\"ends\":\"12:08\",\"seconds_left\":480}]}}"},
        {"set_timer", "{\"seconds\":720,\"label\":\"Pasta\"}", "Timer for Pasta: now 12 minutes.",
         "{\"result\":{\"timer\":\"Pasta\",\"seconds\":720,\"ends\":\"12:12\"}}"},
        {"set_timer", "{\"seconds\":389.6,\"label\":null}", "Timer: 6 minutes and 30 seconds.",
         "{\"result\":{\"timer\":\"\",\"seconds\":390,\"ends\":\"12:06\"}}"},
        {"set_timer", "{\"seconds\":86400}", "Another timer: 1 day.",
         "{\"result\":{\"timer\":\"\",\"seconds\":86400,\"ends\":\"2026-11-27T12:00\"}}"},
        {"cancel_timer", "{}",
        "Which one? You have 3 timers: one for 6 minutes and 30 seconds, 6 minutes and 30 seconds left, "
         "Pasta, 12 minutes left, and one for 1 day, 1 day left.", NULL},
        {"cancel_timer", "{\"label\":\"1 days\"}", "The timer for 1 day is cancelled.",
         "{\"result\":{\"cancelled\":1,\"timer\":\"\"}}"},
        {"cancel_timer", "{\"label\":\"rice\"}",
        "There is no timer for rice. You have 2 timers: one for 6 minutes and 30 seconds, "
         "6 minutes and 30 seconds left, and Pasta, 12 minutes left.", NULL},
        {"cancel_timer", "{\"label\":\"my pasta\"}", "The timer for Pasta is cancelled.",
         "{\"result\":{\"cancelled\":1,\"timer\":\"Pasta\"}}"},
        {"cancel_timer", "{}", "The timer for 6 minutes and 30 seconds is cancelled.",
         "{\"result\":{\"cancelled\":1,\"timer\":\"\"}}"},
        {"set_timer", "{\"seconds\":60}", "Timer: 1 minute.",
        "{\"result\":{\"timer\":\"\",\"seconds\":60,\"ends\":\"12:01\"}}"},
        {"cancel_timer", "{\"label\":\"All\"}", "1 timer cancelled.", "{\"result\":{\"cancelled\":1}}"}};
    ONCE(steps);
}

TEST(limits) {
    sotto_toolbox *box = test_toolbox(":memory:");
    char           text[2048];
    for (int i = 0; i < 100; i++) (void)test_call(box, "set_timer", "{\"seconds\":60}");
    CHECK_STR(test_call(box, "set_timer", "{\"seconds\":60}"), "There are 100 timers already; cancel one first.");
    CHECK(strstr(test_call(box, "list_timers", ""), "one for 1 minute, 1 minute left, and 90 more."));
    CHECK_STR(test_call(box, "cancel_timer", "{\"label\":\"all\"}"), "100 timers cancelled.");
    for (int i = 0; i < 500; i++) {
        (void)snprintf(text, sizeof text, "{\"list\":\"x\",\"item\":\"thing %d\"}", i);
        (void)test_call(box, "add_to_list", text);
    }
    CHECK_STR(test_call(box, "add_to_list",
    "{\"list\":\"x\",\"item\":\"one more\"}"), "Your x list is full: it has 500 things.");
    CHECK(strstr(test_call(box, "read_list", "{\"list\":\"x\"}"), "thing 19 and 480 more."));
    for (int i = 0; i < 1000; i++) (void)test_call(box, "add_reminder", "{\"text\":\"go\",\"in_seconds\":60}");
    CHECK_STR(test_call(box, "add_reminder", "{\"text\":\"go\",\"in_seconds\":60}"),
              "There are 1000 reminders already; that is all I can keep.");
    CHECK(strstr(test_call(box, "list_reminders", ""), "You have 1000 reminders: go, today at 12:01 PM"));
    memset(text, 0, sizeof text);
    (void)snprintf(text, sizeof text, "{\"list\":\"%0101d\",\"item\":\"y\"}", 0);
    CHECK_STR(test_call(box, "add_to_list", text),
              "The argument \"list\" of add_to_list is too long: 101 characters, of at most 100.");
    (void)snprintf(text, sizeof text, "{\"list\":\"x\",\"item\":\"%0501d\"}", 0);
    CHECK_STR(test_call(box, "add_to_list", text),
              "The argument \"item\" of add_to_list is too long: 501 characters, of at most 500.");
    char *huge = malloc(70000);
    memset(huge, ' ', 69999);
    huge[0] = '{', huge[69998] = '}', huge[69999] = '\0';
    CHECK_STR(test_call(box, "stop", huge), "The arguments of stop are too long.");
    free(huge);
    sotto_tool_result_free(&test_result);
    sotto_toolbox_close(box);
}

TEST(reminders) {
    static const step steps[] = {
        {"list_reminders", "{}", "You have no reminders.", "{\"result\":{\"reminders\":[]}}"},
        {"add_reminder", "{\"text\":\"call mom\"}", "When should I remind you?", NULL},
        {"add_reminder", "{\"at\":\"friday\"}", "add_reminder needs the argument \"text\".", NULL},
        {"add_reminder", "{\"text\":\"x\",\"at\":\"friday\",\"in_seconds\":5}",
         "A reminder has either in_seconds or at, not both.", NULL},
        {"add_reminder", "{\"text\":\"x\",\"in_seconds\":0}", "A reminder comes in 1 second at the earliest.", NULL},
        {"add_reminder", "{\"text\":\"x\",\"in_seconds\":1e12}", "A reminder comes in 20 years at the latest.", NULL},
        {"add_reminder", "{\"text\":\"x\",\"at\":\"9000-01-01\"}", "A reminder comes in 20 years at the latest.", NULL},
        {"add_reminder", "{\"text\":\"x\",\"at\":\"soon\"}",
        "I do not understand the time \"soon\". Times are written like "
         "\"17:00\", \"8:15 pm\", \"tomorrow 08:00\", \"friday\" or \"2026-11-26T08:00\".", NULL},
        {"add_reminder", "{\"text\":\"x\",\"at\":\"today 11:00\"}",
         "The time \"today 11:00\" is already over, or there is no such day.", NULL},
        {"add_reminder", "{\"text\":\"call mom\",\"at\":\"tomorrow 08:00\"}", "Reminder tomorrow at 8 AM: call mom.",
         "{\"result\":{\"reminder\":\"call mom\",\"at\":\"2026-11-27T08:00\"}}"},
        {"add_reminder", "{\"text\":\"The rent is due!\",\"at\":\"7:30?\"}",
        "Reminder today at 7:30 PM: The rent is due!",
         "{\"result\":{\"reminder\":\"The rent is due!\",\"at\":\"19:30\"}}"},
        {"add_reminder", "{\"text\":\"stretch\",\"in_seconds\":5400}", "Reminder in 1 hour and 30 minutes: stretch.",
         "{\"result\":{\"reminder\":\"stretch\",\"at\":\"13:30\"}}"},
        {"list_reminders", "{}",
        "You have 3 reminders: stretch, today at 1:30 PM, The rent is due!, today at 7:30 PM, and "
         "call mom, tomorrow at 8 AM.", "{\"result\":{\"reminders\":[{\"reminder\":\"stretch\",\"at\":\"13:30\"},"
         "{\"reminder\":\"The rent is due!\",\"at\":\"19:30\"},"
         "{\"reminder\":\"call mom\",\"at\":\"2026-11-27T08:00\"}]}}"}};
    ONCE(steps);
}

TEST(what_falls_due) {
    sotto_toolbox *box = test_toolbox(":memory:");
    CHECK_INT(sotto_toolbox_next_due(box), -1);
    CHECK_STR(test_due(box), "not found");
    (void)test_call(box, "set_timer", "{\"seconds\":60,\"label\":\"tea\"}");
    (void)test_call(box, "set_timer", "{\"seconds\":90}");
    (void)test_call(box, "add_reminder", "{\"text\":\"call mom\",\"in_seconds\":30}");
    (void)test_call(box, "add_reminder", "{\"text\":\"Lights out!\",\"in_seconds\":3600}");
    CHECK_INT(sotto_toolbox_next_due(box), 30);
    CHECK_STR(test_due(box), "not found");
    test_now += 30;
    CHECK_INT(sotto_toolbox_next_due(box), 0);
    CHECK_STR(test_due(box), "Reminder: call mom.");
    CHECK_STR(test_result.json, "{\"kind\":\"reminder\",\"text\":\"call mom\",\"due\":\"2026-11-26T12:00\"}");
    CHECK_STR(test_due(box), "not found");
    test_now += 65;
    CHECK_STR(test_call(box, "list_timers",
    ""), "You have 2 timers: tea, time is up, and one for 1 minute and 30 seconds, "
                                                 "time is up.");
    CHECK_STR(test_due(box), "Your timer for tea is up.");
    CHECK_STR(test_result.json, "{\"kind\":\"timer\",\"label\":\"tea\",\"due\":\"2026-11-26T12:01\"}");
    CHECK_STR(test_due(box), "Your timer for 1 minute and 30 seconds is up.");
    CHECK_INT(sotto_toolbox_next_due(box), 3600 - 95);
    (void)test_call(box, "set_timer", "{\"seconds\":5,\"label\":\"egg\"}");
    test_now += 2 * 3600 + 60;
    (void)test_call(box, "set_timer", "{\"seconds\":7,\"label\":\"egg\"}"); /* the one that is due is not lost */
    CHECK_STR(test_due(box), "Your timer for egg was up 2 hours ago.");
    CHECK_STR(test_due(box), "Reminder: Lights out! It was due 1 hour ago.");
    CHECK_STR(test_due(box), "not found");
    test_now += 7 + 59;
    CHECK_STR(test_due(box), "Your timer for egg is up.");
    test_now = TEST_NOW;
    sotto_tool_result_free(&test_result);
    sotto_toolbox_close(box);
}

TEST(sums_and_units) {
    static const step steps[] = {
        {"calculate", "{\"expression\":\"12*4\"}", "That is 48.", "{\"result\":48}"},
        {"calculate", "{\"expression\":\"0.1+0.2\"}", "That is 0.3.", "{\"result\":0.3}"},
        {"calculate", "{\"expression\":\"5-12.5\"}", "That is minus 7.5.", "{\"result\":-7.5}"},
        {"calculate", "{\"expression\":\"2/3\"}", "That is about 0.666667.", "{\"result\":0.666666666667}"},
        {"calculate", "{\"expression\":\"2^53-1\"}", "That is 9007199254740991.", "{\"result\":9007199254740991}"},
        {"calculate", "{\"expression\":\"2^64\"}", "That is about 1.84467 times 10 to the power of 19.",
         "{\"result\":1.84467440737e19}"},
        {"calculate", "{\"expression\":\"1/0\"}", "There is a division by zero at character 2 of \"1/0\".", NULL},
        {"calculate", "{\"expression\":\"\"}", "calculate needs the argument \"expression\".", NULL},
        {"convert_units", "{\"value\":10,\"from\":\"mile\",\"to\":\"km\"}", "10 miles is 16.09 kilometers.",
         "{\"result\":{\"value\":16.09344,\"unit\":\"kilometer\"}}"},
        {"convert_units", "{\"value\":1,\"from\":\"inch\",\"to\":\"centimeter\"}", "1 inch is 2.54 centimeters.",
         "{\"result\":{\"value\":2.54,\"unit\":\"centimeter\"}}"},
        {"convert_units", "{\"value\":26.2,\"from\":\"miles\",\"to\":\"meters\"}", "26.2 miles is 42165 meters.",
         "{\"result\":{\"value\":42164.8128,\"unit\":\"meter\"}}"},
        {"convert_units", "{\"value\":98.6,\"from\":\"F\",\"to\":\"celsius\"}",
        "98.6 degrees Fahrenheit is 37 degrees Celsius.",
         "{\"result\":{\"value\":37,\"unit\":\"celsius\"}}"},
        {"convert_units", "{\"value\":8,\"from\":\"ounces\",\"to\":\"ml\"}", "8 fluid ounces is 236.6 milliliters.",
         "{\"result\":{\"value\":236.5882365,\"unit\":\"milliliter\"}}"},
        {"convert_units", "{\"value\":1,\"from\":\"quack\",\"to\":\"km\"}", "I do not know the unit \"quack\".", NULL},
        {"convert_units", "{\"value\":1,\"from\":\"km\",\"to\":\"quack\"}", "I do not know the unit \"quack\".", NULL},
        {"convert_units", "{\"value\":1,\"from\":\"km\",\"to\":\"pint\"}",
         "I cannot convert kilometers to pints: one is length, the other volume.", NULL},
        {"convert_units", "{\"value\":-1,\"from\":\"kelvin\",\"to\":\"celsius\"}",
         "Nothing is colder than absolute zero, minus 273.15 degrees Celsius.", NULL}};
    ONCE(steps);
}

TEST(lists) {
    static const step steps[] = {
        {"read_list", "{\"list\":\"shopping\"}", "Your shopping list is empty.",
         "{\"result\":{\"list\":\"shopping\",\"items\":[]}}"},
        {"add_to_list", "{\"list\":\"shopping\",\"item\":\"milk\"}", "Added milk to your shopping list.",
         "{\"result\":{\"list\":\"shopping\",\"added\":\"milk\",\"count\":1}}"},
        {"add_to_list", "{\"list\":\"my Shopping list\",\"item\":\"eggs\"}", "Added eggs to your shopping list.",
         "{\"result\":{\"list\":\"shopping\",\"added\":\"eggs\",\"count\":2}}"},
        {"add_to_list", "{\"list\":\"shopping\",\"item\":\"Egg\"}", "You already have Egg on your shopping list.",
         "{\"result\":{\"list\":\"shopping\",\"already_there\":\"Egg\",\"count\":2}}"},
        {"add_to_list", "{\"list\":\"shopping\",\"item\":\"oat milk\"}", "Added oat milk to your shopping list.",
         "{\"result\":{\"list\":\"shopping\",\"added\":\"oat milk\",\"count\":3}}"},
        {"read_list", "{\"list\":\"SHOPPING\"}", "On your shopping list: milk, eggs and oat milk.",
         "{\"result\":{\"list\":\"shopping\",\"items\":[\"milk\",\"eggs\",\"oat milk\"]}}"},
        {"remove_from_list", "{\"list\":\"shopping\",\"item\":\"bagels\"}", "Your shopping list has no bagels.", NULL},
        {"remove_from_list", "{\"list\":\"shopping\",\"item\":\"the milk\"}", "Removed milk from your shopping list.",
         "{\"result\":{\"list\":\"shopping\",\"removed\":\"milk\",\"count\":2}}"},
        {"add_to_list", "{\"list\":\"shopping\",\"item\":\"almond milk\"}", "Added almond milk to your shopping list.",
         "{\"result\":{\"list\":\"shopping\",\"added\":\"almond milk\",\"count\":3}}"},
        {"remove_from_list", "{\"list\":\"shopping\",\"item\":\"milk\"}",
         "Which one? Your shopping list has oat milk and almond milk.", NULL},
        {"add_to_list", "{\"list\":\"shopping\",\"item\":\"all-purpose flour\"}",
        "Added all-purpose flour to your shopping list.",
         "{\"result\":{\"list\":\"shopping\",\"added\":\"all-purpose flour\",\"count\":4}}"},
        {"remove_from_list", "{\"list\":\"shopping\",\"item\":\"flour\"}",
        "Removed all-purpose flour from your shopping list.",
         "{\"result\":{\"list\":\"shopping\",\"removed\":\"all-purpose flour\",\"count\":3}}"},
        {"remove_from_list", "{\"list\":\"shopping\",\"item\":\"all\"}", "Your shopping list is empty now.",
         "{\"result\":{\"list\":\"shopping\",\"removed\":3,\"count\":0}}"},
        {"remove_from_list", "{\"list\":\"shopping\",\"item\":\"all\"}", "Your shopping list is already empty.", NULL},
        {"add_to_list", "{\"list\":\"to do\",\"item\":\"wash the car\"}", "Added wash the car to your to do list.",
         "{\"result\":{\"list\":\"to do\",\"added\":\"wash the car\",\"count\":1}}"},
        {"read_list", "{\"list\":\"to-do\"}", "On your to do list: wash the car.",
         "{\"result\":{\"list\":\"to do\",\"items\":[\"wash the car\"]}}"},
        {"read_list", "{\"list\":\"ToDo\"}", "On your to do list: wash the car.",
         "{\"result\":{\"list\":\"to do\",\"items\":[\"wash the car\"]}}"},
        {"add_to_list", "{\"list\":\"grocery\",\"item\":\"1.5 l of juice\"}",
        "Added 1.5 l of juice to your grocery list.",
         "{\"result\":{\"list\":\"grocery\",\"added\":\"1.5 l of juice\",\"count\":1}}"},
        {"add_to_list", "{\"list\":\"groceries\",\"item\":\"15 l of juice\"}",
        "Added 15 l of juice to your grocery list.",
         "{\"result\":{\"list\":\"grocery\",\"added\":\"15 l of juice\",\"count\":2}}"},
        {"add_to_list", "{\"list\":\"\\u00c4pfel\",\"item\":\"Boskoop\"}", "Added Boskoop to your \u00c4pfel list.",
         "{\"result\":{\"list\":\"\u00c4pfel\",\"added\":\"Boskoop\",\"count\":1}}"},
        {"read_list", "{\"list\":\"\\u00e4pfel\"}", "On your \u00c4pfel list: Boskoop.",
         "{\"result\":{\"list\":\"\u00c4pfel\",\"items\":[\"Boskoop\"]}}"}};
    ONCE(steps);
}

TEST(memories) {
    static const step steps[] = {
        {"recall", "{\"subject\":\"wifi\"}", "You have told me nothing about wifi.", NULL},
        {"remember", "{\"subject\":\"my wifi password\",\"fact\":\"sesame42\"}", "Noted. Wifi password: sesame42.",
         "{\"result\":{\"remembered\":\"sesame42\",\"subject\":\"wifi password\"}}"},
        {"recall", "{\"subject\":\"the Wi-Fi password\"}", "Wifi password: sesame42.",
         "{\"result\":{\"facts\":[{\"subject\":\"wifi password\",\"fact\":\"sesame42\"}]}}"},
        {"recall", "{\"subject\":\"password\"}", "Wifi password: sesame42.",
         "{\"result\":{\"facts\":[{\"subject\":\"wifi password\",\"fact\":\"sesame42\"}]}}"},
        {"recall", "{\"subject\":\"pass\"}", "You have told me nothing about pass.", NULL},
        {"remember", "{\"subject\":\"Anna\",\"fact\":\"allergic to nuts\"}", "Noted. Anna: allergic to nuts.",
         "{\"result\":{\"remembered\":\"allergic to nuts\",\"subject\":\"Anna\"}}"},
        {"remember", "{\"subject\":\"anna\",\"fact\":\"likes tulips.\"}", "Noted. Anna: likes tulips.",
         "{\"result\":{\"remembered\":\"likes tulips.\",\"subject\":\"anna\"}}"},
        {"recall", "{\"subject\":\"ANNA\"}", "Anna: likes tulips. Earlier: allergic to nuts.",
         "{\"result\":{\"facts\":[{\"subject\":\"anna\",\"fact\":\"likes tulips.\"},"
         "{\"subject\":\"Anna\",\"fact\":\"allergic to nuts\"}]}}"},
        {"remember", "{\"subject\":\"Anna\",\"fact\":\"allergic to nuts\"}", "Noted. Anna: allergic to nuts.",
         "{\"result\":{\"remembered\":\"allergic to nuts\",\"subject\":\"Anna\"}}"},
        {"recall", "{\"subject\":\"Anna\"}", "Anna: allergic to nuts. Earlier: likes tulips.",
         "{\"result\":{\"facts\":[{\"subject\":\"Anna\",\"fact\":\"allergic to nuts\"},"
         "{\"subject\":\"anna\",\"fact\":\"likes tulips.\"}]}}"},
        {"remember", "{\"subject\":\"Dad's birthday\",\"fact\":\"May 4\"}", "Noted. Dad's birthday: May 4.",
         "{\"result\":{\"remembered\":\"May 4\",\"subject\":\"Dad's birthday\"}}"},
        {"recall", "{\"subject\":\"dads birthday\"}", "Dad's birthday: May 4.",
         "{\"result\":{\"facts\":[{\"subject\":\"Dad's birthday\",\"fact\":\"May 4\"}]}}"},
        {"remember", "{\"subject\":\"x'); DROP TABLE facts; --\",\"fact\":\"?1 %s %n\"}",
        "Noted. X'); DROP TABLE facts; --: ?1 %s %n.",
         "{\"result\":{\"remembered\":\"?1 %s %n\",\"subject\":\"x'); DROP TABLE facts; --\"}}"}};
    ONCE(steps);
}

TEST(volume) {
    static const step steps[] = {
        {"set_volume", "{\"delta\":-10}", "Volume 40 percent.", "{\"result\":{\"volume\":40}}"},
        {"set_volume", "{\"delta\":5.5}", "Volume 46 percent.", "{\"result\":{\"volume\":46}}"},
        {"set_volume", "{\"delta\":-1e300}", "Volume 0 percent.", "{\"result\":{\"volume\":0}}"},
        {"set_volume", "{\"percent\":1e300}", "Volume 100 percent.", "{\"result\":{\"volume\":100}}"},
        {"set_volume", "{\"percent\":30}", "Volume 30 percent.", "{\"result\":{\"volume\":30}}"},
        {"set_volume", "{}", "set_volume needs either percent or delta.", NULL},
        {"set_volume", "{\"percent\":1,\"delta\":1}", "set_volume needs either percent or delta.", NULL}};
    ONCE(steps);
}

TEST(effects) {
    sotto_toolbox *box = test_toolbox(":memory:");
    CHECK_STR(test_call(box, "repeat", "{}"), "");
    CHECK(test_result.effect == SOTTO_EFFECT_REPEAT && !test_result.failed);
    CHECK_STR(test_call(box, "stop", "{}"), "");
    CHECK(test_result.effect == SOTTO_EFFECT_STOP);
    (void)test_call(box, "set_volume", "{\"percent\":30}");
    CHECK(test_result.effect == SOTTO_EFFECT_VOLUME && test_result.volume == 30);
    (void)test_call(box, "set_volume", "{}");
    CHECK(test_result.effect == SOTTO_EFFECT_NONE && test_result.failed);
    (void)test_call(box, "get_time", "{}");
    CHECK(test_result.effect == SOTTO_EFFECT_NONE);
    sotto_tool_result_free(&test_result);
    sotto_toolbox_close(box);
}

TEST(chance) {
    sotto_toolbox *box = test_toolbox(":memory:");
    int            count[7] = {0}, heads = 0;
    for (int i = 0; i < 60; i++) {
        (void)test_call(box, "roll_dice", "{\"count\":100}");
        json_t *answer = json_loads(test_result.json, 0, NULL), *roll;
        json_t *all = json_object_get(json_object_get(answer, "result"), "rolls");
        size_t  k;
        CHECK_INT(json_array_size(all), 100);
        json_array_foreach(all, k, roll) {
            json_int_t x = json_integer_value(roll);
            CHECK(x >= 1 && x <= 6);
            count[x >= 1 && x <= 6 ? x : 0]++;
        }
        json_decref(answer);
    }
    for (int i = 1; i <= 6; i++) CHECK(count[i] > 850 && count[i] < 1150); /* five standard deviations of 29 */
    for (int i = 0; i < 1000; i++) heads += strcmp(test_call(box, "flip_coin", ""), "Heads.") == 0;
    CHECK(heads > 420 && heads < 580);
    CHECK_STR(test_call(box, "roll_dice", "{\"count\":0}"), "I can roll 1 to 100 dice.");
    CHECK_STR(test_call(box, "roll_dice", "{\"count\":101}"), "I can roll 1 to 100 dice.");
    CHECK_STR(test_call(box, "roll_dice", "{\"sides\":1}"), "A die has 2 to 1000000 sides.");
    CHECK_STR(test_call(box, "roll_dice", "{\"sides\":1000001}"), "A die has 2 to 1000000 sides.");
    CHECK(strstr(test_call(box, "roll_dice", "{\"count\":2}"), " and ") && strstr(test_result.spoken, ". That makes "));
    CHECK(strncmp(test_call(box, "roll_dice", "{}"), "You rolled ", 11) == 0 && strlen(test_result.spoken) == 13);
    sotto_tool_result_free(&test_result);
    sotto_toolbox_close(box);
}

TEST(arguments_are_held_to_the_schema) {
    static const step steps[] = {
        {"sing", "{}", "There is no tool \"sing\".", NULL},
        {"", "{}", "There is no tool \"\".", NULL},
        {"\xff\xfe", "{}", "There is no tool \"\xef\xbf\xbd\xef\xbf\xbd\".", NULL},
        {"stop", "{\"now\":true}", "stop takes no arguments.", NULL},
        {"set_timer", "{\"second\":5}", "set_timer has no argument \"second\".", NULL},
        {"set_timer", "{\"seconds\":\"5\"}", "The argument \"seconds\" of set_timer must be a number.", NULL},
        {"set_timer", "{\"seconds\":true}", "The argument \"seconds\" of set_timer must be a number.", NULL},
        {"set_timer", "{\"seconds\":5,\"label\":7}", "The argument \"label\" of set_timer must be a text.", NULL},
        {"roll_dice", "{\"count\":1.5}", "The argument \"count\" of roll_dice must be a whole number.", NULL},
        {"read_list", "{}", "read_list needs the argument \"list\".", NULL},
        {"read_list", "{\"list\":null}", "read_list needs the argument \"list\".", NULL},
        {"read_list", "{\"list\":\" \\n\\t \"}", "read_list needs the argument \"list\".", NULL},
        {"add_to_list", "{\"list\":\"x\"}", "add_to_list needs the argument \"item\".", NULL},
        {"convert_units", "{\"value\":1,\"to\":\"km\"}", "convert_units needs the argument \"from\".", NULL},
        {"set_timer", "[5]", "The arguments of set_timer are not a JSON object.", NULL},
        {"set_timer", "5 minutes", "The arguments of set_timer are not a JSON object.", NULL},
        {"set_timer", "{\"seconds\":5", "The arguments of set_timer are not a JSON object.", NULL},
        {"set_timer", "{\"seconds\":5,\"seconds\":6}", "The arguments of set_timer are not a JSON object.", NULL},
        {"set_timer", "{\"seconds\":1e999}", "The arguments of set_timer are not a JSON object.", NULL},
        {"set_timer", "{\"label\":\"\\u0000\"}", "The arguments of set_timer are not a JSON object.", NULL},
        {"set_timer", "{\"label\":\"\xff\"}", "The arguments of set_timer are not a JSON object.", NULL},
        {"list_timers", "{}", "You have no timers.", "{\"result\":{\"timers\":[]}}"}};
    ONCE(steps);
}

static sotto_toolbox *starter_box;

/* Refused may be what depends on what was said before. */
static void check_call(char **fields) {
    static const char *const may_be_refused[] = {"For how long ", "When should I ", "Which one? ",
    "There is no timer for ",
                                                 "No timer is ", "You have told me nothing ", " list has no ",
                                                 "already empty"};
    const char *spoken = test_call(starter_box, fields[0], fields[1]);
    bool        fine = !test_result.failed;
    for (size_t i = 0; i < sizeof may_be_refused / sizeof *may_be_refused; i++)
        fine = fine || strstr(spoken, may_be_refused[i]);
    test_checks++;
    if (!fine) TEST_FAIL("%s(%s): %s", fields[0], fields[1], spoken);
}

TEST(everything_that_the_small_model_writes) {
    starter_box = test_toolbox(":memory:");
    CHECK(test_rows("tools/calls.txt", 2, check_call) > 500);
    sotto_tool_result_free(&test_result);
    sotto_toolbox_close(starter_box);
}

TEST(a_clock_that_is_wrong_is_an_error) {
    sotto_toolbox *box = test_toolbox(":memory:");
    sotto_error    err;
    for (int i = 0; i < 4; i++) {
        static const int64_t wrong[] = {-1, INT64_MIN, INT64_MAX, 253402300799};
        test_now = wrong[i];
        sotto_tool_result r = {0};
        CHECK_INT(sotto_toolbox_call(box, "get_time", "{}", &r, &err), SOTTO_INVALID);
        CHECK_STR(err.message, "the clock of this machine shows no possible date");
        CHECK_INT(sotto_toolbox_next_due(box), -1);
    }
    test_now = TEST_NOW;
    sotto_toolbox_close(box);
    sotto_toolbox_close(NULL);
    sotto_tool_result_free(NULL);
}

TEST_MAIN()
