/* What happens to a path while its connection lives: own addresses, lengths that no longer pass, packets that nobody answers, peers
   that come from elsewhere, datagrams that the kernel does not take. */
#include <errno.h>
#include <netinet/udp.h>
#include "quic_internal.h"

/* While something is under way, a connection's progress is looked at this often. */
#define LOOK_NS (50 * NS_PER_MS)
/* Who looks so much later than that has not run, and knows nothing of the others. */
#define LATE_NS (250 * NS_PER_MS)
/* Nothing acknowledged for three probe timeouts, and at least this long: perhaps it is the packets' length. To send shorter ones
   costs little where it was not. */
#define SMALLER_NS (150 * NS_PER_MS)
/* For five of them, and at least this long: the path may be dead. */
#define STALLED_NS (1000 * NS_PER_MS)
/* Datagrams of a connection that we dialled come from elsewhere alone: its peer has got another address, which QUIC's dialling side
   does not follow (RFC 9000, section 9). */
#define ELSEWHERE_NS (250 * NS_PER_MS)
/* One longer packet is tried some time after a fall, then ever later, up to so many times that (RFC 8899, PMTU_RAISE_TIMER). */
#define RAISE_TIMES 10
/* What is not acknowledged after so long did not get through. */
#define RAISE_WAIT_NS (300 * NS_PER_MS)

/* ---------------------------------------------------------------- own addresses */

/* A socket bound to any address answers from the one that was asked; the kernel would take the first of the route. */
HIDDEN int open_path(vq_endpoint *endpoint)
{
    int one = 1;
    const vq_address *listen = &endpoint->config.listen;
    static const uint8_t nothing[16];
    endpoint->any = memcmp(listen->ip, nothing, listen->is_v6 ? 16 : 4) == 0;
    if (!endpoint->any)
        return 1;
    if (endpoint->family == AF_INET)
        return setsockopt(endpoint->socket, IPPROTO_IP, IP_PKTINFO, &one, sizeof one) == 0;
    return setsockopt(endpoint->socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one) == 0;
}

/* To which own address a datagram came, and how long each is of those that the kernel has put together. */
HIDDEN void path_arrived(const vq_endpoint *endpoint, struct msghdr *message, ngtcp2_sockaddr_union *local, size_t *segment)
{
    memcpy(local, &endpoint->local, sizeof *local);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            if (size > 0)
                *segment = (size_t)size;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            local->in.sin_addr = info.ipi_spec_dst;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            local->in6.sin6_addr = info.ipi6_addr;
            local->in6.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? (uint32_t)info.ipi6_ifindex : 0;
        }
    }
}

static void add_control(struct msghdr *message, int level, int type, const void *data, size_t length)
{
    struct cmsghdr *header = (struct cmsghdr *)((uint8_t *)message->msg_control + message->msg_controllen);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), data, length);
    message->msg_controllen += CMSG_SPACE(length);
}

