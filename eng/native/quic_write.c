/* Writing packets: what of the channels' slices goes into each, and which of them go in one call. */
#include <string.h>
#include "quic_internal.h"

/* Frames are often smaller than a packet: this many fill one of 1452 bytes with votes' digests. */
#define MAX_VECTORS 32
/* Batches of MAX_GSO_SEGMENTS packets per connection and round, so that one peer does not hold up the others. */
#define BATCHES_PER_ROUND 4

static int has_data(const send_queue *queue)
{
    return queue->unsent != queue->end && !queue->blocked;
}

static size_t gather(const send_queue *queue, size_t room, ngtcp2_vec *vectors)
{
    size_t count = 0, bytes = 0;
    uint64_t skip = queue->sent_bytes;
    for (uint64_t i = queue->unsent; i != queue->end && count < MAX_VECTORS && bytes < room; i++) {
        const slice *s = &queue->ring[i & queue->mask];
        vectors[count].base = (uint8_t *)s->data + skip;
        vectors[count].len = s->length - skip;
        bytes += vectors[count++].len;
        skip = 0;
    }
    return count;
}

static void advance(send_queue *queue, uint64_t bytes)
{
    queue->sent_bytes += bytes;
    while (queue->unsent != queue->end) {
        uint64_t size = queue->ring[queue->unsent & queue->mask].length;
        if (queue->sent_bytes < size)
            return;
        queue->sent_bytes -= size;
        queue->unsent++;
    }
}

/* One packet: Control's bytes first, then Payload's, then Sync's, as many as fit. */
static ngtcp2_ssize write_packet(ngtcp2_conn *quic, ngtcp2_path *path, ngtcp2_pkt_info *info, uint8_t *out, size_t room,
                                 ngtcp2_tstamp now, void *user)
{
    vq_conn *conn = user;
    for (;;) {
        send_queue *queue = NULL;
        for (uint32_t i = 0; conn->up && i < VQ_CHANNELS && queue == NULL; i++)
            if (has_data(&conn->tx[i]))
                queue = &conn->tx[i];
        ngtcp2_vec vectors[MAX_VECTORS];
        size_t count = queue == NULL ? 0 : gather(queue, room, vectors);
        ngtcp2_ssize taken = -1;
        ngtcp2_ssize written = ngtcp2_conn_writev_stream(
            quic, path, info, out, room, &taken, queue == NULL ? NGTCP2_WRITE_STREAM_FLAG_NONE : NGTCP2_WRITE_STREAM_FLAG_MORE,
            queue == NULL ? -1 : queue->stream, vectors, count, now);
        if (queue != NULL && taken >= 0) {
            path_sent(conn, queue, (uint64_t)taken);
            conn->wrote = now;
            advance(queue, (uint64_t)taken);
        }
        switch (written) {
        case NGTCP2_ERR_WRITE_MORE:
            continue;
        case NGTCP2_ERR_STREAM_DATA_BLOCKED:
        case NGTCP2_ERR_STREAM_SHUT_WR:
        case NGTCP2_ERR_STREAM_NOT_FOUND:
            if (queue == NULL)
                return NGTCP2_ERR_CALLBACK_FAILURE;
            queue->blocked = 1;
            continue;
        default:
            return written;
        }
    }
}

/* Writes packets of one length on one path into the endpoint's buffer, for one call of the kernel's; the last may be shorter. One that
   is longer or takes another path (it probes or answers) comes behind them, alone: its length is in odd, its path in odd_path. Returns the
   bytes of the others, or ngtcp2's error. */
