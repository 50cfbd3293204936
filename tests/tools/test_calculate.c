/* The calculator against values worked out elsewhere, and its sentences. */
#include "chat/toolbox.h"
#include "tools/rows.h"

static void check_value(char **fields) {
    double    x = 0;
    sotto_buf why = {0};
    bool      ok = sotto_calculate(fields[0], &x, &why);
    test_checks++;
    if (!ok) TEST_FAIL("%s: %s", fields[0], why.data);
    else if (!test_close(x, strtod(fields[1], NULL), 2e-12))
        TEST_FAIL("%s is %.17g, expected %s", fields[0], x, fields[1]);
    sotto_buf_free(&why);
}

TEST(values_are_those_of_another_arithmetic) { CHECK(test_rows("tools/calculate.txt", 2, check_value) >= 1000); }

static void check_number(char **fields) {
    for (int aloud = 0; aloud < 2; aloud++) {
        sotto_buf b = {0};
        sotto_say_number(&b, strtod(fields[0], NULL), atoi(fields[1]), aloud);
        CHECK_STR(b.data, fields[2 + aloud]);
        sotto_buf_free(&b);
    }
}

TEST(numbers_as_people_write_and_hear_them) { CHECK(test_rows("tools/numbers.txt", 4, check_number) >= 300); }

/* A value exactly, or the sentence. */
static const char *answer(const char *expression) {
    static char text[2048];
    double      x = 0;
    sotto_buf   b = {0};
    if (sotto_calculate(expression, &x, &b)) sotto_say_number(&b, x, SOTTO_DIGITS, false);
    (void)snprintf(text, sizeof text, "%s", b.data);
    sotto_buf_free(&b);
    return text;
}

TEST(notations) {
    static const char *const cases[][2] = {
        {"-2^2", "-4"}, {"(-2)^2", "4"}, {"2^3^2", "512"}, {"2**-1", "0.5"}, {"2^-1", "0.5"}, {"--5", "5"}, {"5-+3",
        "2"},
        {"100+20%", "120"}, {"100-20%", "80"}, {"80*15%", "12"}, {"15% of 200", "30"}, {"20%", "0.2"}, {"50%+50%",
        "0.75"},
        {"100+(20%)", "100.2"}, {"100+20%*50", "110"}, {"100+-20%", "99.8"}, {"10 percent of 50", "5"},
        {"50+100+20%", "180"}, {"17 mod 5", "2"}, {"-7 mod 3", "2"}, {"7 mod -3", "-2"}, {"0.3 mod 0.1", "0"},
        {"5.5 mod 2", "1.5"}, {"5!", "120"}, {"3!^2", "36"}, {"0!", "1"}, {"170! / 169!", "170"}, {"5²", "25"}, {"-5²",
        "-25"},
        {"2³", "8"}, {"√16", "4"}, {"√16+9", "13"}, {"∛27", "3"}, {"cbrt(-8)", "-2"}, {"SQRT(9)", "3"}, {"sqrt 16",
        "4"},
        {"abs(-3)", "3"}, {"round(2.5)", "3"}, {"floor(-2.5)", "-3"}, {"ceil(2.1)", "3"}, {"ln(e)", "1"}, {"log(1000)",
        "3"},
        {"exp(0)", "1"}, {"pi", "3.14159265359"}, {"2*π", "6.28318530718"}, {"12 × 4 − 3", "45"}, {"3 x 4", "12"},
        {"8÷2·3", "12"}, {"8 divided by 2", "4"}, {"2 plus 3 times 4", "14"}, {"1,234.5*2", "2469"}, {"1,000,000/4",
        "250000"},
        {".5", "0.5"}, {"5.", "5"}, {"1e3", "1000"}, {"1.5E-3", "0.0015"}, {"2+2=", "4"}, {" 2 \xc2\xa0+ 2 ", "4"},
        {"0.1+0.2", "0.3"}, {"0.1+0.2-0.3", "0"}, {"343^(1/3)", "7"}, {"0^0", "1"}, {"-0", "0"},
        {"9007199254740992-9007199254740991", "1"}, {"9007199254740991", "9007199254740991"}, {"2^53",
        "9007199254740992"},
        {"1/3", "0.333333333333"}, {"10^15+1/4", "1e15"}, {"2^70", "1.18059162072e21"}, {"10^-12", "1e-12"},
        {"123456789012345678901234567890", "1.23456789012e29"}, {"0.000000000000000000000000000001", "1e-30"},
        {"1e-310*1e10", "1e-300"}, {"1e308*0", "0"}, {"1e-400", "0"}};
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        if (strcmp(answer(cases[i][0]), cases[i][1]) != 0) printf("%s: ", cases[i][0]);
        CHECK_STR(answer(cases[i][0]), cases[i][1]);
    }
}

