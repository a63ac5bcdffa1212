/* Crops and flips of samples as images: exact values, chance that follows the row, nothing of it
 * where nothing is trained. What is between pixels is in tests/golden/layers.json (PyTorch's). */
#include "tests/unit/engine/fixture.h"

#include "worker/engine/model/network.h"
#include "worker/engine/model/pass.h"

#define ROWS 40
#define LINES 4
#define PIXELS 3
#define VALUES (LINES * PIXELS)

struct image {
    struct fixture fixture;
    struct model *model;
    struct model_step step;
};

/* What a line's pixel of a row is. */
static double pixel_of(int64_t row, int64_t line, int64_t pixel)
{
    return (double)(100 * row + 10 * line + pixel);
}

/* `varies`: one row has all lines, the next fewer. */
static void set_up(struct image *image, const char *layer, bool varies)
{
    char spec[512];

    fixture_set_up_sequences(&image->fixture, TASK_CLASSIFICATION, ROWS,
                             (struct shape){.steps = LINES, .width = PIXELS}, 2);
    for (int i = 0; i < ROWS * VALUES; i++)
        image->fixture.x[i] = pixel_of(i / VALUES, i % VALUES / PIXELS, i % PIXELS);
    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s, 'flatten', {'type': 'dense', 'units': 'classes'}],"
                   " 'train': {'batch': %d}}",
                   layer, ROWS);
    image->fixture.input.varies = varies;
    fixture_parse(&image->fixture, spec);
    image->model = fixture_build(&image->fixture);
    image->step = (struct model_step){
        .set = &image->fixture.set, .row = image->fixture.row, .n = ROWS, .seed = 3, .step = 9};
}

static void tear_down(struct image *image)
{
    model_free(&image->model);
    fixture_tear_down(&image->fixture);
}

/* What the layer makes of the step's rows in training: [steps][row][width]. */
static const struct tensor *forward(struct image *image)
{
    struct network *network = (struct network *)image->model;
    struct loss_sum sum = {0};

    network_trip(network, &image->step, false, &sum);
    return &network->training.output[0];
}

/* And where nothing is trained. */
static const struct tensor *predicted(struct image *image)
{
    struct network *network = (struct network *)image->model;
    double prediction[2 * ROWS];
    struct error error;

    assert_true(model_predict(image->model, image->step.set, image->step.row, ROWS, prediction,
                              NULL, &error));
    return &network->predicting.output[0];
}

static double value(const struct tensor *y, int64_t line, int64_t row, int64_t pixel)
{
    return (double)y->data[(line * y->rows + row) * y->width + pixel];
}

static void a_crop_is_cut_out_as_it_is(void **state)
{
    struct image image;
    const struct tensor *y;
    int seen[3][2] = {{0}};

    (void)state;
    set_up(&image, "{'type': 'random_crop', 'size': [2, 2]}", false);
    y = forward(&image);
    assert_int_equal(y->steps, 2);
    assert_int_equal(y->width, 2);
    for (int64_t row = 0; row < ROWS; row++) {
        int corner = (int)value(y, 0, row, 0) - 100 * (int)row;
        int top = corner / 10, left = corner % 10;

        assert_in_range(top, 0, 2);
        assert_in_range(left, 0, 1);
        seen[top][left]++;
        for (int i = 0; i < 4; i++)
            assert_true(value(y, i / 2, row, i % 2) == pixel_of(row, top + i / 2, left + i % 2));
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i / 2][i % 2], 1, ROWS / 2); /* 6.7 expected at each place */
    tear_down(&image);
}

