/* Publishes at a fixed rate to several nodes that are one server, and what came of each. Driven by horizontal.py.
 *
 * Plan: subscriber i is on node i % nodes and on channel i / per_channel. Publish i is due at start + i / rate, at node
 * i % nodes, over whichever of that node's connections is idle; if none is, it is late, and so are those after it: none is
 * left out. When each was due, sent and answered is written to a file, and after that every arrival; what follows from
 * it is for horizontal.py to say. Between events this process sleeps: the nodes need its core too.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/prctl.h>

#include "connection.h"
#include "requests.h"

#define MAX_NODES 16
#define MOST_EVENTS 64 /* between two looks at what is due: 0.2 ms or so */
#define QUIET_S 0.3 /* after the last arrival that was due: what comes twice comes soon */
#define LOST_S 5.0  /* nothing comes for so long: nothing will */

typedef struct {
    double due_s, sent_s, answered_s; /* answered_s is 0 without an answer of 200 */
} publish;

typedef struct {
    uint32_t subscriber, publish;
    double at_s;
} arrival;

static struct node {
    struct sockaddr_in address;
    long port;
    connection **idle; /* a stack, so that as few connections are in use as will do */
    long idle_count;
    long next; /* publish */
} nodes[MAX_NODES];

static const char *requests_file = "", *output = "";
static long node_count, conns = 900, channels = 100, pool = 400;
static double rate = 1000;
static int poll_fd;
static long ready, sent, answered, bad_answers;
static publish *publishes;
static arrival *arrivals;
static long arrival_count, arrivals_wanted, arrivals_held;
static double changed_s; /* when something came last */
static char buffer[1 << 18];

