/* One connection: ngtcp2's callbacks, its three streams each way, reading and writing packets. */
#include <stdlib.h>
#include <string.h>
#include "quic_internal.h"

/* Frames are often smaller than a packet: this many fill one of 1452 bytes with votes' digests. */
#define MAX_VECTORS 32
/* Batches of MAX_GSO_SEGMENTS packets per connection and round, so that one peer does not hold up the others. */
#define BATCHES_PER_ROUND 4

#define NS_PER_MS 1000000ull

/* ---------------------------------------------------------------- received bytes */

/* Appends to the channel's ring, which grows up to its flow-control window: the peer cannot make it larger. */
static int rx_append(vq_conn *conn, uint32_t channel, const uint8_t *data, size_t length)
{
    vq_endpoint *endpoint = conn->endpoint;
    vq_rx *rx = &endpoint->views[conn->slot].rx[channel];
    uint8_t **memory = &endpoint->slots[conn->slot].rx_memory[channel];
    uint64_t used = rx->tail - rx->head;
    uint64_t size = *memory == NULL ? 0 : rx->mask + 1;

    if (used + length > endpoint->config.window)
        return 0;
    if (used + length > size) {
        uint64_t larger = size == 0 ? 16384 : size;
        while (larger < used + length)
            larger *= 2;
        uint8_t *grown = malloc(larger);
        if (grown == NULL)
            return 0;
        for (uint64_t i = 0; i < used;) {
            uint64_t at = (rx->head + i) & rx->mask;
            uint64_t run = size - at < used - i ? size - at : used - i;
            memcpy(grown + i, *memory + at, run);
            i += run;
        }
        free(*memory);
        *memory = grown;
        rx->base = grown;
        rx->mask = larger - 1;
        rx->head = 0;
        rx->tail = used;
        size = larger;
    }
    uint64_t at = rx->tail & rx->mask;
    uint64_t first = size - at < length ? size - at : length;
    memcpy(*memory + at, data, first);
    memcpy(*memory, data + first, length - first);
    rx->tail += length;
    return 1;
}

