/* What the server under test has used: CPU time of all its threads, resident memory. From /proc. */
#ifndef REVURB_LOAD_PROCESS_H
#define REVURB_LOAD_PROCESS_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls `use` with each pid of a comma list. */
static double sum_over(const char *pids, double (*use)(long pid))
{
    double sum = 0;

    while (*pids != '\0') {
        char *end;
        long pid = strtol(pids, &end, 10);

        if (end == pids)
            break;
        sum += use(pid);
        pids = *end == ',' ? end + 1 : end;
    }
    return sum;
}

/* The sum over a process's threads of one of schedstat's numbers, in seconds: 0 is time on a CPU, 1 time in which it
 * could have run but had to wait for one. */
static double schedstat_of(long pid, int which)
{
    char path[300];
    struct dirent *task;
    DIR *tasks;
    double sum = 0;

    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    tasks = opendir(path);
    while (tasks != NULL && (task = readdir(tasks)) != NULL) {
        unsigned long long ns[2] = {0, 0};
        FILE *file;

        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, task->d_name);
        file = fopen(path, "r");
        if (file != NULL) {
            if (fscanf(file, "%llu %llu", &ns[0], &ns[1]) == 2)
                sum += (double)ns[which] / 1e9;
            fclose(file);
        }
    }
    if (tasks != NULL)
        closedir(tasks);
    return sum;
}

static double cpu_of(long pid)
{
    return schedstat_of(pid, 0);
}

static double waited_of(long pid)
{
    return schedstat_of(pid, 1);
}

/* Resident bytes. */
static double rss_of(long pid)
{
    char path[64], line[256];
    double kib = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmRSS: %lf kB", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

#endif
