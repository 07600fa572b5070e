// What `parity check` runs. Replace the network below by your own, then:
//
//     cc -O2 FILE -o network -lm
//     parity check --exec ./network
//
// parity asks for several small trainings: train(task) is called for each. From the
// arrays that it shows, parity finds out whether the backpropagation is right, and if
// not, which mistake it is. The network below is right, so that the file works before
// you change it.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What your program can do: parity asks for nothing else. Without a line, it asks for
// everything that it knows. Several values stand in one line, as in "losses mse mae\n".
static const char description[] =
    "activations sigmoid\n" // or tanh, relu, leaky_relu, softmax, identity
    "outputs sigmoid\n"     // the activations that your last layer may have
    "losses mse\n"          // or half_squared_error, mae, cross_entropy,
                            // softmax_cross_entropy, binary_cross_entropy,
                            // sigmoid_cross_entropy
    "optimizers sgd\n"      // or adagrad, rmsprop, adam, adamw
    "settings\n" // what your optimizers ask setting() for: momentum, dampening,
    // nesterov, weight_decay, amsgrad, centered, lr_decay, initial_accumulator_value,
    // betas, eps, alpha. What is named here gets other values than PyTorch's defaults;
    // what is not has those defaults in every task.

    // The form of its arrays. These are the defaults.
    "dtype float64\n"   // or float32
    "layout out_in\n"   // W has fan_out rows and fan_in columns, and z = a W^T + b;
                        // or in_out: fan_in rows, fan_out columns, and z = a W + b
    "samples rows\n"    // x has a row for each sample; or columns: a column
    "targets one_hot\n" // or labels, distributions: what y is for losses on classes

    // Only if you need them:
    // "sizes 2 3 1\n" // a fixed number of layers, or these widths alone
    // "batch 1\n" // every batch has a single sample, or another fixed number of them
    // "bias 0\n" // no biases: task->b is there, and 0; show neither db nor b
    // "same_hidden 1\n" // all hidden layers of a network have the same activation
    // "slope 0.01\n" // of leaky_relu; without this line, as task->slopes says
    // "conventions loss-summed\n" // what you do otherwise than PyTorch, and mean so: a
    // name that a finding ends with
    ;

// One training step: a batch and a learning rate.
typedef struct Step {
    size_t n; // samples
    double lr;
    double *x, *y; // row by row; y has n numbers where targets is "labels"
    struct Step *next;
} Step;

// One small training. Layers are numbered as in textbooks: 1 is the first behind the
// inputs. Arrays are row by row, and you may change them.
typedef struct {
    size_t layers;
    size_t *sizes;      // sizes[0] is that of the inputs, sizes[l] that of layer l
    char **activations; // activations[l] is the name of layer l's: "sigmoid"
    double *slopes;     // slopes[l] is that of leaky_relu where layer l has it
    double **W, **b;    // W[l], b[l]: the weights and biases to start from
    char *loss;         // "mse"; softmax_cross_entropy and sigmoid_cross_entropy have
                        // the last activation in them, which is "identity" then
    char *targets;      // what y is: "values", "one_hot", "labels", ...
    char *optimizer;    // "sgd"
    char **settings;    // for setting()
    char *dtype;        // "float64"
    Step *steps;        // the first step; the others are next to each other
} Task;

// What the second part of this file gives you:

// zeros, which are freed after the task
void *allocate(size_t count, size_t size);
// a number of the optimizer: "momentum", 0; betas has two: "betas", 0 and "betas", 1
double setting(const Task *task, const char *name, size_t i);
// an array of a layer; layer is 0 for "output" and "loss"
void show(const char *name, size_t layer, const double *numbers, size_t count);
// all of a step is shown
void done(void);
// your program cannot do this task; show nothing else of it
void unsupported(void);

// The activations of all layers, a[0] = x first.
static double **forward(const Task *task, const Step *step)
{
    double **a = allocate(task->layers + 1, sizeof *a);
    a[0] = step->x;
    for (size_t l = 1; l <= task->layers; l++) {
        size_t fan_in = task->sizes[l - 1], fan_out = task->sizes[l];
        a[l] = allocate(step->n * fan_out, sizeof **a);
        for (size_t i = 0; i < step->n; i++)
            for (size_t j = 0; j < fan_out; j++) {
                double z = task->b[l][j];
                for (size_t k = 0; k < fan_in; k++)
                    z += a[l - 1][i * fan_in + k] * task->W[l][j * fan_in + k];
                a[l][i * fan_out + j] = 1 / (1 + exp(-z));
            }
    }
    return a;
}

// The deltas of all layers: the gradients of the mean squared error by their weighted
// inputs z.
static double **backward(const Task *task, const Step *step, double **a)
{
    size_t L = task->layers, count = step->n * task->sizes[L];
    double **delta = allocate(L + 1, sizeof *delta);
    delta[L] = allocate(count, sizeof **delta);
    for (size_t i = 0; i < count; i++)
        delta[L][i] = 2 * (a[L][i] - step->y[i]) / (double)count * a[L][i] * (1 - a[L][i]);
    for (size_t l = L - 1; l > 0; l--) {
        size_t width = task->sizes[l], above = task->sizes[l + 1];
        delta[l] = allocate(step->n * width, sizeof **delta);
        for (size_t i = 0; i < step->n; i++)
            for (size_t k = 0; k < width; k++) {
                double sum = 0, f = a[l][i * width + k];
                for (size_t j = 0; j < above; j++)
                    sum += delta[l + 1][i * above + j] * task->W[l + 1][j * width + k];
                delta[l][i * width + k] = sum * f * (1 - f);
            }
    }
    return delta;
}

static double mean_squared_error(const double *a, const double *y, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (a[i] - y[i]) * (a[i] - y[i]);
    return sum / (double)count;
}

// Train, and show what each step has. Leave out what you do not have; but the more
// parity sees, the better it can say where a mistake is.
static void train(const Task *task)
{
    size_t L = task->layers;
    for (const Step *step = task->steps; step; step = step->next) {
        size_t outputs = step->n * task->sizes[L];
        double **a = forward(task, step), **delta = backward(task, step, a);
        double loss = mean_squared_error(a[L], step->y, outputs);
        show("output", 0, a[L], outputs);
        show("loss", 0, &loss, 1);
        for (size_t l = 1; l <= L; l++) {
            size_t fan_in = task->sizes[l - 1], fan_out = task->sizes[l];
            double *dW = allocate(fan_out * fan_in, sizeof *dW);
            double *db = allocate(fan_out, sizeof *db);
            for (size_t i = 0; i < step->n; i++)
                for (size_t j = 0; j < fan_out; j++) {
                    db[j] += delta[l][i * fan_out + j];
                    for (size_t k = 0; k < fan_in; k++)
                        dW[j * fan_in + k] += delta[l][i * fan_out + j] * a[l - 1][i * fan_in + k];
                }
            for (size_t k = 0; k < fan_out * fan_in; k++)
                task->W[l][k] -= step->lr * dW[k];
            for (size_t j = 0; j < fan_out; j++)
                task->b[l][j] -= step->lr * db[j];
            show("a", l, a[l], step->n * fan_out);
            show("delta", l, delta[l], step->n * fan_out);
            show("dW", l, dW, fan_out * fan_in);
            show("db", l, db, fan_out);
            show("W", l, task->W[l], fan_out * fan_in); // after the step
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
