/* Datagrams in: batches from the kernel, dispatch by connection id, Retry for strangers, stateless resets. */
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include "quic_internal.h"

#define RECEIVE_MESSAGES 16
#define RECEIVE_BYTES 65536
#define RETRY_TOKEN_SECONDS 10
#define RESETS_PER_SECOND 128
/* An honest handshake takes two round trips; what is older makes way when there are too many. */
#define PATIENT_HANDSHAKE_NS NS_PER_SECOND
/* A stateless reset must be shorter than what it answers, or two endpoints would answer each other for ever. */
#define MIN_RESET_TRIGGER (NGTCP2_MIN_STATELESS_RESET_RANDLEN + NGTCP2_STATELESS_RESET_TOKENLEN + 1)

struct receive_batch {
    struct mmsghdr messages[RECEIVE_MESSAGES];
    struct iovec vectors[RECEIVE_MESSAGES];
    struct sockaddr_storage from[RECEIVE_MESSAGES];
    _Alignas(struct cmsghdr) uint8_t control[RECEIVE_MESSAGES][RECEIVE_CONTROL_BYTES];
    uint8_t data[RECEIVE_MESSAGES][RECEIVE_BYTES];
};

HIDDEN struct receive_batch *receive_batch_new(void)
{
    return malloc(sizeof(struct receive_batch));
}

static void send_version_negotiation(vq_endpoint *endpoint, const ngtcp2_version_cid *ids, const ngtcp2_path *path)
{
    uint8_t packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE], unused;
    uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    random_bytes(&unused, 1);
    ngtcp2_ssize length = ngtcp2_pkt_write_version_negotiation(packet, sizeof packet, unused, ids->scid, ids->scidlen,
                                                               ids->dcid, ids->dcidlen, versions, 1);
    if (length > 0)
        endpoint_send(endpoint, NULL, path, packet, (size_t)length, 0);
}

static void send_retry(vq_endpoint *endpoint, const ngtcp2_pkt_hd *header, const ngtcp2_path *path)
{
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2], packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];
    ngtcp2_cid scid;
    random_bytes(scid.data, CID_LENGTH);
    scid.datalen = CID_LENGTH;
    ngtcp2_ssize token_length = ngtcp2_crypto_generate_retry_token2(
        token, endpoint->token_secret, sizeof endpoint->token_secret, header->version, path->remote.addr,
        path->remote.addrlen, &scid, &header->dcid, endpoint_now(endpoint));
    if (token_length < 0)
        return;
    ngtcp2_ssize length = ngtcp2_crypto_write_retry(packet, sizeof packet, header->version, &header->scid, &scid,
                                                    &header->dcid, token, (size_t)token_length);
    if (length <= 0)
        return;
    endpoint->counters.retries++;
    endpoint_send(endpoint, NULL, path, packet, (size_t)length, 0);
}

static void send_reset(vq_endpoint *endpoint, const ngtcp2_version_cid *ids, size_t trigger,
                       const ngtcp2_path *path)
{
    uint64_t second = endpoint_now(endpoint) / NS_PER_SECOND;
    if (second != endpoint->reset_second) {
        endpoint->reset_second = second;
        endpoint->reset_count = 0;
    }
    if (trigger < MIN_RESET_TRIGGER || ids->dcidlen != CID_LENGTH || endpoint->reset_count++ >= RESETS_PER_SECOND)
        return;
    ngtcp2_cid cid;
    ngtcp2_stateless_reset_token token;
    uint8_t packet[64], noise[NGTCP2_MIN_STATELESS_RESET_RANDLEN];
    ngtcp2_cid_init(&cid, ids->dcid, ids->dcidlen);
    random_bytes(noise, sizeof noise);
    if (ngtcp2_crypto_generate_stateless_reset_token(token.data, endpoint->reset_secret, sizeof endpoint->reset_secret,
                                                     &cid) != 0)
        return;
    ngtcp2_ssize length = ngtcp2_pkt_write_stateless_reset2(packet, sizeof packet, &token, noise, sizeof noise);
    if (length <= 0)
        return;
    endpoint->counters.resets++;
    endpoint_send(endpoint, NULL, path, packet, (size_t)length, 0);
}

/* A stateless reset has a random connection id: only the connections with that address can tell. A connection that
   does not know its token discards the packet. */
static void unknown_short(vq_endpoint *endpoint, const ngtcp2_version_cid *ids, const ngtcp2_path *path, const uint8_t *packet,
                          size_t length)
{
    endpoint->counters.unknown++;
    for (uint32_t i = 0; i < endpoint->slots_used; i++) {
        vq_conn *conn = endpoint->slots[i].conn;
        if (conn != NULL && conn->up && same_address(&conn->remote, path->remote.addr) && !conn_read(conn, path, packet, length))
            return;
    }
    send_reset(endpoint, ids, length, path);
}

/* Strangers who begin handshakes and fall silent must not keep members out: they have three quarters of the places, and who is
   older than an honest handshake makes way. Returns 1 if there is room now. */
static int make_room(vq_endpoint *endpoint, int stranger)
{
    uint32_t most = endpoint->config.max_pending, most_strangers = endpoint->config.clients != 0 ? most : most - most / 4;
    if (endpoint->pending < most && (!stranger || endpoint->pending_strangers < most_strangers))
        return 1;
    vq_conn *oldest = NULL;
    for (uint32_t i = 0; i < endpoint->slots_used; i++) {
        vq_conn *conn = endpoint->slots[i].conn;
        if (conn != NULL && !conn->dialled && !conn->up && (!stranger || conn->stranger) &&
            (oldest == NULL || conn->born < oldest->born))
            oldest = conn;
    }
    if (oldest == NULL || endpoint_now(endpoint) - oldest->born < PATIENT_HANDSHAKE_NS)
        return 0;
    conn_end(oldest, VQ_HANDSHAKE_TIMEOUT, 0);
    return 1;
}