static void a_flip_turns_lines_and_pixels_over(void **state)
{
    struct image image;
    const struct tensor *y;
    int seen[2][2] = {{0}};

    (void)state;
    set_up(&image, "{'type': 'random_flip', 'horizontal': 0.5, 'vertical': 0.5}", false);
    y = forward(&image);
    for (int64_t row = 0; row < ROWS; row++) {
        int corner = (int)value(y, 0, row, 0) - 100 * (int)row;
        bool down = corner / 10 == LINES - 1, over = corner % 10 == PIXELS - 1;

        seen[down][over]++;
        for (int i = 0; i < VALUES; i++) {
            int line = i / PIXELS, pixel = i % PIXELS;
            int from_line = down ? LINES - 1 - line : line;
            int from_pixel = over ? PIXELS - 1 - pixel : pixel;

            assert_true(value(y, line, row, pixel) == pixel_of(row, from_line, from_pixel));
        }
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(seen[i / 2][i % 2], 2, ROWS / 2); /* 10 expected of each */
    tear_down(&image);
}

static void values_of_a_pixel_stay_beside_one_another(void **state)
{
    struct image image;
    const struct tensor *y;

    (void)state;
    set_up(&image, "{'type': 'random_flip', 'horizontal': 1, 'channels': 3}", false);
    y = forward(&image);
    for (int i = 0; i < VALUES; i++) /* a line of one pixel */
        assert_true(value(y, i / PIXELS, 1, i % PIXELS) == pixel_of(1, i / PIXELS, i % PIXELS));
    tear_down(&image);
}

/* A value is linear in line and pixel, and so is what is between them: where the part lies and how
 * large it is can be read from it. */
static void a_resized_crop_has_the_size_that_is_drawn(void **state)
{
    struct image image;
    const struct tensor *y;
    int whole = 0;

    (void)state;
    set_up(&image, "{'type': 'random_resized_crop', 'size': [4, 3], 'least': 0.5, 'most': 1}",
           false);
    y = forward(&image);
    for (int64_t row = 0; row < ROWS; row++) {
        double first = value(y, 0, row, 0) - 100 * (double)row;
        double last = value(y, LINES - 1, row, PIXELS - 1) - 100 * (double)row;

        assert_true(first >= 0 && last <= 32 && last > first);
        whole += first == 0 && last == 32;
    }
    assert_in_range(whole, 1, ROWS - 5);
    tear_down(&image);
}

static void what_is_drawn_follows_row_and_step_alone(void **state)
{
    static const char *const layers[] = {
        "{'type': 'random_crop', 'size': [2, 2]}",
        "{'type': 'random_flip', 'vertical': 0.5}",
        "{'type': 'random_resized_crop', 'size': [5, 2]}",
    };

    (void)state;
    for (size_t k = 0; k < sizeof(layers) / sizeof(layers[0]); k++) {
        struct image image;
        const struct tensor *y;
        int64_t swapped[ROWS], n;
        real first[ROWS * 16];

        set_up(&image, layers[k], false);
        y = forward(&image);
        n = y->steps * y->rows * y->width;
        assert_in_range(n, 1, ROWS * 16);
        memcpy(first, y->data, (size_t)n * sizeof(real));
        forward(&image);
        assert_memory_equal(y->data, first, (size_t)n * sizeof(real));
        for (int i = 0; i < ROWS; i++)
            swapped[i] = image.fixture.row[ROWS - 1 - i];
        image.step.row = swapped;
        forward(&image);
        for (int64_t line = 0; line < y->steps; line++)
            for (int64_t row = 0; row < ROWS; row++)
                assert_memory_equal(y->data + (line * ROWS + row) * y->width,
                                    first + (line * ROWS + ROWS - 1 - row) * y->width,
                                    (size_t)y->width * sizeof(real));
        image.step.row = image.fixture.row;
        image.step.step++;
        forward(&image);
        assert_memory_not_equal(y->data, first, (size_t)n * sizeof(real));
        image.step.step--;
        image.step.seed++;
        forward(&image);
        assert_memory_not_equal(y->data, first, (size_t)n * sizeof(real));
        tear_down(&image);
    }
}

/* Predictions of the middle, by the network: its layer's outputs. */
static void nothing_is_drawn_where_nothing_is_trained(void **state)
{
    static const struct {
        const char *layer;
        double value[6]; /* of the first row, line by line, as far as there are so many */
        int n;
    } cases[] = {
        {"{'type': 'random_crop', 'size': [2, 1]}", {11, 21}, 2},
        {"{'type': 'random_flip', 'horizontal': 1, 'vertical': 1}", {0, 1, 2, 10, 11, 12}, 6},
        {"{'type': 'random_resized_crop', 'size': [2, 3]}", {5, 6, 7, 25, 26, 27}, 6},
        {"{'type': 'random_resized_crop', 'size': [2, 3], 'center': 0.5}",
         {10, 10.5, 11, 20, 20.5, 21},
         6},
    };

    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct image image;
        struct network *network;
        double prediction[2 * ROWS];
        struct error error;

        set_up(&image, cases[k].layer, false);
        network = (struct network *)image.model;
        assert_true(model_predict(image.model, image.step.set, image.step.row, 1, prediction, NULL,
                                  &error));
        for (int i = 0; i < cases[k].n; i++) {
            const struct tensor *y = &network->predicting.output[0];

            assert_float_equal(value(y, i / y->width, 0, i % y->width), cases[k].value[i], 1e-5);
        }
        tear_down(&image);
    }
}

