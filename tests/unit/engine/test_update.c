/* Updates: which parameters move, how far, and when. */
#include "tests/unit/engine/training.h"

#include "worker/engine/optimizer/update.h"
#include "worker/engine/order.h"

#define LAYERS                                                                          \
    "'model': [{'type': 'dense', 'units': 6, 'activation': 'tanh'},"                    \
    " {'type': 'dense', 'units': 5, 'activation': 'tanh'}, {'type': 'dense', 'units': " \
    "'classes + targets'}]"

struct net { /* a model that is stepped by hand */
    struct fixture fixture;
    struct model *model;
    struct network *network;
    struct model_step step;
};

static void set_up(struct net *net, const char *train)
{
    char spec[1024];

    (void)snprintf(spec, sizeof(spec), "{" LAYERS ", 'train': {%s}}", train);
    fixture_set_up(&net->fixture, TASK_REGRESSION, 48, 4, 2);
    fixture_parse(&net->fixture, spec);
    net->model = fixture_build(&net->fixture);
    net->network = (struct network *)net->model;
    net->step = (struct model_step){.set = &net->fixture.set, .rate_scale = 1};
}

static void tear_down(struct net *net)
{
    model_free(&net->model);
    fixture_tear_down(&net->fixture);
}

static void advance(struct net *net, int64_t first, int64_t n)
{
    struct loss_sum sum = {0};
    struct error error;

    net->step.row = net->fixture.row + first;
    net->step.n = n;
    net->step.step++;
    assert_true(net->model->kind->advance(net->model, &net->step, &sum, &error));
}

static double largest_change(const struct net *a, const struct net *b, const char *name)
{
    const struct parameter *one = network_parameter(a->network, name);
    const struct parameter *other = network_parameter(b->network, name);
    double most = 0;

    for (int64_t i = 0; i < one->rows * one->columns; i++)
        most = fmax(most, fabs((double)one->value[i] - (double)other->value[i]));
    return most;
}

static void refuse(const char *train, const char *path, const char *message)
{
    struct fixture fixture;
    struct model_plan plan;
    struct model *model = NULL;
    struct error error;
    char spec[1024];

    (void)snprintf(spec, sizeof(spec), "{" LAYERS ", 'train': {%s}}", train);
    fixture_set_up(&fixture, TASK_REGRESSION, 12, 4, 2);
    fixture_parse(&fixture, spec);
    plan = fixture_plan(&fixture);
    assert_false(model_build(&plan, &model, &error));
    assert_string_equal(error.path, path);
    if (!strstr(error.message, message))
        fail_msg("%s", error.message);
    fixture_tear_down(&fixture);
}

static void gathered_batches_step_like_one_large_batch(void **state)
{
    struct net large, small;

    (void)state;
    set_up(&large, "'batch': 48, 'optimizer': {'type': 'sgd', 'rate': 0.1}");
    set_up(&small, "'batch': 12, 'accumulate': 4, 'optimizer': {'type': 'sgd', 'rate': 0.1}");
    advance(&large, 0, 48);
    for (int i = 0; i < 3; i++)
        advance(&small, i * 12, 12);
    assert_true(largest_change(&large, &small, "dense1.weight") > 1e-4); /* it waits */
    advance(&small, 36, 12);
    assert_true(largest_change(&large, &small, "dense1.weight") < 1e-6);
    assert_true(largest_change(&large, &small, "dense3.bias") < 1e-6);
    assert_int_equal(small.network->update.at.updates, 1);
    tear_down(&small);
    tear_down(&large);
}

/* Of a batch that takes more than predicting does. */
static int64_t memory_in_parts(struct net *net, int64_t parts)
{
    struct model_plan plan = fixture_plan(&net->fixture);
    int64_t parameters, memory;
    struct error error;

    plan.batch = 100000;
    plan.parts = parts;
    assert_true(network_measure(&plan, &parameters, &memory, &error));
    return memory;
}

static void parts_of_a_batch_take_less_memory(void **state)
{
    struct net net;

    (void)state;
    set_up(&net, "'batch': 24");
    assert_true(memory_in_parts(&net, 5) < memory_in_parts(&net, 1) / 4);
    assert_true(memory_in_parts(&net, 10) < memory_in_parts(&net, 5));
    tear_down(&net);
}

