// A multilayer perceptron in C, as parity checks it:
//
//     cc -O2 network.c -o network -lm
//     parity check --exec ./network
//
// The network stands above the marked line. The part below it is that of the file which
// `parity check --init driver.c` writes.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char description[] =
    "activations identity sigmoid tanh relu leaky_relu softmax\n"
    "losses mse half_squared_error softmax_cross_entropy\n"
    "optimizers sgd\n"
    "settings momentum dampening nesterov weight_decay\n";

// What a task is, and what the part below the marked line gives.

// One training step: a batch and a learning rate.
typedef struct Step {
    size_t n; // samples
    double lr;
    double *x, *y; // row by row; y has n numbers where targets is "labels"
    struct Step *next;
} Step;

// One small training. Layer 1 is the first behind the inputs.
typedef struct {
    size_t layers;
    size_t *sizes; // sizes[0] is the number of inputs, sizes[l] the width of layer l
    char **activations;
    double *slopes;
    double **W, **b; // W[l] has sizes[l] rows and sizes[l - 1] columns
    char *loss;
    char *targets;
    char *optimizer;
    char **settings;
    char *dtype;
    Step *steps;
} Task;

void *allocate(size_t count, size_t size); // zeros, which are freed after the task
double setting(const Task *task, const char *name, size_t i);
void show(const char *name, size_t layer, const double *numbers, size_t count);
void done(void);
void unsupported(void);

// What a training step computes: an array for each layer; a[0] is x.
typedef struct {
    double **z, **a, **delta, **dW, **db;
} Pass;

static int equal(const char *one, const char *other)
{
    return strcmp(one, other) == 0;
}

// softmax

static double highest(const double *z, size_t width)
{
    double result = z[0];
    for (size_t j = 1; j < width; j++)
        result = fmax(result, z[j]);
    return result;
}

// The sum of exp(z - top), which cannot overflow where top is the highest z.
static double sum_of_exp(const double *z, double top, size_t width)
{
    double sum = 0;
    for (size_t j = 0; j < width; j++)
        sum += exp(z[j] - top);
    return sum;
}

static void softmax(const double *z, size_t width, double *a)
{
    double top = highest(z, width), sum = sum_of_exp(z, top, width);
    for (size_t j = 0; j < width; j++)
        a[j] = exp(z[j] - top) / sum;
}

// activations

static double value(const char *f, double slope, double z)
{
    if (equal(f, "sigmoid"))
        return 1 / (1 + exp(-z));
    if (equal(f, "tanh"))
        return tanh(z);
    if (equal(f, "relu"))
        return z < 0 ? 0 : z;
    if (equal(f, "leaky_relu"))
        return z > 0 ? z : slope * z;
    return z;
}

static double derivative(const char *f, double slope, double z, double a)
{
    if (equal(f, "sigmoid"))
        return a * (1 - a);
    if (equal(f, "tanh"))
        return 1 - a * a;
    if (equal(f, "relu"))
        return z > 0 ? 1 : 0;
    if (equal(f, "leaky_relu"))
        return z > 0 ? 1 : slope;
    return 1;
}

// a = f(z) of one row of layer l
static void activate(const Task *task, size_t l, const double *z, double *a)
{
    if (equal(task->activations[l], "softmax")) {
        softmax(z, task->sizes[l], a);
        return;
    }
    for (size_t j = 0; j < task->sizes[l]; j++)
        a[j] = value(task->activations[l], task->slopes[l], z[j]);
}

// From dC/da to dC/dz = dC/da * f'(z), in place, for one row of layer l. An output of
// softmax depends on every z of its row, so a sum over the row takes part.
static void pull_back(const Task *task, size_t l, const double *z, const double *a, double *g)
{
    size_t width = task->sizes[l];
    if (equal(task->activations[l], "softmax")) {
        double sum = 0;
        for (size_t j = 0; j < width; j++)
            sum += g[j] * a[j];
        for (size_t j = 0; j < width; j++)
            g[j] = a[j] * (g[j] - sum);
        return;
    }
    for (size_t j = 0; j < width; j++)
        g[j] *= derivative(task->activations[l], task->slopes[l], z[j], a[j]);
}

