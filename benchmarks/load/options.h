/* What the generator is told to do. */
#ifndef REVURB_LOAD_OPTIONS_H
#define REVURB_LOAD_OPTIONS_H

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char *host = "127.0.0.1", *path = "/app/key1", *key = "key1", *secret = "secret1", *pids = "";
static const char *channel = "bench", *requests_file = "", *members = "";
static long port = 8080, conns = 100, channels = 1, ramp = 100, window = 8, publishers = 0, whisper = 0;
static long slow = 0, leave = 0, speaks_centrifugo = 0;
static double seconds = 3, warmup = 1, rate = 0, hold = 0;

static void options(int argc, char **argv)
{
    static const struct option known[] = {
        {"host", 1, 0, 'h'},     {"port", 1, 0, 'p'},   {"path", 1, 0, 'a'},    {"key", 1, 0, 'k'},
        {"secret", 1, 0, 's'},   {"pid", 1, 0, 'i'},    {"conns", 1, 0, 'n'},   {"channel", 1, 0, 'c'},
        {"channels", 1, 0, 'm'}, {"ramp", 1, 0, 'r'},   {"window", 1, 0, 'w'},  {"publishers", 1, 0, 'u'},
        {"requests", 1, 0, 'q'}, {"whisper", 0, 0, 'v'}, {"seconds", 1, 0, 't'}, {"warmup", 1, 0, 'x'},
        {"rate", 1, 0, 'e'},     {"hold", 1, 0, 'l'},   {"slow", 1, 0, 'o'},    {"members", 1, 0, 'j'},
        {"leave", 0, 0, 'g'},    {"centrifugo", 0, 0, 'f'}, {"help", 0, 0, '?'},   {0, 0, 0, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
        switch (option) {
        case 'h': host = optarg; break;
        case 'p': port = atol(optarg); break;
        case 'a': path = optarg; break;
        case 'k': key = optarg; break;
        case 's': secret = optarg; break;
        case 'i': pids = optarg; break;
        case 'n': conns = atol(optarg); break;
        case 'c': channel = optarg; break;
        case 'm': channels = atol(optarg); break;
        case 'r': ramp = atol(optarg); break;
        case 'w': window = atol(optarg); break;
        case 'u': publishers = atol(optarg); break;
        case 'q': requests_file = optarg; break;
        case 'v': whisper = 1; break;
        case 't': seconds = atof(optarg); break;
        case 'x': warmup = atof(optarg); break;
        case 'e': rate = atof(optarg); break;
        case 'l': hold = atof(optarg); break;
        case 'o': slow = atol(optarg); break;
        case 'j': members = optarg; break;
        case 'g': leave = 1; break;
        case 'f': speaks_centrifugo = 1; break;
        default:
            fprintf(stderr,
                    "usage: load --port N [--host A] [--path /app/KEY] [--key K] [--secret S] [--pid SERVER[,SERVER]]\n"
                    "  --conns N --channel C [--channels N: five subscribers each] [--ramp N] [--slow N: that do not read]\n"
                    "  --requests FILE with --publishers N or --whisper; --window N or --rate N/s; --seconds S --warmup S\n"
                    "  --hold S: keep the connections and send nothing; --leave: then end them all at once\n"
                    "  --members N,N: what a join of the presence channel costs when it has N members; needs one connection more\n"
                    "  --centrifugo: the server speaks Centrifugo's protocol, and --path is where\n");
            exit(2);
        }
}

#endif
