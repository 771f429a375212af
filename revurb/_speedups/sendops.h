/* System calls that send frames on a non-blocking socket. No Python in here. */
#ifndef REVURB_SENDOPS_H
#define REVURB_SENDOPS_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/* A burst is sent in calls of this many frames. Linux takes 1,024 (UIO_MAXIOV); the array lives on the stack. */
#define FRAMES_PER_CALL 128

/* Returns the number of bytes that the kernel took, 0 if its buffer is full, -1 if the connection is broken. */
static inline ssize_t send_frames(int fd, struct iovec *frames, int count)
{
    struct msghdr message = {0};
    ssize_t sent;

    message.msg_iov = frames;
    message.msg_iovlen = (size_t)count;
    do {
        if (count == 1) /* send() is a little cheaper than sendmsg() */
            sent = send(fd, frames[0].iov_base, frames[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
        return 0;
    return sent;
}

/* Milliseconds since data was last sent to the peer; -1 where that is not known: Unix sockets, other systems. */
static inline long long ms_since_sent(int fd)
{
#ifdef __linux__
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0
        && size >= offsetof(struct tcp_info, tcpi_last_data_sent) + sizeof info.tcpi_last_data_sent)
        return (long long)info.tcpi_last_data_sent;
#else
    (void)fd;
#endif
    return -1;
}

/* Nanoseconds since some fixed time. */
static inline long long monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
}

#endif