// losses

// y as rows of the width of the outputs: labels become one-hot
static double *target_rows(const Task *task, const Step *step)
{
    size_t width = task->sizes[task->layers];
    if (!equal(task->targets, "labels"))
        return step->y;
    double *rows = allocate(step->n * width, sizeof *rows);
    for (size_t i = 0; i < step->n; i++)
        for (size_t j = 0; j < width; j++)
            rows[i * width + j] = (double)j == step->y[i];
    return rows;
}

// What the sum over the outputs and the samples is divided by.
static double divisor(const Task *task, const Step *step)
{
    size_t width = equal(task->loss, "mse") ? task->sizes[task->layers] : 1;
    return (double)(step->n * width);
}

// What one sample adds to the cost, before the division.
static double loss_of_row(const char *loss, const double *a, const double *y, size_t width)
{
    double sum = 0;
    if (equal(loss, "softmax_cross_entropy")) { // a are the logits
        double top = highest(a, width), log_sum = log(sum_of_exp(a, top, width));
        for (size_t j = 0; j < width; j++)
            sum += y[j] * (log_sum - (a[j] - top));
        return sum;
    }
    for (size_t j = 0; j < width; j++)
        sum += (a[j] - y[j]) * (a[j] - y[j]);
    return equal(loss, "half_squared_error") ? sum / 2 : sum;
}

static double loss_value(const Task *task, const Step *step, const double *a, const double *y)
{
    size_t width = task->sizes[task->layers];
    double sum = 0;
    for (size_t i = 0; i < step->n; i++)
        sum += loss_of_row(task->loss, a + i * width, y + i * width, width);
    return sum / divisor(task, step);
}

// dC/da of all samples. The 1/n stands here, so nothing after it divides.
static void loss_gradient(const Task *task, const Step *step, const double *a, const double *y,
                          double *g)
{
    size_t width = task->sizes[task->layers];
    double factor = equal(task->loss, "mse") ? 2 : 1;
    for (size_t i = 0; i < step->n; i++, a += width, y += width, g += width) {
        if (equal(task->loss, "softmax_cross_entropy"))
            softmax(a, width, g);
        else
            memcpy(g, a, width * sizeof *g);
        for (size_t j = 0; j < width; j++)
            g[j] = factor * (g[j] - y[j]) / divisor(task, step);
    }
}

// forward and backward

static Pass new_pass(const Task *task, const Step *step)
{
    size_t count = task->layers + 1;
    Pass pass;
    pass.z = allocate(count, sizeof *pass.z);
    pass.a = allocate(count, sizeof *pass.a);
    pass.delta = allocate(count, sizeof *pass.delta);
    pass.dW = allocate(count, sizeof *pass.dW);
    pass.db = allocate(count, sizeof *pass.db);
    pass.a[0] = step->x;
    for (size_t l = 1; l < count; l++) {
        size_t fan_in = task->sizes[l - 1], fan_out = task->sizes[l];
        pass.z[l] = allocate(step->n * fan_out, sizeof **pass.z);
        pass.a[l] = allocate(step->n * fan_out, sizeof **pass.a);
        pass.delta[l] = allocate(step->n * fan_out, sizeof **pass.delta);
        pass.dW[l] = allocate(fan_out * fan_in, sizeof **pass.dW);
        pass.db[l] = allocate(fan_out, sizeof **pass.db);
    }
    return pass;
}