static void options(int argc, char **argv)
{
    static const struct option known[] = {{"port", 1, 0, 'p'},     {"conns", 1, 0, 'n'},  {"channels", 1, 0, 'm'},
                                          {"publishers", 1, 0, 'u'}, {"requests", 1, 0, 'q'}, {"rate", 1, 0, 'e'},
                                          {"output", 1, 0, 'o'},   {0, 0, 0, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
        switch (option) {
        case 'p':
            if (node_count == MAX_NODES)
                give_up("too many nodes", NULL);
            nodes[node_count++].port = atol(optarg);
            break;
        case 'n': conns = atol(optarg); break;
        case 'm': channels = atol(optarg); break;
        case 'u': pool = atol(optarg); break;
        case 'q': requests_file = optarg; break;
        case 'e': rate = atof(optarg); break;
        case 'o': output = optarg; break;
        default:
            fprintf(stderr, "usage: horizontal --port NODE [--port NODE ...] --requests FILE --rate N/s --output FILE\n"
                            "  [--conns N --channels N: subscribers in all] [--publishers N: connections to each node]\n");
            exit(2);
        }
    if (node_count == 0 || conns % channels != 0 || rate <= 0)
        give_up("nodes, a rate, and as many subscribers for each channel are needed", NULL);
}

static struct node *node_of(const connection *c)
{
    return &nodes[c->number % node_count];
}

static void open_one(connection *c)
{
    open_connection(c, poll_fd, &node_of(c)->address, c->number);
}

static void on_event(const connection *c, const uint8_t *payload, size_t size, double now)
{
    const char *text = memmem(payload, size, "\"data\":\"", 8);
    unsigned long number = text == NULL ? (unsigned long)-1 : strtoul(text + 8, NULL, 10);

    if (number >= (unsigned long)request_count)
        give_up("an event came that was not published", (const char *)payload);
    if (arrival_count == arrivals_held)
        give_up("more came than twice what was published", NULL);
    arrivals[arrival_count++] = (arrival){(uint32_t)c->number, (uint32_t)number, now};
    changed_s = now;
}

static void on_frame(connection *c, int opcode, const uint8_t *payload, size_t size, double now)
{
    char name[64];

    switch (understand(c, opcode, payload, size)) {
    case EVENT:
        on_event(c, payload, size, now);
        break;
    case GREETED:
        snprintf(name, sizeof name, "bench-%ld", c->number / (conns / channels));
        subscribe(c, name, "key1", "secret1");
        break;
    case SUBSCRIBED:
        c->phase = READY;
        ready++;
        break;
    default:
        break;
    }
}

static void on_ready(connection *c, uint32_t what)
{
    struct node *node = node_of(c);
    size_t have;

    if (c->phase == CONNECTING && what & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        on_connected(c, poll_fd);
        if (c->is_publisher) {
            node->idle[node->idle_count++] = c;
            ready++;
        } else {
            ask_for_websocket(c, "/app/key1", "127.0.0.1", node->port);
        }
    } else if (what & (EPOLLIN | EPOLLERR | EPOLLHUP) && (have = read_more(c, buffer, sizeof buffer)) > 0) {
        double now = now_s();
        long bad = bad_answers;

        if (!c->is_publisher) {
            take_frames(c, buffer, have, now, on_frame);
            return;
        }
        buffer[have] = '\0';
        if (!is_answer(buffer, &bad_answers))
            return;
        publishes[c->asked].answered_s = bad_answers == bad ? now : 0;
        changed_s = now;
        answered++;
        node->idle[node->idle_count++] = c;
    }
}

static void turn_for(double wait_s)
{
    static struct epoll_event events[MOST_EVENTS];
    struct timespec timeout = {.tv_sec = (time_t)wait_s, .tv_nsec = (long)((wait_s - (double)(time_t)wait_s) * 1e9)};
    int count = epoll_pwait2(poll_fd, events, MOST_EVENTS, &timeout, NULL), i; /* to the ns; Linux 5.11, glibc 2.35 */

    if (count < 0 && errno != EINTR)
        give_up("epoll_pwait2", strerror(errno));
    for (i = 0; i < count; i++)
        on_ready(events[i].data.ptr, events[i].events);
}

static void turn(int timeout_ms)
{
    turn_for(timeout_ms / 1e3);
}

/* Sends what is due at `now`, node by node. Returns the seconds until something is due that can be sent. */
static double send_what_is_due(double now)
{
    double next_s = now + 0.1;
    long i;

    for (i = 0; i < node_count; i++) {
        struct node *node = &nodes[i];

        for (; node->idle_count > 0 && node->next < request_count; node->next += node_count) {
            connection *c = node->idle[node->idle_count - 1];

            if (publishes[node->next].due_s > now) {
                if (publishes[node->next].due_s < next_s)
                    next_s = publishes[node->next].due_s;
                break;
            }
            node->idle_count--;
            c->asked = node->next;
            publishes[node->next].sent_s = now_s();
            send_all(c, requests[node->next], request_sizes[node->next]);
            sent++;
        }
    }
    return next_s > now ? next_s - now : 0;
}

static void publish_all(void)
{
    double start = now_s() + 0.05;
    long i;

    for (i = 0; i < request_count; i++)
        publishes[i].due_s = start + (double)i / rate;
    printf("%.9f\n", start); /* on the clock of Python's time.monotonic() */
    fflush(stdout);
    changed_s = start;
    while (sent < request_count || now_s() - changed_s < QUIET_S || arrival_count < arrivals_wanted ||
           answered < request_count) {
        turn_for(send_what_is_due(now_s()));
        if (now_s() - changed_s > LOST_S)
            break; /* the file says what is missing */
    }
}

static void write_output(void)
{
    FILE *file = fopen(output, "wb");

    if (file == NULL || fwrite(publishes, sizeof *publishes, (size_t)request_count, file) != (size_t)request_count ||
        fwrite(arrivals, sizeof *arrivals, (size_t)arrival_count, file) != (size_t)arrival_count || fclose(file) != 0)
        give_up(output, strerror(errno));
}

int main(int argc, char **argv)
{
    connection *subscribers, *publishers;
    long i;

    options(argc, argv);
    prctl(PR_SET_TIMERSLACK, 1); /* by default the kernel wakes a sleeper up to 50 us late */
    poll_fd = epoll_create1(0);
    for (i = 0; i < node_count; i++) {
        nodes[i].address = loopback("127.0.0.1", nodes[i].port);
        nodes[i].next = i;
        nodes[i].idle = calloc((size_t)pool, sizeof *nodes[i].idle);
    }
    read_requests(requests_file);
    arrivals_wanted = request_count * (conns / channels);
    arrivals_held = 2 * arrivals_wanted;
    publishes = calloc((size_t)request_count, sizeof *publishes);
    arrivals = calloc((size_t)arrivals_held, sizeof *arrivals);
    subscribers = calloc((size_t)conns, sizeof *subscribers);
    publishers = calloc((size_t)(pool * node_count), sizeof *publishers);
    for (i = 0; i < pool * node_count; i++)
        publishers[i].is_publisher = 1;
    open_all(subscribers, conns, 100, &ready, open_one, turn);
    ready = 0;
    open_all(publishers, pool * node_count, 100, &ready, open_one, turn);
    publish_all();
    write_output();
    return 0;
}