static ngtcp2_ssize write_batch(vq_conn *conn, size_t limit, uint64_t now, ngtcp2_path_storage *path, size_t *segment, size_t *odd,
                                ngtcp2_path_storage *odd_path)
{
    uint8_t *out = conn->endpoint->tx_buffer;
    size_t length = 0, packets = conn->endpoint->gso ? MAX_GSO_SEGMENTS : 16, full = 0;
    *odd = 0;
    for (size_t i = 0; i < packets; i++) {
        ngtcp2_pkt_info info;
        ngtcp2_path_storage *its = i == 0 ? path : odd_path;
        size_t room = path_room(conn);
        if (i != 0 && (limit < length || limit - length < room))
            break;
        ngtcp2_path_storage_zero(its);
        ngtcp2_ssize written = write_packet(conn->quic, &its->path, &info, out + length, room, now, conn);
        if (written < 0)
            return written;
        if (written == 0)
            break;
        path_wrote(conn, (size_t)written);
        if (i == 0) {
            size_t known = ngtcp2_conn_get_path_max_tx_udp_payload_size2(conn->quic);
            full = known < room ? known : room;
            *segment = (size_t)written;
        } else if ((size_t)written > *segment || !ngtcp2_path_eq(&path->path, &its->path)) {
            *odd = (size_t)written;
            break;
        }
        length += (size_t)written;
        if ((size_t)written != full)
            break;
    }
    return (ngtcp2_ssize)length;
}

/* Writes what windows and pacing allow. Returns 1 if there is more to write at once, 0 if not, -1 if it was deleted. */
HIDDEN int conn_write(vq_conn *conn)
{
    vq_endpoint *endpoint = conn->endpoint;
    ngtcp2_path_storage path, odd_path;
    conn->dirty = 0;
    conn->hold = conn->consumed = conn->heard = 0;
    for (uint32_t i = 0; i < VQ_CHANNELS; i++)
        conn->tx[i].blocked = 0;
    for (int batch = 0; batch < BATCHES_PER_ROUND; batch++) {
        size_t segment = 0, odd, limit = MAX_GSO_BYTES, quantum = ngtcp2_conn_get_send_quantum2(conn->quic);
        if (conn->paced && quantum < limit)
            limit = quantum;
        uint64_t now = endpoint_now(endpoint);
        ngtcp2_ssize length = write_batch(conn, limit, now, &path, &segment, &odd, &odd_path);
        forget_errors();
        if (length < 0) {
            conn_fail(conn, (int)length);
            return -1;
        }
        if (conn->paced)
            ngtcp2_conn_update_pkt_tx_time(conn->quic, now);
        if (length == 0) {
            conn->expiry = ngtcp2_conn_get_expiry2(conn->quic);
            return 0;
        }
        if (!endpoint_send(endpoint, conn, &path.path, endpoint->tx_buffer, (size_t)length, segment))
            break;
        if (odd != 0 && !endpoint_send(endpoint, conn, &odd_path.path, endpoint->tx_buffer + length, odd, 0))
            break;
        if (conn->paced)
            break;
    }
    conn->expiry = ngtcp2_conn_get_expiry2(conn->quic);
    conn->dirty = 1;
    return !conn->paced;
}

/* While packets go out all the time, what has come is acknowledged with the next one: a frame is answered, or blocks go round. A packet of
   its own has to wait: so long at most, well below the 25 ms that QUIC allows by default, and for no more packets than a peer's first
   window has room for (RFC 9002, section 7.2: ten). Where nothing went out for a while, whoever probes the path is not kept waiting. */
#define HOLD_NS (5 * NS_PER_MS)
#define HOLD_PACKETS 8
#define BUSY_NS (50 * NS_PER_MS)

static int has_unsent(const vq_conn *conn)
{
    for (uint32_t i = 0; i < VQ_CHANNELS; i++)
        if (conn->tx[i].unsent != conn->tx[i].end)
            return 1;
    return 0;
}

HIDDEN void acknowledge_later(vq_conn *conn, int was_up, uint64_t lost)
{
    /* A handshake waits for each answer; what was acknowledged makes room for more, and what was lost goes again. */
    uint64_t now = endpoint_now(conn->endpoint);
    if (!was_up || now - conn->wrote > BUSY_NS || has_unsent(conn) || ++conn->heard >= HOLD_PACKETS || packets_lost(conn) != lost) {
        conn->dirty = 1;
        return;
    }
    uint64_t due = ngtcp2_conn_get_expiry2(conn->quic);
    if (conn->hold == 0)
        conn->hold = now + HOLD_NS;
    conn->expiry = due > conn->hold ? due : conn->hold;
}