static void forward(const Task *task, const Step *step, Pass *pass)
{
    for (size_t l = 1; l <= task->layers; l++) {
        size_t fan_in = task->sizes[l - 1], fan_out = task->sizes[l];
        for (size_t i = 0; i < step->n; i++) {
            double *a_prev = pass->a[l - 1] + i * fan_in;
            double *z = pass->z[l] + i * fan_out, *a = pass->a[l] + i * fan_out;
            for (size_t j = 0; j < fan_out; j++) {
                z[j] = task->b[l][j];
                for (size_t k = 0; k < fan_in; k++)
                    z[j] += task->W[l][j * fan_in + k] * a_prev[k];
            }
            activate(task, l, z, a);
        }
    }
}

// g = delta W of the layer above, for one sample: dC/da of layer l
static void from_above(const Task *task, size_t l, const double *delta_above, double *g)
{
    size_t width = task->sizes[l], above = task->sizes[l + 1];
    for (size_t j = 0; j < above; j++)
        for (size_t k = 0; k < width; k++)
            g[k] += delta_above[j] * task->W[l + 1][j * width + k];
}

static void backward(const Task *task, const Step *step, const double *y, Pass *pass)
{
    size_t L = task->layers;
    loss_gradient(task, step, pass->a[L], y, pass->delta[L]);
    for (size_t l = L; l > 0; l--) {
        size_t fan_in = task->sizes[l - 1], fan_out = task->sizes[l];
        for (size_t i = 0; i < step->n; i++) {
            double *a_prev = pass->a[l - 1] + i * fan_in;
            double *z = pass->z[l] + i * fan_out, *a = pass->a[l] + i * fan_out;
            double *delta = pass->delta[l] + i * fan_out;
            if (l == L) {
                pull_back(task, l, z, a, delta); // BP1
            } else {
                from_above(task, l, pass->delta[l + 1] + i * task->sizes[l + 1], delta);
                pull_back(task, l, z, a, delta); // BP2
            }
            for (size_t j = 0; j < fan_out; j++)
                pass->db[l][j] += delta[j]; // BP3
            for (size_t j = 0; j < fan_out; j++)
                for (size_t k = 0; k < fan_in; k++)
                    pass->dW[l][j * fan_in + k] += delta[j] * a_prev[k]; // BP4
        }
    }
}

// Gradient descent with momentum, as torch.optim.SGD does it; v is kept between steps.
static void descend(const Task *task, const Step *step, const double *g, size_t count,
                    double *v, double *theta)
{
    double momentum = setting(task, "momentum", 0), dampening = setting(task, "dampening", 0);
    double weight_decay = setting(task, "weight_decay", 0);
    int nesterov = setting(task, "nesterov", 0) != 0;
    // the first v is not dampened
    int undamped = momentum == 0 || step == task->steps;
    for (size_t i = 0; i < count; i++) {
        double d = g[i] + weight_decay * theta[i];
        v[i] = undamped ? d : momentum * v[i] + (1 - dampening) * d;
        theta[i] -= step->lr * (nesterov ? d + momentum * v[i] : v[i]);
    }
}

static void train(const Task *task)
{
    size_t L = task->layers;
    double **vW = allocate(L + 1, sizeof *vW), **vb = allocate(L + 1, sizeof *vb);
    for (size_t l = 1; l <= L; l++) {
        vW[l] = allocate(task->sizes[l] * task->sizes[l - 1], sizeof **vW);
        vb[l] = allocate(task->sizes[l], sizeof **vb);
    }
    for (const Step *step = task->steps; step; step = step->next) {
        Pass pass = new_pass(task, step);
        double *y = target_rows(task, step);
        forward(task, step, &pass);
        double loss = loss_value(task, step, pass.a[L], y);
        backward(task, step, y, &pass);
        show("output", 0, pass.a[L], step->n * task->sizes[L]);
        show("loss", 0, &loss, 1);
        for (size_t l = 1; l <= L; l++) {
            size_t fan_out = task->sizes[l], weights = fan_out * task->sizes[l - 1];
            descend(task, step, pass.dW[l], weights, vW[l], task->W[l]);
            descend(task, step, pass.db[l], fan_out, vb[l], task->b[l]);
            show("z", l, pass.z[l], step->n * fan_out);
            show("a", l, pass.a[l], step->n * fan_out);
            show("delta", l, pass.delta[l], step->n * fan_out);
            show("dW", l, pass.dW[l], weights);
            show("db", l, pass.db[l], fan_out);
            show("W", l, task->W[l], weights);
            show("b", l, task->b[l], fan_out);
        }
        done();
    }
}