static int is_any(const ngtcp2_sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ((const struct sockaddr_in *)address)->sin_addr.s_addr == 0;
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* From which own address, and in pieces of which length; segment 0: in one. The message's control buffer is zeroed and large enough. */
HIDDEN void path_departs(const vq_endpoint *endpoint, const ngtcp2_sockaddr *local, size_t segment, struct msghdr *message)
{
    message->msg_controllen = 0;
    if (segment != 0) {
        uint16_t size = (uint16_t)segment;
        add_control(message, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
    }
    if (endpoint->any && !is_any(local)) {
        if (local->sa_family == AF_INET) {
            struct in_pktinfo info = {.ipi_spec_dst = ((const struct sockaddr_in *)local)->sin_addr};
            add_control(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
        } else {
            const struct sockaddr_in6 *v6 = (const void *)local;
            struct in6_pktinfo info = {.ipi6_addr = v6->sin6_addr, .ipi6_ifindex = v6->sin6_scope_id};
            add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
        }
    }
    if (message->msg_controllen == 0)
        message->msg_control = NULL;
}

/* ---------------------------------------------------------------- what the kernel does not take */

static int kind_of(int error)
{
    switch (error) {
    case EMSGSIZE:
        return VQ_SEND_TOO_LARGE;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENETRESET:
    case ENODEV:
    case ENXIO:
        return VQ_SEND_UNREACHABLE;
    case EPERM:
    case EACCES:
        return VQ_SEND_DENIED;
    case ENOBUFS:
    case ENOMEM:
        return VQ_SEND_NO_ROOM;
    case EADDRNOTAVAIL:
    case EINVAL:
        return VQ_SEND_NO_ADDRESS;
    default:
        return VQ_SEND_OTHER;
    }
}

HIDDEN void path_unsent(vq_endpoint *endpoint, const vq_conn *conn, int error, uint64_t datagrams)
{
    int kind = kind_of(error);
    endpoint->counters.unsent[kind] += datagrams;
    endpoint->counters.unsent_errno[kind] = error;
    endpoint->counters.unsent_peer[kind] = conn == NULL ? -1 : conn->peer;
}

/* ---------------------------------------------------------------- lengths */

HIDDEN uint64_t packets_lost(const vq_conn *conn)
{
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info2(conn->quic, &info);
    return info.pkt_lost;
}

static int fall(vq_conn *conn)
{
    path_watch *watch = &conn->watch;
    if (watch->small || ngtcp2_conn_get_path_max_tx_udp_payload_size2(conn->quic) <= NGTCP2_MAX_UDP_PAYLOAD_SIZE)
        return 0;
    watch->small = 1;
    watch->raise_sent = 0;
    watch->raise_pause = watch->raise_pause == 0 ? conn->endpoint->config.raise_ns : watch->raise_pause;
    watch->raise_at = conn->endpoint->now + watch->raise_pause;
    conn->dirty = 1;
    return 1;
}

static void raise_failed(vq_conn *conn)
{
    path_watch *watch = &conn->watch;
    uint64_t most = RAISE_TIMES * conn->endpoint->config.raise_ns;
    watch->raise_sent = 0;
    watch->raise_pause = 2 * watch->raise_pause > most ? most : 2 * watch->raise_pause;
    watch->raise_at = conn->endpoint->now + watch->raise_pause;
}

/* The longest packet that may be written now. ngtcp2 never takes back what it has found (RFC 8899 would: section 4.3). */
HIDDEN size_t path_room(vq_conn *conn)
{
    const path_watch *watch = &conn->watch;
    if (!watch->small)
        return conn->endpoint->config.max_datagram;
    if (watch->raise_sent == 0 && conn->endpoint->now >= watch->raise_at)
        return ngtcp2_conn_get_path_max_tx_udp_payload_size2(conn->quic);
    return NGTCP2_MAX_UDP_PAYLOAD_SIZE;
}

HIDDEN void path_wrote(vq_conn *conn, size_t length)
{
    path_watch *watch = &conn->watch;
    if (!watch->small || watch->raise_sent != 0 || length <= NGTCP2_MAX_UDP_PAYLOAD_SIZE)
        return;
    watch->raise_sent = conn->endpoint->now;
    watch->raise_lost = packets_lost(conn);
    for (uint32_t i = 0; i < VQ_CHANNELS; i++)
        watch->raise_mark[i] = conn->tx[i].sent_total;
    if (watch->due == UINT64_MAX)
        watch->due = conn->endpoint->now + LOOK_NS;
}

/* The own device does not carry packets of that length. Returns 1 where that was only tried. */
HIDDEN int path_too_large(vq_conn *conn, size_t length)
{
    if (length > ngtcp2_conn_get_path_max_tx_udp_payload_size2(conn->quic))
        return 1;
    if (conn->watch.raise_sent != 0 && length > NGTCP2_MAX_UDP_PAYLOAD_SIZE) {
        raise_failed(conn);
        return 1;
    }
    if (length > NGTCP2_MAX_UDP_PAYLOAD_SIZE && fall(conn)) {
        conn->endpoint->counters.smaller++;
        endpoint_event(conn->endpoint, VQ_EVENT_SMALLER, conn, VQ_NONE, 1);
    }
    return 0;
}

static void check_raise(vq_conn *conn, uint64_t now, uint64_t timeout)
{
    path_watch *watch = &conn->watch;
    uint64_t wait = 4 * timeout > RAISE_WAIT_NS ? 4 * timeout : RAISE_WAIT_NS;
    if (watch->raise_sent == 0 || now - watch->raise_sent < wait)
        return;
    int through = packets_lost(conn) == watch->raise_lost;
    for (uint32_t i = 0; i < VQ_CHANNELS; i++)
        through &= conn->tx[i].acked_total >= watch->raise_mark[i];
    if (!through) {
        raise_failed(conn);
        return;
    }
    watch->small = 0;
    watch->raise_sent = watch->raise_pause = 0;
    conn->endpoint->counters.larger++;
}

/* ---------------------------------------------------------------- progress */

static int under_way(const send_queue *queue)
{
    return queue->sent_total != queue->acked_total;
}

HIDDEN void path_sent(vq_conn *conn, send_queue *queue, uint64_t bytes)
{
    if (bytes == 0)
        return;
    if (!under_way(queue))
        queue->moved = conn->endpoint->now;
    queue->sent_total += bytes;
    if (conn->watch.due == UINT64_MAX)
        conn->watch.due = conn->endpoint->now + LOOK_NS;
}

HIDDEN void path_heard(vq_conn *conn)
{
    conn->watch.elsewhere = 0;
}

HIDDEN void path_elsewhere(vq_conn *conn)
{
    if (conn->watch.elsewhere == 0)
        conn->watch.elsewhere = conn->endpoint->now;
    if (conn->watch.due == UINT64_MAX)
        conn->watch.due = conn->endpoint->now + LOOK_NS;
}

/* ngtcp2 has had a PATH_CHALLENGE answered from there, and finds its lengths anew. */
HIDDEN void path_moved(vq_conn *conn, const ngtcp2_path *path)
{
    uint64_t due = conn->watch.due;
    memset(&conn->asked, 0, sizeof conn->asked);
    memset(&conn->remote, 0, sizeof conn->remote);
    memcpy(&conn->remote, path->remote.addr, path->remote.addrlen);
    conn->watch = (path_watch){.due = due, .stalled = conn->watch.stalled};
    conn->endpoint->counters.moved++;
    if (conn->peer >= 0)
        limit_seen(conn->endpoint, conn->peer, &conn->remote);
    endpoint_event(conn->endpoint, VQ_EVENT_MOVED, conn, VQ_NONE, 0);
}

static void tell_stalled(vq_conn *conn, int stalled)
{
    if (conn->watch.stalled == stalled || !conn->dialled)
        return;
    conn->watch.stalled = (uint8_t)stalled;
    endpoint_event(conn->endpoint, stalled ? VQ_EVENT_STALLED : VQ_EVENT_REVIVED, conn, VQ_NONE, 0);
}

/* Runs when watch.due has come. */
HIDDEN void path_check(vq_conn *conn, uint64_t now)
{
    path_watch *watch = &conn->watch;
    int late = now - watch->due > LATE_NS, any = 0;
    uint64_t oldest = now;
    watch->due = UINT64_MAX;
    if (!conn->up)
        return;
    for (uint32_t i = 0; i < VQ_CHANNELS; i++) {
        send_queue *queue = &conn->tx[i];
        if (!under_way(queue))
            continue;
        any = 1;
        if (late)
            queue->moved = now;
        if (queue->moved < oldest)
            oldest = queue->moved;
    }
    if (late) {
        watch->elsewhere = watch->elsewhere == 0 ? 0 : now;
        watch->fell = watch->fell == 0 ? 0 : now;
    }
    uint64_t timeout = ngtcp2_conn_get_pto2(conn->quic), stuck = now - oldest;
    if (watch->fell != 0 && oldest > watch->fell) {
        /* What was stuck went through in shorter packets. */
        watch->fell = 0;
        conn->endpoint->counters.smaller++;
        endpoint_event(conn->endpoint, VQ_EVENT_SMALLER, conn, VQ_NONE, 0);
    }
    if (stuck > (3 * timeout > SMALLER_NS ? 3 * timeout : SMALLER_NS) && fall(conn))
        watch->fell = now;
    check_raise(conn, now, timeout);
    tell_stalled(conn, stuck > (5 * timeout > STALLED_NS ? 5 * timeout : STALLED_NS) ||
                           (watch->elsewhere != 0 && now - watch->elsewhere > ELSEWHERE_NS));
    if (any || watch->raise_sent != 0 || watch->elsewhere != 0)
        watch->due = now + LOOK_NS;
}