static void first_packet(vq_endpoint *endpoint, const struct sockaddr_storage *from, const ngtcp2_path *path, const uint8_t *packet,
                         size_t length)
{
    ngtcp2_pkt_hd header;
    ngtcp2_cid original;
    if (length < NGTCP2_MAX_UDP_PAYLOAD_SIZE || ngtcp2_accept(&header, packet, length) != 0) {
        endpoint->counters.unknown++;
        return;
    }
    if (header.tokenlen == 0) {
        if (limit_retry(endpoint, from))
            send_retry(endpoint, &header, path);
        return;
    }
    if (header.dcid.datalen != CID_LENGTH || header.token[0] != NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2 ||
        ngtcp2_crypto_verify_retry_token2(&original, header.token, header.tokenlen, endpoint->token_secret,
                                          sizeof endpoint->token_secret, header.version, path->remote.addr,
                                          path->remote.addrlen, &header.dcid, RETRY_TOKEN_SECONDS * NS_PER_SECOND,
                                          endpoint_now(endpoint)) != 0) {
        endpoint->counters.bad_tokens++;
        return;
    }
    int32_t member = limit_member(endpoint, from);
    if (!limit_handshake(endpoint, from, member))
        return;
    if (!make_room(endpoint, member < 0)) {
        endpoint->counters.refused++;
        return;
    }
    vq_conn *conn = conn_accept(endpoint, &header, &original, path, member < 0);
    if (conn == NULL)
        endpoint->counters.refused++;
    else
        conn_read(conn, path, packet, length);
}

/* A datagram of a standing connection from another address than its own. Who was dialled has one address. Who dialled may have got
   another (a NAT has forgotten it): ngtcp2 asks it there, and sends no more than three times what came until it has answered. */
static void from_elsewhere(vq_conn *conn, const ngtcp2_path *path, const uint8_t *packet, size_t length)
{
    conn->endpoint->counters.elsewhere++;
    if (!conn->up)
        return;
    if (conn->dialled)
        path_elsewhere(conn);
    else if (conn_read(conn, path, packet, length)) {
        const ngtcp2_path *now = ngtcp2_conn_get_path2(conn->quic);
        /* Not asked, since it answered there some minutes ago. */
        if (ngtcp2_path_eq(now, path) && !same_address(&conn->asked, path->remote.addr) && !same_address(&conn->remote, path->remote.addr))
            path_moved(conn, now);
    }
}

static void dispatch(vq_endpoint *endpoint, const struct sockaddr_storage *from, const ngtcp2_path *path, const uint8_t *packet,
                     size_t length)
{
    ngtcp2_version_cid ids;
    endpoint->counters.datagrams_in++;
    int error = length == 0 ? NGTCP2_ERR_INVALID_ARGUMENT : ngtcp2_pkt_decode_version_cid(&ids, packet, length, CID_LENGTH);
    if (error == NGTCP2_ERR_VERSION_NEGOTIATION) {
        endpoint->counters.malformed++;
        if (length >= NGTCP2_MAX_UDP_PAYLOAD_SIZE && limit_retry(endpoint, from))
            send_version_negotiation(endpoint, &ids, path);
        return;
    }
    if (error != 0) {
        endpoint->counters.malformed++;
        return;
    }
    vq_conn *conn = cid_find(endpoint, ids.dcid, ids.dcidlen);
    if (conn != NULL && !same_address(&conn->remote, from))
        from_elsewhere(conn, path, packet, length);
    else if (conn != NULL)
        conn_read(conn, path, packet, length);
    else if (packet[0] & 0x80)
        first_packet(endpoint, from, path, packet, length);
    else
        unknown_short(endpoint, &ids, path, packet, length);
    forget_errors();
}

int vq_receive(vq_endpoint *endpoint, int rounds)
{
    struct receive_batch *batch = endpoint->batch;
    int datagrams = 0;
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < RECEIVE_MESSAGES; i++) {
            batch->vectors[i] = (struct iovec){.iov_base = batch->data[i], .iov_len = RECEIVE_BYTES};
            batch->messages[i].msg_hdr = (struct msghdr){
                .msg_name = &batch->from[i],
                .msg_namelen = sizeof batch->from[i],
                .msg_iov = &batch->vectors[i],
                .msg_iovlen = 1,
                .msg_control = batch->control[i],
                .msg_controllen = sizeof batch->control[i],
            };
        }
        int got = recvmmsg(endpoint->socket, batch->messages, RECEIVE_MESSAGES, MSG_DONTWAIT, NULL);
        for (int i = 0; i < got; i++) {
            size_t length = batch->messages[i].msg_len;
            size_t segment = length == 0 ? 1 : length, at = 0;
            ngtcp2_sockaddr_union local;
            path_arrived(endpoint, &batch->messages[i].msg_hdr, &local, &segment);
            ngtcp2_path path = path_between(&local, &batch->from[i]);
            do {
                size_t piece = length - at < segment ? length - at : segment;
                dispatch(endpoint, &batch->from[i], &path, batch->data[i] + at, piece);
                at += segment;
                datagrams++;
            } while (at < length);
        }
        if (got < RECEIVE_MESSAGES)
            break;
    }
    return datagrams;
}