TEST(refusals_name_the_place) {
    static const char *const cases[][2] = {
        {"", "There is nothing to calculate."},
        {"  ", "There is nothing to calculate."},
        {"2+*3", "A number is missing at character 3 of \"2+*3\"."},
        {"2+", "A number is missing at the end of \"2+\"."},
        {"×2", "A number is missing at character 1 of \"×2\"."},
        {"4×(2/0)", "There is a division by zero at character 5 of \"4×(2/0)\"."},
        {"4 mod 0", "There is a division by zero at character 3 of \"4 mod 0\"."},
        {"0^-1", "There is a division by zero at character 2 of \"0^-1\"."},
        {"sqrt(4-5)", "There is no real value at character 1 of \"sqrt(4-5)\"."},
        {"(-8)^(1/3)", "There is no real value at character 5 of \"(-8)^(1/3)\"."},
        {"ln(0)", "There is no real value at character 1 of \"ln(0)\"."},
        {"log(-1)", "There is no real value at character 1 of \"log(-1)\"."},
        {"10^400", "The result is too large at character 3 of \"10^400\"."},
        {"1e400", "The result is too large at the end of \"1e400\"."},
        {"exp(1000)", "The result is too large at character 1 of \"exp(1000)\"."},
        {"171!", "A factorial needs a whole number from 0 to 170 at the end of \"171!\"."},
        {"2.5!+1", "A factorial needs a whole number from 0 to 170 at character 5 of \"2.5!+1\"."},
        {"(2+3", "A closing parenthesis is missing at the end of \"(2+3\"."},
        {"2)+1", "A parenthesis closes that was not opened at character 2 of \"2)+1\"."},
        {"2 3", "A sign is missing at character 3 of \"2 3\"."},
        {"2(3)", "A sign is missing at character 2 of \"2(3)\"."},
        {"1,23", "A sign is missing at character 2 of \"1,23\"."},
        {"17 % 5", "After % a sign is missing (the remainder is written mod) at character 6 of \"17 % 5\"."},
        {"two+2", "There is a word that the calculator does not know at character 1 of \"two+2\"."},
        {"2+2; drop", "A sign is missing at character 4 of \"2+2; drop\"."}};
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) CHECK_STR(answer(cases[i][0]), cases[i][1]);
}

TEST(depth_has_an_end) {
    static const char *const beginnings[] = {"(", "-", "√", "2^", "sqrt("};
    for (size_t i = 0; i < SOTTO_COUNT(beginnings); i++) {
        sotto_buf b = {0}, why = {0};
        double    x;
        for (int k = 0; k < 100000; k++) (void)sotto_buf_puts(&b, beginnings[i]);
        CHECK(!sotto_calculate(b.data, &x, &why));
        CHECK(why.data && strstr(why.data, "nested too deeply"));
        sotto_buf_free(&b);
        sotto_buf_free(&why);
    }
    CHECK_STR(answer("((((((((((((((((((((((((1))))))))))))))))))))))))"), "1");
}

TEST_MAIN()