// ---- The protocol. Nothing below this line needs to be changed. ----

// What is allocated for a task stands in a list, so that all of it is freed at once.
typedef struct Block {
    struct Block *next;
    double numbers[];
} Block;

static Block *task_blocks = NULL;

static void free_task(void)
{
    while (task_blocks) {
        Block *next = task_blocks->next;
        free(task_blocks);
        task_blocks = next;
    }
}

// Says why the task cannot be read, and ends the program.
static void cannot_read(const char *expected, const char *has)
{
    printf("error cannot read the task: expected %s, not %s\n", expected, has ? has : "the end");
    free_task();
    exit(EXIT_FAILURE);
}

void *allocate(size_t count, size_t size)
{
    Block *block = NULL;
    if (count < (SIZE_MAX - sizeof *block) / size)
        block = calloc(1, sizeof *block + count * size);
    if (!block)
        cannot_read("memory for its arrays", "too little");
    block->next = task_blocks;
    task_blocks = block;
    return block->numbers;
}

static void *twice_as_long(const void *old, size_t bytes)
{
    return memcpy(allocate(2, bytes), old, bytes);
}

// The next line without its end, or NULL behind the last one.
static char *read_line(void)
{
    size_t room = 128, length = 0;
    char *line = allocate(room, 1);
    int c;
    while ((c = getchar()) != EOF && c != '\n') {
        if (length + 1 == room) {
            line = twice_as_long(line, room);
            room *= 2;
        }
        line[length++] = (char)c;
    }
    line[length] = '\0';
    return c == EOF && length == 0 ? NULL : line;
}

static const char BLANKS[] = " \t\r";

// The first word of the next line that has any, or NULL behind the last one.
static char *read_name(void)
{
    char *line, *name = NULL;
    while (!name && (line = read_line()))
        name = strtok(line, BLANKS);
    return name;
}

static void read_the(const char *name)
{
    char *has = read_name();
    if (!has || strcmp(has, name) != 0)
        cannot_read(name, has);
}

static char *read_word(void)
{
    char *word = strtok(NULL, BLANKS);
    if (!word)
        cannot_read("one more word in the line", NULL);
    return word;
}

// The words of the line that stand behind those which were read, and NULL.
static char **read_words(void)
{
    size_t room = 8, count = 0;
    char **all = allocate(room, sizeof *all);
    while ((all[count] = strtok(NULL, BLANKS)))
        if (++count == room) {
            all = twice_as_long(all, room * sizeof *all);
            room *= 2;
        }
    return all;
}

// Exactly so many words, the first of them at `from`.
static char **read_names(size_t from, size_t count)
{
    char **all = allocate(from + count, sizeof *all), *rest;
    for (size_t i = 0; i < count; i++)
        all[from + i] = read_word();
    if ((rest = strtok(NULL, BLANKS)))
        cannot_read("the end of the line", rest);
    return all;
}

static double to_number(const char *word)
{
    char *end;
    double number = strtod(word, &end);
    if (end == word || *end)
        cannot_read("a number", word);
    return number;
}

static size_t to_size(const char *word)
{
    double number = to_number(word);
    // below 2^31, for the product of two of them has to fit into a size_t
    if (!(number >= 1 && number < 2147483648.0 && floor(number) == number))
        cannot_read("a whole number from 1 to 2^31", word);
    return (size_t)number;
}