/* Rows of unequal length: each is turned over about its own middle, and has as many lines. */
static void a_short_sample_is_turned_over_by_itself(void **state)
{
    struct image image;
    const struct tensor *y;

    (void)state;
    set_up(&image, "{'type': 'random_flip', 'horizontal': 0, 'vertical': 1}", true);
    y = forward(&image);
    assert_non_null(y->length);
    for (int64_t row = 0; row < ROWS; row++) {
        int64_t lines = fixture_length(row, LINES);

        assert_int_equal(y->length[row], lines);
        for (int64_t line = 0; line < LINES; line++)
            assert_true(value(y, line, row, 1) ==
                        (line < lines ? pixel_of(row, lines - 1 - line, 1) : 0));
    }
    tear_down(&image);
}

static void a_short_sample_is_cut_from_its_own_lines(void **state)
{
    struct image image;
    const struct tensor *y;
    int seen[LINES + 1][LINES] = {{0}};

    (void)state;
    set_up(&image, "{'type': 'random_crop', 'size': [2, 3]}", true);
    for (int trained = 0; trained < 2; trained++) {
        y = trained ? forward(&image) : predicted(&image);
        assert_non_null(y->length);
        for (int64_t row = 0; row < ROWS; row++) {
            int64_t lines = fixture_length(row, LINES), left = lines < 2 ? lines : 2;
            int64_t top = ((int64_t)value(y, 0, row, 0) - 100 * row) / 10;

            assert_int_equal(y->length[row], left);
            assert_in_range(top, 0, lines - left);
            assert_true(trained || top == (lines - left) / 2);
            seen[lines][top] += trained;
            for (int64_t line = 0; line < 2; line++)
                assert_true(value(y, line, row, 2) ==
                            (line < left ? pixel_of(row, top + line, 2) : 0));
        }
    }
    for (int top = 0; top < 3; top++)
        assert_true(seen[4][top] > 0);
    assert_true(seen[3][0] > 0 && seen[3][1] > 0);
    tear_down(&image);
}

/* Of what a short sample has not, nothing is mixed in. */
static void a_short_sample_is_resized_from_its_own_lines(void **state)
{
    struct image image;
    const struct tensor *y;

    (void)state;
    set_up(&image, "{'type': 'random_resized_crop', 'size': [3, 3], 'least': 0.5, 'most': 1}",
           true);
    for (int trained = 0; trained < 2; trained++) {
        y = trained ? forward(&image) : predicted(&image);
        for (int64_t row = 0; row < ROWS; row++) {
            int64_t lines = fixture_length(row, LINES);

            assert_true(!y->length || y->length[row] == 3);
            for (int64_t i = 0; i < 9; i++) {
                assert_true(value(y, i / 3, row, i % 3) >= pixel_of(row, 0, 0));
                assert_true(value(y, i / 3, row, i % 3) <= pixel_of(row, lines - 1, 2));
            }
        }
    }
    tear_down(&image);
}

static void what_is_no_image_is_told_with_its_place(void **state)
{
    static const char *const bad[][2] = {
        {"{'type': 'random_crop', 'size': [5, 2]}", "is no part of 4 lines of 3 pixels"},
        {"{'type': 'random_crop', 'size': [2, 4]}", "is no part of 4 lines of 3 pixels"},
        {"{'type': 'random_crop', 'size': [2]}", "expected two numbers"},
        {"{'type': 'random_flip', 'channels': 2}", "3 values of a step are no pixels of 2"},
    };

    (void)state;
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        struct model *model = NULL;
        struct model_plan plan;
        struct image image;
        struct error error;
        char spec[256];

        set_up(&image, "'flatten'", false);
        model_free(&image.model);
        (void)snprintf(spec, sizeof(spec),
                       "{'model': [%s, 'flatten', {'type': 'dense', 'units': 2}]}", bad[k][0]);
        fixture_parse(&image.fixture, spec);
        plan = fixture_plan(&image.fixture);
        assert_false(model_build(&plan, &model, &error));
        assert_string_equal(error.path, "model[0]");
        if (!strstr(error.message, bad[k][1]))
            fail_msg("%s: %s", bad[k][0], error.message);
        tear_down(&image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crop_is_cut_out_as_it_is),
        cmocka_unit_test(a_flip_turns_lines_and_pixels_over),
        cmocka_unit_test(values_of_a_pixel_stay_beside_one_another),
        cmocka_unit_test(a_resized_crop_has_the_size_that_is_drawn),
        cmocka_unit_test(what_is_drawn_follows_row_and_step_alone),
        cmocka_unit_test(nothing_is_drawn_where_nothing_is_trained),
        cmocka_unit_test(a_short_sample_is_turned_over_by_itself),
        cmocka_unit_test(a_short_sample_is_cut_from_its_own_lines),
        cmocka_unit_test(a_short_sample_is_resized_from_its_own_lines),
        cmocka_unit_test(what_is_no_image_is_told_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