static int on_stream_data(ngtcp2_conn *quic, uint32_t flags, int64_t stream, uint64_t offset, const uint8_t *data,
                          size_t length, void *user, void *stream_user)
{
    (void)quic, (void)offset, (void)stream_user;
    vq_conn *conn = user;
    uint64_t channel = (uint64_t)stream >> 2;
    if (channel >= VQ_CHANNELS || (flags & NGTCP2_STREAM_DATA_FLAG_FIN) ||
        !rx_append(conn, (uint32_t)channel, data, length)) {
        conn->fault = 1;
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_acked(ngtcp2_conn *quic, int64_t stream, uint64_t offset, uint64_t length, void *user, void *stream_user)
{
    (void)quic, (void)offset, (void)stream_user;
    vq_conn *conn = user;
    uint64_t channel = (uint64_t)stream >> 2;
    if (channel >= VQ_CHANNELS)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    send_queue *queue = &conn->tx[channel];
    queue->acked_bytes += length;
    while (queue->unacked < queue->unsent) {
        uint64_t size = queue->ring[queue->unacked & queue->mask].length;
        if (queue->acked_bytes < size)
            break;
        queue->acked_bytes -= size;
        queue->unacked++;
    }
    conn->endpoint->views[conn->slot].tx[channel].acked = queue->unacked;
    return 0;
}

/* Streams live as long as the connection; ending one is a fault. */
static int on_stream_reset(ngtcp2_conn *quic, int64_t stream, uint64_t size, uint64_t code, void *user, void *stream_user)
{
    (void)quic, (void)stream, (void)size, (void)code, (void)stream_user;
    ((vq_conn *)user)->fault = 1;
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_stop_sending(ngtcp2_conn *quic, int64_t stream, uint64_t code, void *user, void *stream_user)
{
    (void)quic, (void)stream, (void)code, (void)stream_user;
    ((vq_conn *)user)->fault = 1;
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

/* ---------------------------------------------------------------- connection events */

static void no_longer_pending(vq_conn *conn)
{
    if (conn->dialled)
        return;
    conn->endpoint->pending--;
    conn->endpoint->pending_strangers -= (uint32_t)conn->stranger;
}

static int come_up(vq_conn *conn)
{
    int client = conn->endpoint->config.clients != 0 && !conn->dialled;
    if ((conn->peer < 0 && !client) || !tls_alpn_agreed(conn))
        return NGTCP2_ERR_CALLBACK_FAILURE;
    for (uint32_t i = 0; i < VQ_CHANNELS; i++) {
        if (ngtcp2_conn_open_uni_stream(conn->quic, &conn->tx[i].stream, NULL) != 0) {
            conn->fault = 1;
            return NGTCP2_ERR_CALLBACK_FAILURE;
        }
    }
    ngtcp2_conn_set_keep_alive_timeout(conn->quic, conn->endpoint->config.keep_alive_ns);
    conn->up = 1;
    no_longer_pending(conn);
    if (!client)
        limit_seen(conn->endpoint, conn->peer, &conn->remote);
    endpoint_event(conn->endpoint, VQ_EVENT_UP, conn, VQ_NONE, 0);
    return 0;
}

/* The side that accepts has seen the other's certificate when its handshake is complete. */
static int on_handshake_completed(ngtcp2_conn *quic, void *user)
{
    (void)quic;
    vq_conn *conn = user;
    return conn->dialled ? 0 : come_up(conn);
}

/* The side that dials knows only by HANDSHAKE_DONE that its own certificate was taken. */
static int on_handshake_confirmed(ngtcp2_conn *quic, void *user)
{
    (void)quic;
    vq_conn *conn = user;
    return conn->dialled ? come_up(conn) : 0;
}

static int on_stateless_reset(ngtcp2_conn *quic, const ngtcp2_pkt_stateless_reset2 *reset, void *user)
{
    (void)quic, (void)reset;
    ((vq_conn *)user)->got_reset = 1;
    return 0;
}

static void on_random(uint8_t *out, size_t length, const ngtcp2_rand_ctx *context)
{
    (void)context;
    random_bytes(out, length);
}

static int on_new_cid(ngtcp2_conn *quic, ngtcp2_cid *cid, ngtcp2_stateless_reset_token *token, size_t length, void *user)
{
    (void)quic;
    vq_conn *conn = user;
    if (length != CID_LENGTH)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    random_bytes(cid->data, CID_LENGTH);
    cid->datalen = CID_LENGTH;
    if (ngtcp2_crypto_generate_stateless_reset_token(token->data, conn->endpoint->reset_secret,
                                                     sizeof conn->endpoint->reset_secret, cid) != 0 ||
        !cid_insert(conn, cid->data))
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static int on_remove_cid(ngtcp2_conn *quic, const ngtcp2_cid *cid, void *user)
{
    (void)quic;
    if (cid->datalen == CID_LENGTH)
        cid_remove(user, cid->data);
    return 0;
}

static const ngtcp2_callbacks callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb,
    .handshake_completed = on_handshake_completed,
    .handshake_confirmed = on_handshake_confirmed,
    .recv_stream_data = on_stream_data,
    .acked_stream_data_offset = on_acked,
    .stream_reset = on_stream_reset,
    .recv_stop_sending = on_stop_sending,
    .recv_stateless_reset2 = on_stateless_reset,
    .rand = on_random,
    .get_new_connection_id2 = on_new_cid,
    .remove_connection_id = on_remove_cid,
};

/* ---------------------------------------------------------------- life */

static ngtcp2_conn *get_quic(ngtcp2_crypto_conn_ref *ref)
{
    return ((vq_conn *)ref->user_data)->quic;
}

static int is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24) == 127;
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
}

static vq_conn *conn_new(vq_endpoint *endpoint, const struct sockaddr_storage *remote, int32_t peer, int dialled)
{
    uint32_t slot = 0;
    while (slot < endpoint->slot_count && endpoint->slots[slot].conn != NULL)
        slot++;
    if (slot == endpoint->slot_count)
        return NULL;
    vq_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    conn->endpoint = endpoint;
    conn->ref.get_conn = get_quic;
    conn->ref.user_data = conn;
    conn->remote = *remote;
    conn->peer = peer;
    conn->dialled = dialled;
    conn->slot = slot;
    conn->generation = ++endpoint->slots[slot].generation;
    conn->expiry = UINT64_MAX;
    conn->born = endpoint_now(endpoint);
    conn->paced = endpoint->config.pacing == 1 || (endpoint->config.pacing == 0 && !is_loopback(remote));
    for (uint32_t i = 0; i < VQ_CHANNELS; i++)
        conn->tx[i].stream = -1;
    endpoint->slots[slot].conn = conn;
    if (slot >= endpoint->slots_used)
        endpoint->slots_used = slot + 1;
    if (!dialled)
        endpoint->pending++;
    return conn;
}

static void fill_settings(const vq_conn *conn, ngtcp2_settings *settings, ngtcp2_transport_params *params)
{
    const vq_config *config = &conn->endpoint->config;
    ngtcp2_settings_default(settings);
    settings->cc_algo = config->congestion == 1 ? NGTCP2_CC_ALGO_BBR : NGTCP2_CC_ALGO_CUBIC;
    settings->initial_ts = endpoint_now(conn->endpoint);
    /* Until measured: repeats a lost first packet after 100 ms rather than QUIC's 1 s, since peers start together and one meets a port that
     * is not open yet. A path that takes longer answers a few first packets twice. */
    settings->initial_rtt = 33 * NS_PER_MS;
    settings->max_tx_udp_payload_size = config->max_datagram;
    settings->handshake_timeout = config->handshake_ns;

    ngtcp2_transport_params_default(params);
    /* The connection's window is that of all its streams, so that no channel's backlog stops another. */
    params->initial_max_stream_data_uni = config->window;
    params->initial_max_data = VQ_CHANNELS * config->window;
    params->initial_max_streams_uni = VQ_CHANNELS;
    params->max_idle_timeout = config->idle_ns;
    params->active_connection_id_limit = 4;
    params->disable_active_migration = 1;
}

static void path_of(const vq_conn *conn, ngtcp2_path *path)
{
    path->local.addr = (ngtcp2_sockaddr *)&conn->endpoint->local;
    path->local.addrlen = conn->endpoint->local_length;
    path->remote.addr = (ngtcp2_sockaddr *)&conn->remote;
    path->remote.addrlen = address_length(&conn->remote);
    path->user_data = NULL;
}

static void random_cid(ngtcp2_cid *cid)
{
    random_bytes(cid->data, CID_LENGTH);
    cid->datalen = CID_LENGTH;
}

static int attach_tls(vq_conn *conn)
{
    conn->ssl = tls_session(conn);
    if (conn->ssl == NULL || ngtcp2_crypto_ossl_ctx_new(&conn->crypto, conn->ssl) != 0)
        return 0;
    ngtcp2_conn_set_tls_native_handle(conn->quic, conn->crypto);
    conn->dirty = 1;
    return 1;
}

HIDDEN vq_conn *conn_dial(vq_endpoint *endpoint, int32_t peer, const struct sockaddr_storage *remote)
{
    vq_conn *conn = conn_new(endpoint, remote, peer, 1);
    if (conn == NULL)
        return NULL;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid, scid;
    ngtcp2_path path;
    fill_settings(conn, &settings, &params);
    path_of(conn, &path);
    random_cid(&dcid);
    random_cid(&scid);
    if (!cid_insert(conn, scid.data) ||
        ngtcp2_conn_client_new(&conn->quic, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks, &settings, &params,
                               NULL, conn) != 0 ||
        !attach_tls(conn)) {
        conn_delete(conn);
        return NULL;
    }
    return conn;
}

HIDDEN vq_conn *conn_accept(vq_endpoint *endpoint, const ngtcp2_pkt_hd *header, const ngtcp2_cid *original,
                            const struct sockaddr_storage *remote, int stranger)
{
    vq_conn *conn = conn_new(endpoint, remote, -1, 0);
    if (conn == NULL)
        return NULL;
    conn->stranger = stranger;
    endpoint->pending_strangers += (uint32_t)stranger;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid;
    ngtcp2_path path;
    fill_settings(conn, &settings, &params);
    settings.token = header->token;
    settings.tokenlen = header->tokenlen;
    settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    params.original_dcid = *original;
    params.original_dcid_present = 1;
    params.retry_scid = header->dcid;
    params.retry_scid_present = 1;
    path_of(conn, &path);
    random_cid(&scid);
    params.stateless_reset_token_present = 1;
    /* The peer's packets carry the id of our Retry until it has seen our own. */
    if (ngtcp2_crypto_generate_stateless_reset_token(params.stateless_reset_token, endpoint->reset_secret,
                                                     sizeof endpoint->reset_secret, &scid) != 0 ||
        !cid_insert(conn, scid.data) || !cid_insert(conn, header->dcid.data) ||
        ngtcp2_conn_server_new(&conn->quic, &header->scid, &scid, &path, header->version, &callbacks, &settings,
                               &params, NULL, conn) != 0 ||
        !attach_tls(conn)) {
        conn_delete(conn);
        return NULL;
    }
    return conn;
}

/* The order matters to OpenSSL's QUIC glue: no shutdown alert, no way back to us, ngtcp2, SSL, then the glue. */
HIDDEN void conn_delete(vq_conn *conn)
{
    vq_endpoint *endpoint = conn->endpoint;
    conn_slot *slot = &endpoint->slots[conn->slot];
    if (conn->ssl != NULL) {
        SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_set_app_data(conn->ssl, NULL);
    }
    ngtcp2_conn_del(conn->quic);
    SSL_free(conn->ssl);
    if (conn->crypto != NULL) {
        ngtcp2_crypto_ossl_ctx_del(conn->crypto);
    }
    while (conn->cids != NULL)
        cid_remove(conn, conn->cids->cid);
    for (uint32_t i = 0; i < VQ_CHANNELS; i++) {
        free(conn->tx[i].ring);
        free(slot->rx_memory[i]);
        slot->rx_memory[i] = NULL;
    }
    memset(&endpoint->views[conn->slot], 0, sizeof(vq_view));
    if (!conn->up)
        no_longer_pending(conn);
    slot->conn = NULL;
    free(conn);
    forget_errors();
}

/* The connection is over for the reason given: tells C#, forgets it. */
HIDDEN void conn_end(vq_conn *conn, uint32_t reason, uint64_t detail)
{
    endpoint_event(conn->endpoint, conn->up ? VQ_EVENT_CLOSED : VQ_EVENT_FAILED, conn, reason, detail);
    conn_delete(conn);
}

HIDDEN void conn_goodbye(vq_conn *conn, const ngtcp2_ccerr *error)
{
    uint8_t packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_ssize length = ngtcp2_conn_write_connection_close(conn->quic, &path.path, &info, packet, sizeof packet, error,
                                                             endpoint_now(conn->endpoint));
    if (length > 0)
        endpoint_send(conn->endpoint, &conn->remote, packet, (size_t)length, 0);
}

/* ---------------------------------------------------------------- reading */

static void end_after_peer_closed(vq_conn *conn)
{
    const ngtcp2_ccerr *error = ngtcp2_conn_get_ccerr(conn->quic);
    uint32_t reason = VQ_PROTOCOL;
    if (conn->got_reset)
        reason = VQ_RESET;
    else if (error->type == NGTCP2_CCERR_TYPE_APPLICATION || error->error_code == NGTCP2_NO_ERROR ||
             error->error_code == NGTCP2_APPLICATION_ERROR)
        reason = VQ_PEER_CLOSED;
    else if (error->error_code >= NGTCP2_CRYPTO_ERROR && error->error_code < NGTCP2_CRYPTO_ERROR + 0x100)
        reason = VQ_TLS;
    conn_end(conn, reason, error->error_code);
}

static void end_after_error(vq_conn *conn, int error)
{
    ngtcp2_ccerr reason;
    ngtcp2_ccerr_default(&reason);
    uint32_t why = VQ_PROTOCOL;
    if (error == NGTCP2_ERR_CRYPTO) {
        ngtcp2_ccerr_set_tls_alert(&reason, ngtcp2_conn_get_tls_alert2(conn->quic), NULL, 0);
        why = conn->wrong_key ? VQ_WRONG_KEY : VQ_TLS;
    } else if (error == NGTCP2_ERR_CALLBACK_FAILURE && conn->fault) {
        ngtcp2_ccerr_set_transport_error(&reason, NGTCP2_PROTOCOL_VIOLATION, NULL, 0);
    } else {
        ngtcp2_ccerr_set_liberr(&reason, error, NULL, 0);
        if (error == NGTCP2_ERR_NOMEM || error == NGTCP2_ERR_INTERNAL)
            why = VQ_INTERNAL;
    }
    conn_goodbye(conn, &reason);
    conn_end(conn, why, reason.error_code);
}

/* Returns 1 if the connection still lives, 0 if it was deleted. */
HIDDEN int conn_read(vq_conn *conn, const struct sockaddr_storage *remote, const uint8_t *packet, size_t length)
{
    ngtcp2_path path;
    ngtcp2_pkt_info info = {0};
    path_of(conn, &path);
    path.remote.addr = (ngtcp2_sockaddr *)remote;
    path.remote.addrlen = address_length(remote);
    int error = ngtcp2_conn_read_pkt(conn->quic, &path, &info, packet, length, endpoint_now(conn->endpoint));
    forget_errors();
    switch (error) {
    case 0:
        conn->dirty = 1;
        return 1;
    case NGTCP2_ERR_DRAINING:
        end_after_peer_closed(conn);
        return 0;
    case NGTCP2_ERR_RETRY:
    case NGTCP2_ERR_DROP_CONN:
        conn_end(conn, VQ_PROTOCOL, 0);
        return 0;
    default:
        end_after_error(conn, error);
        return 0;
    }
}

/* ---------------------------------------------------------------- writing */

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
        if (queue != NULL && taken >= 0)
            advance(queue, (uint64_t)taken);
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

/* Writes what windows and pacing allow. Returns 1 if there is more to write at once, 0 if not, -1 if it was deleted. */
HIDDEN int conn_write(vq_conn *conn)
{
    vq_endpoint *endpoint = conn->endpoint;
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    conn->dirty = 0;
    for (uint32_t i = 0; i < VQ_CHANNELS; i++)
        conn->tx[i].blocked = 0;
    for (int batch = 0; batch < BATCHES_PER_ROUND; batch++) {
        size_t segment = 0, limit = MAX_GSO_BYTES, packets = endpoint->gso ? MAX_GSO_SEGMENTS : 16;
        size_t quantum = ngtcp2_conn_get_send_quantum2(conn->quic);
        if (conn->paced && quantum < limit)
            limit = quantum < endpoint->config.max_datagram ? endpoint->config.max_datagram : quantum;
        uint64_t now = endpoint_now(endpoint);
        ngtcp2_path_storage_zero(&path);
        ngtcp2_ssize length = ngtcp2_conn_write_aggregate_pkt2(conn->quic, &path.path, &info, endpoint->tx_buffer, limit,
                                                               &segment, write_packet, packets, now);
        forget_errors();
        if (length < 0) {
            end_after_error(conn, (int)length);
            return -1;
        }
        if (conn->paced)
            ngtcp2_conn_update_pkt_tx_time(conn->quic, now);
        if (length == 0) {
            conn->expiry = ngtcp2_conn_get_expiry2(conn->quic);
            return 0;
        }
        struct sockaddr_storage to;
        memset(&to, 0, sizeof to);
        memcpy(&to, path.path.remote.addr, path.path.remote.addrlen);
        if (!endpoint_send(endpoint, &to, endpoint->tx_buffer, (size_t)length, segment))
            break;
        if (conn->paced)
            break;
    }
    conn->expiry = ngtcp2_conn_get_expiry2(conn->quic);
    conn->dirty = 1;
    return !conn->paced;
}

/* Returns 1 if the connection still lives. */
HIDDEN int conn_expire(vq_conn *conn)
{
    int error = ngtcp2_conn_handle_expiry(conn->quic, endpoint_now(conn->endpoint));
    conn->dirty = 1;
    if (error == 0)
        return 1;
    if (error == NGTCP2_ERR_IDLE_CLOSE || error == NGTCP2_ERR_HANDSHAKE_TIMEOUT) {
        conn_end(conn, conn->up ? VQ_IDLE_TIMEOUT : VQ_HANDSHAKE_TIMEOUT, 0);
        return 0;
    }
    end_after_error(conn, error);
    return 0;
}