// Exactly so many numbers, the first of them at `from`.
static double *read_numbers(size_t from, size_t count)
{
    char **all = read_names(from, count);
    double *array = allocate(from + count, sizeof *array);
    for (size_t i = from; i < from + count; i++)
        array[i] = to_number(all[i]);
    return array;
}

static void read_sizes(Task *task)
{
    char **all = read_words();
    size_t count = 0;
    while (all[count])
        count++;
    if (count < 2)
        cannot_read("sizes of two layers at least", NULL);
    task->layers = count - 1;
    task->sizes = allocate(count, sizeof *task->sizes);
    for (size_t l = 0; l < count; l++)
        task->sizes[l] = to_size(all[l]);
}

static void read_layer(Task *task, size_t l)
{
    size_t fan_in = task->sizes[l - 1], fan_out = task->sizes[l];
    read_the("W");
    if (to_size(read_word()) != l)
        cannot_read("W of the next layer", "another");
    task->W[l] = read_numbers(0, fan_out * fan_in);
    read_the("b");
    if (to_size(read_word()) != l)
        cannot_read("b of the same layer", "another");
    task->b[l] = read_numbers(0, fan_out);
}

static Step *read_step(const Task *task)
{
    Step *step = allocate(1, sizeof *step);
    size_t width = strcmp(task->targets, "labels") == 0 ? 1 : task->sizes[task->layers];
    step->lr = to_number(read_word());
    step->n = to_size(read_word());
    read_the("x");
    step->x = read_numbers(0, step->n * task->sizes[0]);
    read_the("y");
    step->y = read_numbers(0, step->n * width);
    return step;
}

// The next task, or 0 where the input ends.
static int read_task(Task *task)
{
    char *name = read_name();
    Step **last = &task->steps;
    if (!name)
        return 0;
    if (strcmp(name, "parity") != 0)
        cannot_read("parity", name);
    read_the("task");
    read_the("dtype");
    task->dtype = read_names(0, 1)[0];
    read_the("sizes");
    read_sizes(task);
    read_the("activations");
    task->activations = read_names(1, task->layers);
    read_the("slopes");
    task->slopes = read_numbers(1, task->layers);
    read_the("loss");
    task->loss = read_names(0, 1)[0];
    read_the("targets");
    task->targets = read_names(0, 1)[0];
    read_the("layout");
    read_the("samples");
    read_the("bias");
    read_the("optimizer");
    task->optimizer = read_word();
    task->settings = read_words();
    task->W = allocate(task->layers + 1, sizeof *task->W);
    task->b = allocate(task->layers + 1, sizeof *task->b);
    for (size_t l = 1; l <= task->layers; l++)
        read_layer(task, l);
    while ((name = read_name()) && strcmp(name, "step") == 0) {
        *last = read_step(task);
        last = &(*last)->next;
    }
    if (!name || strcmp(name, "end") != 0)
        cannot_read("end", name);
    return 1;
}

double setting(const Task *task, const char *name, size_t i)
{
    char **word = task->settings;
    while (*word && strcmp(*word, name) != 0)
        word++;
    for (size_t k = 0; *word && k <= i; k++)
        word++;
    if (!*word)
        cannot_read(name, "an optimizer line without it");
    return to_number(*word);
}

void show(const char *name, size_t layer, const double *numbers, size_t count)
{
    fputs(name, stdout);
    if (layer)
        printf(" %zu", layer);
    for (size_t i = 0; i < count; i++)
        printf(" %.17g", numbers[i]);
    putchar('\n');
}

void done(void)
{
    puts("done");
}

void unsupported(void)
{
    puts("unsupported");
}

int main(int argc, char **argv)
{
    Task task = {0};
    if (argc > 1 && strcmp(argv[1], "--describe") == 0) {
        printf("parity 1\ntasks many\n%s", description);
        return EXIT_SUCCESS;
    }
    while (read_task(&task)) {
        train(&task);
        fflush(stdout);
        free_task();
        memset(&task, 0, sizeof task);
    }
    free_task();
    return EXIT_SUCCESS;
}