/* Parts that do not come out even, also where a step is of several batches. */
static void parts_of_a_batch_step_like_the_whole(void **state)
{
    static const char *const how[] = {
        "'batch': 24, 'optimizer': {'type': 'sgd', 'rate': 0.1}",
        "'batch': 12, 'accumulate': 2, 'optimizer': {'type': 'sgd', 'rate': 0.1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        struct net whole, parts;
        int64_t batch;
        char train[128];

        (void)snprintf(train, sizeof(train), "'parts': 5, %s", how[i]);
        set_up(&whole, how[i]);
        set_up(&parts, train);
        batch = whole.fixture.spec.train.batch;
        assert_int_equal(parts.network->training.pass.capacity, (batch + 4) / 5);
        for (int64_t at = 0; at < 48; at += batch) {
            advance(&whole, (int)at, (int)batch);
            advance(&parts, (int)at, (int)batch);
        }
        assert_int_equal(parts.network->update.at.updates, 2);
        assert_true(largest_change(&whole, &parts, "dense1.weight") < 1e-6);
        assert_true(largest_change(&whole, &parts, "dense3.bias") < 1e-6);
        tear_down(&parts);
        tear_down(&whole);
    }
}

/* Rows that go through alone may do so in small trips; a weighted mean is of the whole batch. */
static void batch_that_is_cut_steps_like_the_whole(void **state)
{
    static const char train[] = "'batch': 24, 'optimizer': {'type': 'sgd', 'rate': 0.1}";
    struct net whole, cut;
    double weight[48];

    (void)state;
    set_up(&whole, train);
    set_up(&cut, train);
    assert_int_equal(cut.network->cut_rows, 24); /* it is small */
    cut.network->cut_rows = 10;
    for (int64_t at = 0; at < 48; at += 24) {
        advance(&whole, at, 24);
        advance(&cut, at, 24);
    }
    assert_int_equal(cut.fixture.gathers, 2 * 3);
    assert_int_equal(cut.network->update.at.updates, 2);
    assert_true(largest_change(&whole, &cut, "dense1.weight") < 1e-6);
    assert_true(largest_change(&whole, &cut, "dense3.bias") < 1e-6);
    for (int i = 0; i < 48; i++)
        weight[i] = i;
    cut.fixture.set.weight = weight;
    advance(&cut, 0, 24);
    assert_int_equal(cut.fixture.gathers, 2 * 3 + 1);
    tear_down(&cut);
    tear_down(&whole);
}

static int64_t cut_of(const char *layer, int64_t batch)
{
    struct net net;
    struct model_plan plan;
    struct model *model;
    struct error error;
    char spec[256];
    int64_t rows;

    fixture_set_up(&net.fixture, TASK_REGRESSION, 48, 4, 2);
    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s, {'type': 'dense', 'units': 'targets'}], 'train': {}}", layer);
    fixture_parse(&net.fixture, spec);
    plan = fixture_plan(&net.fixture);
    plan.batch = batch;
    assert_true(model_build(&plan, &model, &error));
    rows = ((struct network *)model)->cut_rows;
    model_free(&model);
    fixture_tear_down(&net.fixture);
    return rows;
}

static void batches_are_cut_where_that_keeps_them_in_the_cache(void **state)
{
    static const char *const whole[] = {
        "{'type': 'batch_norm'}", "{'type': 'lstm', 'units': 8}", "{'type': 'gru', 'units': 8}",
        "{'type': 'simple_rnn', 'units': 8}", "{'type': 'dense', 'units': 65536}"};
    int64_t rows = cut_of("{'type': 'dense', 'units': 128}", 65536);

    (void)state;
    assert_in_range(rows, 1024, 16384);
    assert_int_equal(cut_of("{'type': 'dense', 'units': 128}", rows / 2), rows / 2);
    assert_int_equal(cut_of("{'type': 'dense', 'units': 128}", 2 * rows), rows);
    for (size_t i = 0; i + 1 < sizeof(whole) / sizeof(whole[0]); i++)
        assert_int_equal(cut_of(whole[i], 65536), 65536);
    assert_int_equal(cut_of(whole[4], 24), 24); /* its weights would be read again and again */
}

