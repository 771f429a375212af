/* System calls that send frames on a non-blocking socket. No Python in here. */
#ifndef REVURB_SENDOPS_H
#define REVURB_SENDOPS_H

#include <errno.h>
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

/* Nanoseconds since some fixed time. */
static inline long long monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
}

#endif
