/* The floor: what it costs this machine to send the same bytes to N sockets, with nothing around it.
 *
 *     cc -O2 -o floor floor.c && ./floor [--conns 1000] [--size 180] [--burst 8] [--rounds 400] [--cpu 0] [--sink-cpu 1]
 *
 * A parent process accepts N TCP connections on loopback from a child, and sends `burst` events to each of them: first
 * as one send() per event and socket, then as one sendmsg() per socket for the whole burst. The child reads everything
 * and says so after each burst, so that `burst` events are in flight. Printed as one JSON line: the parent's CPU time
 * (user and system, from getrusage) per delivery, in microseconds, for a burst of 1 and for `burst` both ways.
 *
 * `size` is the size of a whole frame. Any server that does the same job pays at least this.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_BURST 64

static long conns = 1000, size = 180, burst = 8, rounds = 400, cpu = -1, sink_cpu = -1;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void pin(long to)
{
    cpu_set_t set;

    if (to < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)to, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        fail("sched_setaffinity");
}

static double cpu_us(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec) * 1e6 + (double)used.ru_utime.tv_usec +
           (double)used.ru_stime.tv_usec;
}

/* The child: connects, then reads, and writes one byte to `done` for every `expected` bytes in all. It is told how many
 * to expect through `ask`, and ends when that is closed. It never sleeps while bytes are due, so that waking it is not
 * part of what the parent pays. */
static void sink(int port, int ask, int done)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    static char buffer[1 << 18];
    struct epoll_event events[512];
    int64_t expected;
    int poll = epoll_create1(0);
    long i;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (i = 0; i < conns; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
            fail("connect");
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
    while (read(ask, &expected, sizeof expected) == sizeof expected) {
        while (expected > 0) {
            int ready = epoll_wait(poll, events, 512, 0), k;

            for (k = 0; k < ready; k++) {
                ssize_t got = recv(events[k].data.fd, buffer, sizeof buffer, MSG_DONTWAIT);

                if (got > 0)
                    expected -= got;
            }
        }
        if (write(done, "", 1) != 1)
            fail("write");
    }
    _exit(0);
}

static void send_all(int fd, struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t expected = (ssize_t)count * size;

    /* The bursts are smaller than a socket buffer, so a short write means that the measurement is void. */
    if ((count == 1 ? send(fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                    : sendmsg(fd, &message, MSG_NOSIGNAL)) != expected)
        fail("send");
}

/* CPU microseconds of this process per delivery: `count` events to all, together in one call per socket or not. */
static double measure(int *fds, int ask, int done, long count, int together, char *frame)
{
    struct iovec parts[MAX_BURST];
    int64_t expected = (int64_t)conns * count * size;
    double start = 0;
    long round, i, k;
    char acknowledged;

    for (k = 0; k < count; k++)
        parts[k] = (struct iovec){frame, (size_t)size};
    for (round = -rounds / 10; round < rounds; round++) {
        if (round == 0)
            start = cpu_us(); /* the rounds before were to warm up */
        if (write(ask, &expected, sizeof expected) != sizeof expected)
            fail("write");
        if (together)
            for (i = 0; i < conns; i++)
                send_all(fds[i], parts, (int)count);
        else
            for (k = 0; k < count; k++)
                for (i = 0; i < conns; i++)
                    send_all(fds[i], parts, 1);
        if (read(done, &acknowledged, 1) != 1)
            fail("read");
    }
    return (cpu_us() - start) / ((double)rounds * (double)count * (double)conns);
}

static void options(int argc, char **argv)
{
    struct {
        const char *name;
        long *value;
    } known[] = {{"--conns", &conns},   {"--size", &size}, {"--burst", &burst},
                 {"--rounds", &rounds}, {"--cpu", &cpu},   {"--sink-cpu", &sink_cpu}};
    int i;
    size_t k;

    for (i = 1; i + 1 < argc; i += 2) {
        for (k = 0; k < sizeof known / sizeof *known && strcmp(argv[i], known[k].name) != 0; k++)
            ;
        if (k == sizeof known / sizeof *known)
            break;
        *known[k].value = atol(argv[i + 1]);
    }
    if (i < argc || conns < 1 || size < 1 || burst < 1 || burst > MAX_BURST || burst * size > 65536 || rounds < 10) {
        fprintf(stderr, "usage: floor [--conns N] [--size BYTES] [--burst 1-%d] [--rounds N] [--cpu N] [--sink-cpu N]\n"
                        "a burst has at most 65,536 bytes\n", MAX_BURST);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    struct rlimit files;
    int ask[2], done[2], listener, *fds, one = 1;
    char *frame;
    double single, apart, together;
    pid_t child;
    long i;

    options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0 || pipe(ask) < 0 || pipe(done) < 0)
        fail("listen");
    child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        close(ask[1]);
        pin(sink_cpu);
        sink(ntohs(address.sin_port), ask[0], done[1]);
    }
    close(ask[0]);
    pin(cpu);
    fds = calloc((size_t)conns, sizeof *fds);
    frame = calloc(1, (size_t)size);
    if (fds == NULL || frame == NULL)
        fail("calloc");
    for (i = 0; i < conns; i++) {
        fds[i] = accept(listener, NULL, NULL);
        if (fds[i] < 0)
            fail("accept");
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    single = measure(fds, ask[1], done[0], 1, 0, frame);
    apart = measure(fds, ask[1], done[0], burst, 0, frame);
    together = measure(fds, ask[1], done[0], burst, 1, frame);
    printf("{\"conns\":%ld,\"size\":%ld,\"burst\":%ld,\"rounds\":%ld,\"one_in_flight_us\":%.3f,"
           "\"burst_one_send_each_us\":%.3f,\"burst_one_send_us\":%.3f}\n",
           conns, size, burst, rounds, single, apart, together);
    close(ask[1]);
    waitpid(child, NULL, 0);
    return 0;
}