static void last_batch_of_an_epoch_uses_what_is_gathered(void **state)
{
    struct net large, small;

    (void)state;
    set_up(&large, "'batch': 24, 'optimizer': {'type': 'sgd', 'rate': 0.1}");
    set_up(&small, "'batch': 12, 'accumulate': 4, 'optimizer': {'type': 'sgd', 'rate': 0.1}");
    advance(&large, 0, 24);
    advance(&small, 0, 12);
    small.step.last = true;
    advance(&small, 12, 12);
    assert_true(largest_change(&large, &small, "dense2.weight") < 1e-6);
    tear_down(&small);
    tear_down(&large);
}

static void frozen_parameters_stay_until_their_epoch(void **state)
{
    struct net net, before;

    (void)state;
    set_up(&net, "'batch': 12, 'optimizer': {'type': 'adamw', 'decay': 0.5}, 'parameters':"
                 " [{'type': 'freeze', 'match': 'dense1.*', 'epochs': 1},"
                 "  {'type': 'freeze', 'match': 'dense3.bias'}]");
    set_up(&before, "'batch': 12");
    for (int i = 0; i < 4; i++)
        advance(&net, i * 12, 12);
    assert_true(largest_change(&net, &before, "dense1.weight") == 0);
    assert_true(largest_change(&net, &before, "dense1.bias") == 0);
    assert_true(largest_change(&net, &before, "dense2.weight") > 1e-3);
    net.step.epoch = 1;
    advance(&net, 0, 12);
    assert_true(largest_change(&net, &before, "dense1.weight") > 5e-4);
    assert_true(largest_change(&net, &before, "dense3.bias") == 0);
    tear_down(&before);
    tear_down(&net);
}

/* Its moments begin then, and so does the correction of their bias: the first step is the rate. */
static void parameter_that_thaws_takes_first_steps_of_the_usual_size(void **state)
{
    struct net net, before;

    (void)state;
    set_up(&net, "'batch': 12, 'optimizer': {'type': 'adam', 'rate': 0.01}, 'parameters':"
                 " {'type': 'freeze', 'match': 'dense1.*', 'epochs': 1}");
    set_up(&before, "'batch': 12");
    for (int i = 0; i < 30; i++)
        advance(&net, i % 4 * 12, 12);
    net.step.epoch = 1;
    advance(&net, 0, 12);
    assert_true(fabs(largest_change(&net, &before, "dense1.weight") - 0.01) < 1e-4);
    tear_down(&before);
    tear_down(&net);
}

static void rates_of_their_own_make_other_steps(void **state)
{
    struct net net, before;

    (void)state;
    set_up(&net, "'batch': 48, 'optimizer': {'type': 'adam', 'rate': 0.01}, 'parameters':"
                 " {'type': 'rate', 'match': '*.weight', 'factor': 0.1}");
    set_up(&before, "'batch': 12");
    advance(&net, 0, 48);
    assert_true(fabs(largest_change(&net, &before, "dense2.weight") - 0.001) < 1e-5);
    assert_true(fabs(largest_change(&net, &before, "dense2.bias") - 0.01) < 1e-4);
    tear_down(&before);
    tear_down(&net);
}

static void l1_and_l2_pull_weights_but_not_biases(void **state)
{
    struct net plain, l1, l2;
    const real *from;
    const struct parameter *one, *two;

    (void)state;
    set_up(&plain, "'batch': 48, 'optimizer': {'type': 'sgd', 'rate': 0.1}");
    set_up(&l1, "'batch': 48, 'optimizer': {'type': 'sgd', 'rate': 0.1}, 'parameters':"
                " {'type': 'l1', 'strength': 0.02}");
    set_up(&l2, "'batch': 48, 'optimizer': {'type': 'sgd', 'rate': 0.1}, 'parameters':"
                " {'type': 'l2', 'strength': 0.02}");
    {
        scoped(memory_free) real *first = malloc(24 * sizeof(real));

        assert_non_null(first);
        memcpy(first, network_parameter(plain.network, "dense1.weight")->value, 24 * sizeof(real));
        advance(&plain, 0, 48);
        advance(&l1, 0, 48);
        advance(&l2, 0, 48);
        from = network_parameter(plain.network, "dense1.weight")->value;
        one = network_parameter(l1.network, "dense1.weight");
        two = network_parameter(l2.network, "dense1.weight");
        for (int i = 0; i < 24; i++) {
            double sign = first[i] > 0 ? 1 : -1;

            assert_true(fabs((double)from[i] - 0.002 * sign - (double)one->value[i]) < 1e-6);
            assert_true(fabs((double)from[i] - 0.002 * (double)first[i] - (double)two->value[i]) <
                        1e-6);
        }
    }
    assert_true(largest_change(&plain, &l1, "dense1.bias") == 0);
    tear_down(&l2);
    tear_down(&l1);
    tear_down(&plain);
}

