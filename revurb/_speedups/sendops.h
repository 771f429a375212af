/* System calls that send frames on a non-blocking socket. No Python in here. */
#ifndef REVURB_SENDOPS_H
#define REVURB_SENDOPS_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/* A burst is sent in calls of this many frames. Linux takes 1,024 (UIO_MAXIOV); the array lives on the stack. */
#define FRAMES_PER_CALL 128

/* Frames that are no more than this together are copied and sent as one piece: the kernel takes 0.1 to 0.2 us less for
 * that than for a list of pieces, of 1.7 to 2.2 (2 to 8 frames of 100 to 1,000 bytes). */
#define JOINED_BYTES 4096

/* Copies the frames to `to`; returns how many bytes they are, 0 if that is more than JOINED_BYTES. */
static inline size_t join_frames(char *to, const struct iovec *frames, int count)
{
    size_t size = 0;
    int i;

    for (i = 0; i < count; i++) {
        if (frames[i].iov_len > JOINED_BYTES - size)
            return 0;
        memcpy(to + size, frames[i].iov_base, frames[i].iov_len);
        size += frames[i].iov_len;
    }
    return size;
}

/* Returns the number of bytes that the kernel took, 0 if its buffer is full, -1 if the connection is broken. */
static inline ssize_t send_frames(int fd, struct iovec *frames, int count)
{
    struct msghdr message = {0};
    struct iovec one = frames[0];
    char joined[JOINED_BYTES];
    ssize_t sent;

    if (count > 1) {
        one.iov_base = joined;
        one.iov_len = join_frames(joined, frames, count);
    }
    message.msg_iov = frames;
    message.msg_iovlen = (size_t)count;
    do {
        if (count == 1 || one.iov_len > 0) /* send() is a little cheaper than sendmsg() */
            sent = send(fd, one.iov_base, one.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
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
