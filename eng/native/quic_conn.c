/* One connection: ngtcp2's callbacks, its three streams each way, reading packets. */
#include <stdlib.h>
#include <string.h>
#include "quic_internal.h"

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
    queue->acked_total += length;
    queue->moved = conn->endpoint->now;
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

/* ngtcp2 already sends where packets come from, and asks there. It asks at the old address too, in vain or not. */
static int on_begin_path_validation(ngtcp2_conn *quic, uint32_t flags, const ngtcp2_path *path, const ngtcp2_path *fallback, void *user)
{
    (void)flags, (void)fallback;
    vq_conn *conn = user;
    memset(&conn->asked, 0, sizeof conn->asked);
    if (ngtcp2_path_eq(ngtcp2_conn_get_path2(quic), path))
        memcpy(&conn->asked, path->remote.addr, path->remote.addrlen);
    return 0;
}

/* It answered there. */
static int on_path_validation(ngtcp2_conn *quic, uint32_t flags, const ngtcp2_path *path, const ngtcp2_path *fallback,
                              ngtcp2_path_validation_result result, void *user)
{
    (void)quic, (void)flags, (void)fallback;
    vq_conn *conn = user;
    if (result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS && !same_address(&conn->remote, path->remote.addr))
        path_moved(conn, path);
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
    .begin_path_validation = on_begin_path_validation,
    .path_validation = on_path_validation,
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

static vq_conn *conn_new(vq_endpoint *endpoint, const ngtcp2_path *path, int32_t peer, int dialled)
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
    memcpy(&conn->local, path->local.addr, path->local.addrlen);
    memcpy(&conn->remote, path->remote.addr, path->remote.addrlen);
    conn->peer = peer;
    conn->dialled = dialled;
    conn->answered = -1;
    conn->slot = slot;
    conn->generation = ++endpoint->slots[slot].generation;
    conn->expiry = conn->watch.due = UINT64_MAX;
    conn->born = endpoint_now(endpoint);
    conn->paced = endpoint->config.pacing == 1 || (endpoint->config.pacing == 0 && !is_loopback(&conn->remote));
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
    /* From where is the kernel's choice, each time. */
    ngtcp2_path path = path_between(&endpoint->local, remote);
    vq_conn *conn = conn_new(endpoint, &path, peer, 1);
    if (conn == NULL)
        return NULL;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid, scid;
    fill_settings(conn, &settings, &params);
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
                            const ngtcp2_path *path, int stranger)
{
    vq_conn *conn = conn_new(endpoint, path, -1, 0);
    if (conn == NULL)
        return NULL;
    conn->stranger = stranger;
    endpoint->pending_strangers += (uint32_t)stranger;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid;
    fill_settings(conn, &settings, &params);
    settings.token = header->token;
    settings.tokenlen = header->tokenlen;
    settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    params.original_dcid = *original;
    params.original_dcid_present = 1;
    params.retry_scid = header->dcid;
    params.retry_scid_present = 1;
    random_cid(&scid);
    params.stateless_reset_token_present = 1;
    /* The peer's packets carry the id of our Retry until it has seen our own. */
    if (ngtcp2_crypto_generate_stateless_reset_token(params.stateless_reset_token, endpoint->reset_secret,
                                                     sizeof endpoint->reset_secret, &scid) != 0 ||
        !cid_insert(conn, scid.data) || !cid_insert(conn, header->dcid.data) ||
        ngtcp2_conn_server_new(&conn->quic, &header->scid, &scid, path, header->version, &callbacks, &settings,
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
        endpoint_send(conn->endpoint, conn, &path.path, packet, (size_t)length, 0);
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

HIDDEN void conn_fail(vq_conn *conn, int error)
{
    ngtcp2_ccerr reason;
    ngtcp2_ccerr_default(&reason);
    uint32_t why = VQ_PROTOCOL;
    if (error == NGTCP2_ERR_CRYPTO) {
        ngtcp2_ccerr_set_tls_alert(&reason, ngtcp2_conn_get_tls_alert2(conn->quic), NULL, 0);
        why = conn->answered >= 0 ? VQ_MISDIALLED : conn->answered == SELF_ANSWERED ? VQ_SELF : conn->wrong_key ? VQ_WRONG_KEY : VQ_TLS;
    } else if (error == NGTCP2_ERR_CALLBACK_FAILURE && conn->fault) {
        ngtcp2_ccerr_set_transport_error(&reason, NGTCP2_PROTOCOL_VIOLATION, NULL, 0);
    } else {
        ngtcp2_ccerr_set_liberr(&reason, error, NULL, 0);
        if (error == NGTCP2_ERR_NOMEM || error == NGTCP2_ERR_INTERNAL)
            why = VQ_INTERNAL;
    }
    conn_goodbye(conn, &reason);
    conn_end(conn, why, why == VQ_MISDIALLED ? (uint64_t)conn->answered : reason.error_code);
}

/* Returns 1 if the connection still lives, 0 if it was deleted. */
HIDDEN int conn_read(vq_conn *conn, const ngtcp2_path *from, const uint8_t *packet, size_t length)
{
    ngtcp2_path path = *from;
    ngtcp2_pkt_info info = {0};
    const uint64_t was_up = (uint64_t)conn->up, lost = packets_lost(conn);
    if (conn->dialled) {
        /* The kernel chose the address, and may choose another. */
        path.local.addr = (ngtcp2_sockaddr *)&conn->local;
        path.local.addrlen = address_length(&conn->local);
    }
    int error = ngtcp2_conn_read_pkt(conn->quic, &path, &info, packet, length, endpoint_now(conn->endpoint));
    forget_errors();
    switch (error) {
    case 0:
        path_heard(conn);
        acknowledge_later(conn, was_up != 0, lost);
        return 1;
    case NGTCP2_ERR_DRAINING:
        end_after_peer_closed(conn);
        return 0;
    case NGTCP2_ERR_RETRY:
    case NGTCP2_ERR_DROP_CONN:
        conn_end(conn, VQ_PROTOCOL, 0);
        return 0;
    default:
        conn_fail(conn, error);
        return 0;
    }
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
    conn_fail(conn, error);
    return 0;
}