static void set_up_narrow(struct net *net, const char *layer, const char *train)
{
    char spec[512];

    fixture_set_up_sequences(&net->fixture, TASK_REGRESSION, 48,
                             (struct shape){.steps = 3, .width = 1}, 2);
    for (int64_t i = 0; i < 48 * 3; i++)
        net->fixture.x[i] = fabs(net->fixture.x[i]) > 1; /* tokens, too */
    (void)snprintf(spec, sizeof(spec),
                   "{'model': [%s, 'global_average_pool', {'type': 'dense', 'units': 'targets'}],"
                   " 'train': {'batch': 48, 'optimizer': {'type': 'sgd', 'rate': 0.1}%s}}",
                   layer, train);
    fixture_parse(&net->fixture, spec);
    net->model = fixture_build(&net->fixture);
    net->network = (struct network *)net->model;
    net->step = (struct model_step){.set = &net->fixture.set, .rate_scale = 1};
}

/* A step of rate 0.1 and strength 0.5 pulls weights by a twentieth of themselves. */
static void check_pull(const struct parameter *fresh, const struct parameter *plain,
                       const struct parameter *pulled)
{
    const char *name = strchr(fresh->name, '.');
    bool weight = strstr(name, "weight") || (strstr(name, "recurrent") && !strstr(name, "bias"));

    for (int64_t i = 0; i < fresh->rows * fresh->columns; i++) {
        double wanted = weight ? (double)fresh->value[i] / 20 : 0;
        double pull = (double)plain->value[i] - (double)pulled->value[i];

        if (!(fabs(pull - wanted) < 1e-5))
            fail_msg("%s[%d]: pulled by %g, not %g", fresh->name, (int)i, pull, wanted);
    }
}

/* A matrix of one column is no bias. */
static void l2_pulls_weights_of_one_column(void **state)
{
    static const char *const layers[] = {
        "{'type': 'dense', 'units': 3}",
        "{'type': 'conv1d', 'filters': 3, 'size': 1}",
        "{'type': 'embedding', 'units': 1, 'tokens': 2}",
        "{'type': 'lstm', 'units': 1, 'sequences': true}",
        "{'type': 'gru', 'units': 1, 'sequences': true, 'convention': 'pytorch'}",
        "{'type': 'simple_rnn', 'units': 1, 'sequences': true, 'bidirectional': true}",
        "'batch_norm'",
        "'layer_norm'",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        struct net fresh, plain, pulled;

        set_up_narrow(&fresh, layers[i], "");
        set_up_narrow(&plain, layers[i], "");
        set_up_narrow(&pulled, layers[i], ", 'parameters': {'type': 'l2', 'strength': 0.5}");
        advance(&plain, 0, 48);
        advance(&pulled, 0, 48);
        for (int k = 0; k < fresh.network->layer[0].n_parameters; k++)
            check_pull(&fresh.network->layer[0].parameter[k], &plain.network->layer[0].parameter[k],
                       &pulled.network->layer[0].parameter[k]);
        tear_down(&pulled);
        tear_down(&plain);
        tear_down(&fresh);
    }
}

static void gradients_are_clipped(void **state)
{
    struct net net, before;
    double squares = 0;

    (void)state;
    set_up(&net, "'batch': 48, 'optimizer': {'type': 'sgd', 'rate': 1}, 'clip': {'norm': 0.01}");
    set_up(&before, "'batch': 48");
    advance(&net, 0, 48);
    for (int64_t i = 0; i < net.network->n_elements; i++) {
        double moved = (double)net.network->value[i] - (double)before.network->value[i];

        squares += moved * moved;
    }
    assert_true(fabs(sqrt(squares) - 0.01) < 1e-5);
    tear_down(&net);
    set_up(&net, "'batch': 48, 'optimizer': {'type': 'sgd', 'rate': 1}, 'clip': {'value': 1e-4}");
    advance(&net, 0, 48);
    assert_true(fabs(largest_change(&net, &before, "dense3.weight") - 1e-4) < 1e-6);
    tear_down(&net);
    tear_down(&before);
}

