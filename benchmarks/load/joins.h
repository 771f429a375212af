/* What one join of a presence channel costs the server, by the number of members.
 *
 * Everything in a join that is there for each member (the list that the joiner is sent, the news that every member is
 * sent) is kept apart from the join itself, by doing the same thing with and without it, one at a time, and reading the
 * server's CPU time once it has gone quiet again. What tells nobody is measured first, and always after a list was sent to
 * another member, so that all find the server's caches alike. One connection, the prober, does all of it:
 *
 *     join     as a user who is a member already: counted in, sent the list, nobody else is told
 *     repeat   the same subscription once more: sent the list, and nothing else
 *     leave    out again: no list, nobody is told
 *     arrive   join as a user who is no member: sent the list, every member is told
 *     depart   out again: no list, every member is told
 *
 * join - repeat is the join without its list, and (arrive - join) / members the price of telling a member. A ping and its
 * pong follow a departure, which has no answer of its own; what they cost is taken off.
 */
#ifndef REVURB_LOAD_JOINS_H
#define REVURB_LOAD_JOINS_H

#include <math.h>

#define PROBES 101
#define LOUD_PROBES 7 /* of those that tell every member */

enum probe { PING, JOIN, REPEAT, LEAVE, ARRIVE, DEPART, PROBE_KINDS };

static void turn(int timeout_ms);

/* The server's CPU seconds once it has stopped using any. Servers with threads of their own in the background never
 * quite do: 50 looks are enough. */
static double settled_cpu_s(void)
{
    double before = -1, now = sum_over(pids, cpu_of), until;
    int looks;

    for (looks = 0; looks < 50 && now != before; looks++) {
        before = now;
        for (until = now_s() + 0.0005; now_s() < until;)
            turn(0);
        now = sum_over(pids, cpu_of);
    }
    return now;
}

static void await(const long *count, long goal, const char *what)
{
    double last = now_s();
    long before = *count;

    while (*count < goal) {
        turn(0);
        if (*count != before)
            last = now_s(), before = *count;
        if (now_s() - last > 10)
            give_up("the server did not answer", what);
    }
}

static void say(connection *c, const char *event)
{
    char text[256];

    snprintf(text, sizeof text, "{\"event\":\"pusher:%s\",\"data\":{\"channel\":\"%s\"}}", event, channel);
    send_text(c, text, strlen(text));
}

/* The server's CPU microseconds for one probe; `present` members are told of an arrival and of a departure. */
static double probe_us(connection *prober, enum probe kind, long present)
{
    double start = settled_cpu_s();
    int joins = kind == JOIN || kind == REPEAT || kind == ARRIVE;
    long *count = joins ? &confirmations : &pongs, goal = *count + 1;
    long told = announcements + (kind == ARRIVE || kind == DEPART ? present : 0);

    if (joins) {
        prober->user = kind == ARRIVE ? conns : 0;
        subscribe(prober, channel, key, secret);
    } else {
        if (kind != PING)
            say(prober, "unsubscribe");
        say(prober, "ping");
    }
    await(count, goal, kind == REPEAT ? "the same subscription once more" : joins ? "a subscription" : "a ping");
    await(&announcements, told, "with member_added or member_removed to all");
    return (settled_cpu_s() - start) * 1e6;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* The median of `plus` less, probe by probe, `minus`; in *error what it may be wrong by, at 95 % (McGill et al. 1978: from
 * the quartiles, so that single disturbances do not count). */
static double median_us(double probes[PROBE_KINDS][PROBES], int plus, int minus, double *error)
{
    double each[PROBES];
    int i, count = plus == ARRIVE || plus == DEPART ? LOUD_PROBES : PROBES;

    for (i = 0; i < count; i++)
        each[i] = probes[plus][i] - (minus < 0 ? 0 : probes[minus][i]);
    qsort(each, (size_t)count, sizeof *each, ascending);
    if (error != NULL)
        *error = 1.57 * (each[count * 3 / 4] - each[count / 4]) / sqrt(count);
    return each[count / 2];
}

/* Fill the channel up to each of the numbers in `members`, probe there, and print the figures as JSON fields. The last
 * connection of all is the prober. */
static void measure_joins(void)
{
    static double probes[PROBE_KINDS][PROBES];
    connection *prober = &all[conns - 1];
    const char *at = members;
    long filled = 0, asked = 0, goal;
    double apart, error;
    int i, kind;

    while (*at != '\0') {
        char *end;

        goal = strtol(at, &end, 10);
        if (end == at || goal < filled || goal >= conns)
            give_up("--members takes rising numbers below that of connections", members);
        at = *end == ',' ? end + 1 : end;
        while (filled < goal) {
            for (; asked < goal && asked - filled < ramp; asked++)
                subscribe(&all[asked], channel, key, secret);
            await(&confirmations, filled + 1, "a subscription");
            filled = confirmations;
        }
        settled_cpu_s();
        for (i = 0; i < PROBES; i++)
            for (kind = JOIN; kind <= LEAVE; kind++) {
                probe_us(&all[0], REPEAT, goal); /* so that each comes after the same, with caches as warm */
                if (kind == LEAVE)
                    probes[PING][i] = probe_us(prober, PING, goal);
                probes[kind][i] = probe_us(prober, (enum probe)kind, goal);
            }
        for (i = 0; i < LOUD_PROBES; i++)
            for (kind = ARRIVE; kind <= DEPART; kind++)
                probes[kind][i] = probe_us(prober, (enum probe)kind, goal);
        apart = median_us(probes, JOIN, REPEAT, &error);
        printf("\"list_bytes_%ld\":%ld,\"join_us_%ld\":%.2f,\"apart_us_%ld\":%.2f,\"apart_error_us_%ld\":%.2f,"
               "\"leave_us_%ld\":%.2f,\"told_us_%ld\":%.3f,\"parted_us_%ld\":%.3f,",
               goal, list_bytes, goal, median_us(probes, JOIN, -1, NULL), goal, apart, goal, error, goal,
               median_us(probes, LEAVE, PING, NULL), goal, median_us(probes, ARRIVE, JOIN, NULL) / (double)goal, goal,
               median_us(probes, DEPART, LEAVE, NULL) / (double)goal);
        confirmations = asked = filled; /* the probes' do not count */
    }
}

#endif
