/* Datagrams to the socket: several of one length in one call where the device segments, one by one where it does not. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "quic_internal.h"

/* Sends a datagram, or several of the segment's length in one call. Returns what sendmsg does. */
static ssize_t send_once(vq_endpoint *endpoint, const ngtcp2_path *path, const uint8_t *data, size_t length, size_t segment)
{
    struct iovec vector = {.iov_base = (void *)data, .iov_len = length};
    _Alignas(struct cmsghdr) uint8_t control[SEND_CONTROL_BYTES] = {0};
    struct msghdr message = {.msg_name = path->remote.addr,
                             .msg_namelen = path->remote.addrlen,
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control};
    path_departs(endpoint, path->local.addr, segment < length ? segment : 0, &message);
    ssize_t sent;
    do {
        sent = sendmsg(endpoint->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        endpoint->counters.datagrams_out += (length + segment - 1) / segment;
    return sent;
}

/* Sends one datagram (segment 0), or several of one length in one call; conn: whose they are, or NULL. Returns 0 if the kernel has no
   room: what lies in the endpoint's own buffer is then kept and sent first of all later; anything else is dropped, as networks do. What
   the kernel refuses is counted, and dropped. */
HIDDEN int endpoint_send(vq_endpoint *endpoint, vq_conn *conn, const ngtcp2_path *path, const uint8_t *data, size_t length,
                         size_t segment)
{
    size_t done = 0, unit = segment == 0 ? length : segment;
    int together = endpoint->gso;
    while (done < length) {
        size_t piece = length - done;
        if (unit < piece && !together)
            piece = unit;
        if (send_once(endpoint, path, data + done, piece, unit) >= 0) {
            if (!together && piece == unit)
                endpoint->gso = 0; /* what could not go as one goes piece by piece: the device does not segment */
            done += piece;
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (data != endpoint->tx_buffer)
                return 0;
            memmove(endpoint->tx_buffer, data + done, length - done);
            endpoint->blocked_length = length - done;
            endpoint->blocked_segment = segment;
            endpoint->blocked_conn = conn == NULL ? UINT64_MAX : conn_handle(conn);
            ngtcp2_path_storage_zero(&endpoint->blocked_path);
            ngtcp2_path_copy(&endpoint->blocked_path.path, path);
            return 0;
        }
        if ((errno == EIO || errno == EINVAL || errno == EOPNOTSUPP) && unit < piece) {
            together = 0;
            continue;
        }
        int error = errno;
        if (error != EMSGSIZE || conn == NULL || !path_too_large(conn, unit))
            path_unsent(endpoint, conn, error, (piece + unit - 1) / unit);
        done += piece;
    }
    return 1;
}