static void running_average_follows_the_weights(void **state)
{
    struct net net;
    double expected, here;
    real *value;

    (void)state;
    set_up(&net, "'batch': 12, 'average': 0.2, 'optimizer': {'type': 'sgd', 'rate': 0.1}");
    value = network_parameter(net.network, "dense2.bias")->value;
    expected = (double)value[0];
    for (int i = 0; i < 4; i++) {
        double keep = fmin(0.2, (2.0 + i) / (11.0 + i));

        advance(&net, i * 12, 12);
        expected = keep * expected + (1 - keep) * (double)value[0];
    }
    here = (double)value[0];
    net.model->kind->swap_average(net.model);
    assert_true(fabs((double)value[0] - expected) < 1e-6);
    assert_true(fabs(here - expected) > 1e-6);
    net.model->kind->swap_average(net.model);
    assert_true((double)value[0] == here);
    tear_down(&net);
}

static void rules_about_nothing_are_refused(void **state)
{
    (void)state;
    refuse("'parameters': ['l2', {'type': 'freeze', 'match': 'dense9.*'}]",
           "train.parameters[1].match", "the model has no parameter dense9.*");
    refuse("'parameters': 'freeze'", "train.parameters", "nothing is left to train");
}

/* ---- batches ---- */

static void last_rows_are_kept_dropped_or_filled_up(void **state)
{
    int64_t list[10] = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, row[16];
    const struct row_list rows = {.row = list, .n = 10};
    struct order order = {.list = &rows, .batch = 4, .seed = 3};

    (void)state;
    assert_int_equal(order_steps(&order), 3);
    assert_int_equal(order_fill(&order, 0, 2, row), 2);
    order.last = LAST_BATCH_DROP;
    assert_int_equal(order_steps(&order), 2);
    order.last = LAST_BATCH_PAD;
    assert_int_equal(order_steps(&order), 3);
    assert_int_equal(order_fill(&order, 0, 2, row), 4);
    assert_int_equal(row[0], 18);
    assert_int_equal(row[2], 10);
    order.batch = 16;
    assert_int_equal(order_steps(&order), 1);
    assert_int_equal(order_fill(&order, 0, 0, row), 16);
    assert_int_equal(row[15], 15);
    order.batch = 10;
    assert_int_equal(order_steps(&order), 1);
}

static void padded_rows_are_the_first_of_the_epochs_order(void **state)
{
    int64_t list[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, first[4], last[4];
    const struct row_list rows = {.row = list, .n = 10};
    struct order order = {
        .list = &rows, .batch = 4, .seed = 3, .shuffle = true, .last = LAST_BATCH_PAD};

    struct error error;

    (void)state;
    assert_true(order_prepare(&order, &error));
    order_fill(&order, 5, 0, first);
    order_fill(&order, 5, 2, last);
    assert_memory_equal(last + 2, first, 2 * sizeof(*first));
    order_release(&order);
}

/* Whatever was asked before, and across the rows that are drawn at once: of a seed and an epoch the
 * order is one. */
static void check_order(const struct row_list *rows)
{
    struct order order = {.list = rows, .batch = 60, .seed = 3, .shuffle = true};
    uint32_t purpose = random_purpose("shuffle", "train");
    const int64_t across = ORDER_DRAWN / 60, last = order_steps(&order) - 1;
    const int64_t asked[][3] = {{3, 0, 0},    {3, 0, across}, {3, 0, across + 1}, {3, 1, 4},
                                {3, 0, last}, {4, 0, last},   {3, 0, 7},          {3, 0, 6}};
    int64_t row[60];
    struct error error;

    assert_true(order_prepare(&order, &error));
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        uint64_t seed = (uint64_t)asked[i][0], epoch = (uint64_t)asked[i][1];
        int64_t first = asked[i][2] * order.batch, n;

        order.seed = seed;
        n = order_fill(&order, asked[i][1], asked[i][2], row);
        assert_int_equal(n, first + 60 < rows->n ? 60 : rows->n - first);
        for (int64_t k = 0; k < n; k++) {
            uint64_t at =
                random_permute(seed, epoch, purpose, (uint64_t)rows->n, (uint64_t)(first + k));

            assert_int_equal(row[k], row_list_at(rows, (int64_t)at));
        }
    }
    order_release(&order);
}

