/* Units against another table of them, their names, and what cannot be converted. */
#include "chat/toolbox.h"
#include "tools/rows.h"

static void check_row(char **fields) {
    const sotto_unit *from = sotto_unit_find(fields[1]), *to = sotto_unit_find(fields[2]);
    double            x = 0, want = strtod(fields[4], NULL);
    sotto_buf         why = {0};
    test_checks++;
    if (!from || !to) {
        TEST_FAIL("the unit %s is not known", from ? fields[2] : fields[1]);
        return;
    }
    CHECK_STR(sotto_unit_name(to), fields[3]);
    CHECK(sotto_unit_convert(strtod(fields[0], NULL), from, to, &x, &why));
    bool degrees = strcmp(fields[3], "celsius") == 0 || strcmp(fields[3], "fahrenheit") == 0;
    if (!test_close(x, want, 1e-13) && fabs(x - want) > (degrees ? 1e-9 : 0))
        TEST_FAIL("%s %s is %.17g %s, expected %s", fields[0], fields[1], x, fields[2], fields[4]);
    sotto_buf_free(&why);
}

TEST(values_are_those_of_another_table) { CHECK(test_rows("tools/units.txt", 5, check_row) >= 2000); }

TEST(names) {
    static const char *const cases[][2] = {
        {"km", "kilometer"}, {"Kilometres", "kilometer"}, {"°F", "fahrenheit"}, {"degrees Celsius", "celsius"}, {"℃",
        "celsius"},
        {"lbs", "pound"}, {"litres", "liter"}, {"sq ft", "square_foot"}, {"sq. ft.", "square_foot"}, {"square feet",
        "square_foot"},
        {"feet squared", "square_foot"}, {"m²", "square_meter"}, {"m^2", "square_meter"}, {"metres squared",
        "square_meter"},
        {"cubic metres", "cubic_meter"}, {"m³", "cubic_meter"}, {"km/h", "kilometer_per_hour"}, {"KPH",
        "kilometer_per_hour"},
        {"kilometres per hour", "kilometer_per_hour"}, {"kilometers/hour", "kilometer_per_hour"}, {"miles an hour",
        "mile_per_hour"},
        {"mph", "mile_per_hour"}, {"m/s", "meter_per_second"}, {"fl. oz.", "fluid_ounce"}, {"fluid-ounces",
        "fluid_ounce"},
        {"US gallons", "gallon"}, {"UK pints", "imperial_pint"}, {"MB", "megabyte"}, {"mb", "megabyte"}, {"MiB",
        "mebibyte"},
        {"inches", "inch"}, {"\"", "inch"}, {"'", "foot"}, {"nautical miles", "nautical_mile"}, {"metric tons",
        "tonne"},
        {"µm", "micrometer"}, {"μm", "micrometer"}, {"hrs", "hour"}, {"mins", "minute"}, {"s", "second"}, {"ms",
        "millisecond"},
        {"centuries", "century"}, {"cc", "milliliter"}, {"stones", "stone"}, {"st", "stone"}, {"celsius", "celsius"}};
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        const sotto_unit *u = sotto_unit_find(cases[i][0]);
        if (!u) printf("%s: ", cases[i][0]);
        CHECK_STR(u ? sotto_unit_name(u) : "unknown", cases[i][1]);
    }
    static const char *const unknown[] = {"", " ", "foo", "meter meter", "°", "s s", "per", "²", "\xff\xfe",
    "kilo meters!"};
    for (size_t i = 0; i < SOTTO_COUNT(unknown); i++) CHECK(!sotto_unit_find(unknown[i]));
}

static const char *converted(double value, const char *from, const char *to) {
    static char text[256];
    double      x = 0;
    sotto_buf   b = {0};
    if (sotto_unit_convert(value, sotto_unit_find(from), sotto_unit_find(to), &x, &b))
        sotto_say_measure(&b, x, 5, sotto_unit_find(to));
    (void)snprintf(text, sizeof text, "%s", b.data);
    sotto_buf_free(&b);
    return text;
}

TEST(sentences) {
    CHECK_STR(converted(1, "foot", "inch"), "12 inches");
    CHECK_STR(converted(12, "inches", "foot"), "1 foot");
    CHECK_STR(converted(0.5, "foot", "foot"), "0.5 feet");
    CHECK_STR(converted(1, "km/h", "km/h"), "1 kilometer per hour");
    CHECK_STR(converted(2, "km/h", "km/h"), "2 kilometers per hour");
    CHECK_STR(converted(32, "F", "C"), "0 degrees Celsius");
    CHECK_STR(converted(33.8, "F", "C"), "1 degree Celsius");
    CHECK_STR(converted(-40, "C", "F"), "minus 40 degrees Fahrenheit");
    CHECK_STR(converted(0, "C", "K"), "273.15 kelvin");
    CHECK_STR(converted(14, "lb", "stone"), "1 stone");
    CHECK_STR(converted(28, "lb", "stone"), "2 stone");
    CHECK_STR(converted(-273.15, "C", "K"), "0 kelvin");
    CHECK_STR(converted(-459.67, "F", "C"), "minus 273.15 degrees Celsius");
    CHECK_STR(converted(-1, "K", "C"), "Nothing is colder than absolute zero, minus 273.15 degrees Celsius.");
    CHECK_STR(converted(-460, "F", "K"), "Nothing is colder than absolute zero, minus 273.15 degrees Celsius.");
    CHECK_STR(converted(1, "mile", "kg"), "I cannot convert miles to kilograms: one is length, the other mass.");
    CHECK_STR(converted(1, "century",
    "degC"), "I cannot convert centuries to degrees Celsius: one is time, the other temperature.");
    CHECK_STR(converted(1e308, "mile", "mm"), "The result is too large.");
}

TEST(ounces_of_a_volume_are_fluid) {
    const sotto_unit *ounce = sotto_unit_find("ounce"), *cup = sotto_unit_find("cup"), *gram = sotto_unit_find("gram");
    CHECK_STR(sotto_unit_name(sotto_unit_beside(ounce, cup)), "fluid_ounce");
    CHECK_STR(sotto_unit_name(sotto_unit_beside(ounce, gram)), "ounce");
    CHECK_STR(sotto_unit_name(sotto_unit_beside(cup, ounce)), "cup");
}

TEST_MAIN()
