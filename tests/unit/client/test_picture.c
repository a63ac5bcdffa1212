/* Pictures of curves as SVG. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/picture.h"
#include "common/owner.h"

static char *print(const struct picture *picture)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    assert_true(picture_print(picture, &text, &error));
    return buffer_take(&text);
}

static int count(const char *text, const char *what)
{
    int n = 0;

    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

static void values_stand_at_their_pixels(void **state)
{
    static const double x[] = {0, 5, 10}, y[] = {0, 10, 0};
    scoped(picture_free) struct picture *picture = picture_new("line", 1, 1);
    scoped(memory_free) char *text = NULL;

    (void)state;
    picture_add(picture, 0, 0, &(struct picture_line){.x = x, .y = y, .n = 3});
    text = print(picture);
    /* from the left edge to the right one; 5 % of the height above and below */
    assert_non_null(strstr(text, "points=\"86.0,201.2 535.0,64.8 984.0,201.2 \""));
}

static void colours_change_without_a_gap(void **state)
{
    static const double x[] = {0, 1, 2, 3}, y[] = {1, 2, 3, 4};
    static const int color[] = {0, 0, 1, 1};
    scoped(picture_free) struct picture *picture = picture_new("", 1, 1);
    scoped(memory_free) char *text = NULL;

    (void)state;
    picture_name_color(picture, 0, "calm");
    picture_name_color(picture, 1, "startled");
    picture_add(picture, 0, 0, &(struct picture_line){.x = x, .y = y, .color = color, .n = 4});
    text = print(picture);
    assert_int_equal(count(text, "<polyline"), 2);
    assert_int_equal(count(text, ">calm<"), 1);
    assert_int_equal(count(text, ">startled<"), 1);
    assert_int_equal(count(text, "385.3,"),
                     2); /* the point in between ends one and begins the other */
}

static void missing_values_break_a_line(void **state)
{
    static const double x[] = {0, 1, 2, 3, 4};
    const double y[] = {1, 2, (double)NAN, 4, (double)INFINITY};
    scoped(picture_free) struct picture *picture = picture_new("", 1, 1);
    scoped(memory_free) char *text = NULL;

    (void)state;
    picture_add(picture, 0, 0, &(struct picture_line){.x = x, .y = y, .n = 5});
    text = print(picture);
    assert_int_equal(count(text, "<polyline"), 2);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
}

/* A peak of one point among a hundred thousand is seen, and the file stays small. */
static void many_points_leave_their_extremes(void **state)
{
    enum { MANY = 100000 };
    scoped(memory_free) double *x = calloc(MANY, sizeof(*x)), *y = calloc(MANY, sizeof(*y));
    scoped(picture_free) struct picture *picture = picture_new("", 1, 1);
    scoped(memory_free) char *text = NULL;

    (void)state;
    for (int i = 0; i < MANY; i++)
        x[i] = i;
    y[54321] = 7;
    picture_add(picture, 0, 0, &(struct picture_line){.x = x, .y = y, .n = MANY});
    text = print(picture);
    assert_true(strlen(text) < 100000);
    assert_int_equal(count(text, ",64.8 "), 1);
}

static void names_are_no_markup(void **state)
{
    scoped(picture_free) struct picture *picture = picture_new("<b> & \x01", 1, 1);
    scoped(memory_free) char *text = NULL;

    (void)state;
    picture_name_row(picture, 0, "a<b");
    text = print(picture);
    assert_non_null(strstr(text, "&lt;b&gt; &amp;  <"));
    assert_non_null(strstr(text, "a&lt;b"));
}

static void odd_ranges_are_drawn(void **state)
{
    const double odd[][2] = {{0, 0},         {5, 5},           {-1e-310, 1e-310}, {-1e308, 1e308},
                             {1e300, 1e300}, {1e15, 1e15 + 1}, {(double)NAN, 3},  {-7, -3}};
    const double x[] = {0, 1};

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        scoped(picture_free) struct picture *picture = picture_new("", 1, 2);
        scoped(memory_free) char *text = NULL;

        picture_add(picture, 0, 0, &(struct picture_line){.x = x, .y = odd[i], .n = 2});
        picture_add(picture, 0, 1, &(struct picture_line){.x = odd[i], .y = x, .n = 2});
        text = print(picture);
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "inf"));
        assert_true(count(text, "<path") >= 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_at_their_pixels),
        cmocka_unit_test(colours_change_without_a_gap),
        cmocka_unit_test(missing_values_break_a_line),
        cmocka_unit_test(many_points_leave_their_extremes),
        cmocka_unit_test(names_are_no_markup),
        cmocka_unit_test(odd_ranges_are_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