/* Of a list's runs, of rows that lie together, and of such that lie too far apart, or before the
 * ones that came first, to be told in two bytes. */
static void order_of_an_epoch_is_the_permutation_that_it_names(void **state)
{
    enum { N = 2 * ORDER_DRAWN + 200 };
    static int64_t row[N];
    struct row_run run = {.first = 100, .stride = 3, .n = N};
    const struct row_list listed = {.row = row, .n = N};

    (void)state;
    check_order(&(struct row_list){.n = N, .run = &run, .n_runs = 1});
    for (int64_t i = 0; i < N; i++)
        row[i] = ((int64_t)1 << 40) + i * (UINT16_MAX / SHORT_ROWS);
    check_order(&listed);
    row[SHORT_ROWS - 1] = row[0] + UINT16_MAX;
    check_order(&listed);
    row[SHORT_ROWS - 1]++;
    check_order(&listed);
    for (int64_t i = 0; i < N; i++)
        row[i] = N - i;
    check_order(&listed);
}

static void batch_that_is_never_whole_is_refused(void **state)
{
    struct training training;

    (void)state;
    begin(&training, TASK_REGRESSION,
          "{'model': [{'type': 'dense', 'units': 'targets'}], 'train': {'batch': 100,"
          " 'last_batch': 'drop'}}");
    assert_false(run(&training));
    assert_string_equal(training.error.path, "train.batch");
    end(&training);
}

/* Each of a batch's places goes through a stretch of the list of its own. */
static void places_of_a_batch_go_on_where_they_ended(void **state)
{
    int64_t list[10] = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, row[16];
    const struct row_list rows = {.row = list, .n = 10};
    struct order order = {.list = &rows, .batch = 4, .lanes = true};
    const int64_t kept[] = {10, 13, 16, 18, 11, 14, 17, 19, 12, 15};
    const int64_t dropped[] = {10, 12, 14, 16, 11, 13, 15, 17};

    (void)state;
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(order_fill(&order, 5, i, row), i < 2 ? 4 : 2);
        assert_memory_equal(row, kept + 4 * i, (i < 2 ? 4 : 2) * sizeof(*row));
    }
    order.last = LAST_BATCH_DROP;
    for (int64_t i = 0; i < 2; i++) {
        assert_int_equal(order_fill(&order, 5, i, row), 4);
        assert_memory_equal(row, dropped + 4 * i, 4 * sizeof(*row));
    }
    order.batch = 16;
    order.last = LAST_BATCH_KEEP;
    assert_int_equal(order_fill(&order, 0, 0, row), 10);
    assert_memory_equal(row, list, sizeof(list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathered_batches_step_like_one_large_batch),
        cmocka_unit_test(parts_of_a_batch_take_less_memory),
        cmocka_unit_test(parts_of_a_batch_step_like_the_whole),
        cmocka_unit_test(batch_that_is_cut_steps_like_the_whole),
        cmocka_unit_test(batches_are_cut_where_that_keeps_them_in_the_cache),
        cmocka_unit_test(last_batch_of_an_epoch_uses_what_is_gathered),
        cmocka_unit_test(frozen_parameters_stay_until_their_epoch),
        cmocka_unit_test(parameter_that_thaws_takes_first_steps_of_the_usual_size),
        cmocka_unit_test(rates_of_their_own_make_other_steps),
        cmocka_unit_test(l1_and_l2_pull_weights_but_not_biases),
        cmocka_unit_test(l2_pulls_weights_of_one_column),
        cmocka_unit_test(gradients_are_clipped),
        cmocka_unit_test(running_average_follows_the_weights),
        cmocka_unit_test(rules_about_nothing_are_refused),
        cmocka_unit_test(last_rows_are_kept_dropped_or_filled_up),
        cmocka_unit_test(places_of_a_batch_go_on_where_they_ended),
        cmocka_unit_test(padded_rows_are_the_first_of_the_epochs_order),
        cmocka_unit_test(order_of_an_epoch_is_the_permutation_that_it_names),
        cmocka_unit_test(batch_that_is_never_whole_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
