/* The socket and all its connections, as the caller sees them: opening, flushing, timers, waiting, what is pushed and consumed. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "quic_internal.h"

#define SOCKET_BUFFER_BYTES (8 * 1024 * 1024)

int vq_abi(void)
{
    return VQ_ABI;
}

static int send_blocked(vq_endpoint *endpoint)
{
    if (endpoint->blocked_length == 0)
        return 1;
    size_t length = endpoint->blocked_length;
    ngtcp2_path_storage path;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_path_copy(&path.path, &endpoint->blocked_path.path);
    endpoint->blocked_length = 0;
    return endpoint_send(endpoint, conn_of(endpoint, endpoint->blocked_conn), &path.path, endpoint->tx_buffer, length,
                         endpoint->blocked_segment);
}

int vq_flush(vq_endpoint *endpoint)
{
    uint64_t now = endpoint_now(endpoint);
    int more = 0;
    for (uint32_t i = 0; i < endpoint->slots_used; i++) {
        vq_conn *conn = endpoint->slots[i].conn;
        if (conn == NULL || (conn->expiry <= now && !conn_expire(conn)))
            continue;
        if (conn->watch.due <= now)
            path_check(conn, now);
    }
    if (!send_blocked(endpoint))
        return 0;
    for (uint32_t i = 0; i < endpoint->slots_used && endpoint->blocked_length == 0; i++) {
        vq_conn *conn = endpoint->slots[i].conn;
        if (conn != NULL && conn->dirty && conn_write(conn) > 0)
            more = 1;
    }
    return more && endpoint->blocked_length == 0;
}

uint64_t vq_next_timer(const vq_endpoint *endpoint)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < endpoint->slots_used; i++) {
        const vq_conn *conn = endpoint->slots[i].conn;
        if (conn == NULL)
            continue;
        if (conn->expiry < next)
            next = conn->expiry;
        if (conn->watch.due < next)
            next = conn->watch.due;
    }
    return next;
}

/* ---------------------------------------------------------------- waiting */

int vq_wait(vq_endpoint *endpoint, uint64_t until)
{
    struct pollfd files[2] = {
        {.fd = endpoint->socket, .events = POLLIN | (endpoint->blocked_length != 0 ? POLLOUT : 0)},
        {.fd = endpoint->wake, .events = POLLIN},
    };
    struct timespec timeout, *limit = NULL;
    if (until != UINT64_MAX) {
        uint64_t now = vq_now(), left = until > now ? until - now : 0;
        timeout = (struct timespec){.tv_sec = (time_t)(left / NS_PER_SECOND), .tv_nsec = (long)(left % NS_PER_SECOND)};
        limit = &timeout;
    }
    if (ppoll(files, 2, limit, NULL) <= 0)
        return 0;
    if (files[1].revents & POLLIN) {
        uint64_t count;
        ssize_t ignored = read(endpoint->wake, &count, sizeof count);
        (void)ignored;
    }
    return (files[0].revents & (POLLIN | POLLERR)) != 0;
}

void vq_wake(vq_endpoint *endpoint)
{
    uint64_t one = 1;
    ssize_t ignored = write(endpoint->wake, &one, sizeof one);
    (void)ignored;
}

int vq_poll(vq_endpoint *endpoint, vq_event *events, int capacity)
{
    int count = 0;
    while (count < capacity && endpoint->event_head != endpoint->event_tail)
        events[count++] = endpoint->events[endpoint->event_head++ % EVENT_CAPACITY];
    return count;
}

/* ---------------------------------------------------------------- connections by handle */

static int to_sockaddr(const vq_address *address, int family, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (family == AF_INET) {
        if (address->is_v6)
            return 0;
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address->port);
        memcpy(&v4->sin_addr, address->ip, 4);
        return 1;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address->port);
    if (address->is_v6) {
        memcpy(&v6->sin6_addr, address->ip, 16);
        v6->sin6_scope_id = address->scope;
    } else {
        v6->sin6_addr.s6_addr[10] = v6->sin6_addr.s6_addr[11] = 0xff;
        memcpy(&v6->sin6_addr.s6_addr[12], address->ip, 4);
    }
    return 1;
}

uint64_t vq_dial(vq_endpoint *endpoint, int32_t peer, const vq_address *address)
{
    struct sockaddr_storage remote;
    if (peer < 0 || (uint32_t)peer >= endpoint->config.peers || !endpoint->allowed[peer] ||
        !to_sockaddr(address, endpoint->family, &remote))
        return 0;
    vq_conn *conn = conn_dial(endpoint, peer, &remote);
    forget_errors();
    return conn == NULL ? 0 : conn_handle(conn);
}

void vq_close(vq_endpoint *endpoint, uint64_t handle, uint64_t code)
{
    vq_conn *conn = conn_of(endpoint, handle);
    if (conn == NULL)
        return;
    ngtcp2_ccerr error;
    ngtcp2_ccerr_default(&error);
    ngtcp2_ccerr_set_application_error(&error, code, NULL, 0);
    conn_goodbye(conn, &error);
    conn_delete(conn);
}

void vq_forbid(vq_endpoint *endpoint, int32_t peer)
{
    if (peer >= 0 && (uint32_t)peer < endpoint->config.peers)
        endpoint->allowed[peer] = 0;
}

void vq_set_peer(vq_endpoint *endpoint, int32_t peer, const uint8_t *key)
{
    if (peer < 0 || (uint32_t)peer >= endpoint->config.peers || peer == endpoint->config.self)
        return;
    for (uint32_t i = 0; i < endpoint->slots_used; i++)
        if (endpoint->slots[i].conn != NULL && endpoint->slots[i].conn->peer == peer)
            vq_close(endpoint, conn_handle(endpoint->slots[i].conn), VQ_REMOVED);
    memcpy(endpoint->peer_keys + (size_t)peer * VQ_MLDSA87_PUBLIC, key, VQ_MLDSA87_PUBLIC);
    memset(&endpoint->members[peer], 0, sizeof *endpoint->members);
    endpoint->allowed[peer] = 1;
}

const vq_view *vq_get_view(vq_endpoint *endpoint, uint64_t handle)
{
    const vq_conn *conn = conn_of(endpoint, handle);
    return conn == NULL ? NULL : &endpoint->views[conn->slot];
}

int vq_push(vq_endpoint *endpoint, uint64_t handle, uint32_t channel, const uint8_t *data, uint64_t length)
{
    vq_conn *conn = conn_of(endpoint, handle);
    if (conn == NULL || !conn->up || channel >= VQ_CHANNELS || length == 0)
        return 0;
    send_queue *queue = &conn->tx[channel];
    uint64_t used = queue->end - queue->unacked, size = queue->ring == NULL ? 0 : queue->mask + 1;
    if (used == size) {
        uint64_t larger = size == 0 ? 256 : size * 2;
        slice *grown = malloc(larger * sizeof *grown);
        if (grown == NULL)
            return 0;
        for (uint64_t i = queue->unacked; i != queue->end; i++)
            grown[i & (larger - 1)] = queue->ring[i & queue->mask];
        free(queue->ring);
        queue->ring = grown;
        queue->mask = larger - 1;
    }
    queue->ring[queue->end++ & queue->mask] = (slice){data, length};
    endpoint->views[conn->slot].tx[channel].pushed = queue->end;
    conn->dirty = 1;
    return 1;
}

/* A peer hears of room in its window at the latest once so much of it is free. */
#define WINDOW_PARTS 8

void vq_consume(vq_endpoint *endpoint, uint64_t handle, uint32_t channel, uint64_t length)
{
    vq_conn *conn = conn_of(endpoint, handle);
    if (conn == NULL || channel >= VQ_CHANNELS)
        return;
    vq_rx *rx = &endpoint->views[conn->slot].rx[channel];
    if (length > rx->tail - rx->head)
        abort();
    rx->head += length;
    if (rx->head == rx->tail)
        rx->head = rx->tail = 0; /* the front of the ring is warm in the cache */
    /* The peer's streams: unidirectional, begun by the other side. */
    int64_t stream = (int64_t)channel * 4 + (conn->dialled ? 3 : 2);
    if (ngtcp2_conn_extend_max_stream_offset(conn->quic, stream, length) == 0) {
        ngtcp2_conn_extend_max_offset(conn->quic, length);
        /* Rides with what is written next, unless the other side might soon wait for it. */
        conn->consumed += length;
        if (conn->consumed >= endpoint->config.window / WINDOW_PARTS)
            conn->dirty = 1;
    }
}

void vq_get_counters(const vq_endpoint *endpoint, vq_counters *counters)
{
    *counters = endpoint->counters;
}

int vq_get_stats(vq_endpoint *endpoint, uint64_t handle, vq_conn_stats *stats)
{
    vq_conn *conn = conn_of(endpoint, handle);
    if (conn == NULL)
        return 0;
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info2(conn->quic, &info);
    *stats = (vq_conn_stats){
        .bytes_in = info.bytes_recv,
        .bytes_out = info.bytes_sent,
        .packets_in = info.pkt_recv,
        .packets_out = info.pkt_sent,
        .packets_lost = info.pkt_lost,
        .rtt_ns = info.smoothed_rtt,
        .latest_rtt_ns = info.latest_rtt,
        .datagram = conn->watch.small ? NGTCP2_MAX_UDP_PAYLOAD_SIZE : ngtcp2_conn_get_path_max_tx_udp_payload_size2(conn->quic),
    };
    return 1;
}

/* ---------------------------------------------------------------- opening and closing */

static void set_buffer(int socket, int force, int normal)
{
    int size = SOCKET_BUFFER_BYTES;
    if (setsockopt(socket, SOL_SOCKET, force, &size, sizeof size) != 0)
        setsockopt(socket, SOL_SOCKET, normal, &size, sizeof size);
}

static int open_socket(vq_endpoint *endpoint, vq_address *bound)
{
    int one = 1, zero = 0, segment = 0;
    socklen_t length = sizeof segment;
    struct sockaddr_storage address;
    endpoint->family = endpoint->config.listen.is_v6 ? AF_INET6 : AF_INET;
    if (!to_sockaddr(&endpoint->config.listen, endpoint->family, &address))
        return 0;
    endpoint->socket = socket(endpoint->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    endpoint->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (endpoint->socket < 0 || endpoint->wake < 0)
        return 0;
    if (endpoint->family == AF_INET6)
        setsockopt(endpoint->socket, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    /* QUIC discovers the path itself and must not be fragmented (RFC 9000, section 14). */
    int discover = IP_PMTUDISC_PROBE;
    setsockopt(endpoint->socket, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
    discover = IPV6_PMTUDISC_PROBE;
    if (endpoint->family == AF_INET6)
        setsockopt(endpoint->socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof discover);
    set_buffer(endpoint->socket, SO_RCVBUFFORCE, SO_RCVBUF);
    set_buffer(endpoint->socket, SO_SNDBUFFORCE, SO_SNDBUF);
    setsockopt(endpoint->socket, SOL_UDP, UDP_GRO, &one, sizeof one);
    endpoint->gso = getsockopt(endpoint->socket, SOL_UDP, UDP_SEGMENT, &segment, &length) == 0;
    if (!open_path(endpoint))
        return 0;
    if (bind(endpoint->socket, (struct sockaddr *)&address, address_length(&address)) != 0)
        return 0;
    endpoint->local_length = sizeof endpoint->local;
    if (getsockname(endpoint->socket, (struct sockaddr *)&endpoint->local, &endpoint->local_length) != 0)
        return 0;
    *bound = endpoint->config.listen;
    bound->port = ntohs(endpoint->family == AF_INET6 ? ((struct sockaddr_in6 *)&endpoint->local)->sin6_port
                                                     : ((struct sockaddr_in *)&endpoint->local)->sin_port);
    return 1;
}

static int open_keys(vq_endpoint *endpoint)
{
    const vq_config *config = &endpoint->config;
    endpoint->key = vq_mldsa87_private_new(config->seed);
    if (endpoint->key == NULL || !vq_mldsa87_get_public(endpoint->key, endpoint->own_key))
        return 0;
    endpoint->peer_keys = malloc((size_t)config->peers * VQ_MLDSA87_PUBLIC);
    endpoint->allowed = malloc(config->peers);
    endpoint->members = calloc(config->peers, sizeof *endpoint->members);
    random_bytes((uint8_t *)endpoint->limit_key, sizeof endpoint->limit_key);
    if (endpoint->key == NULL || endpoint->peer_keys == NULL || endpoint->allowed == NULL || endpoint->members == NULL)
        return 0;
    memcpy(endpoint->peer_keys, config->peer_keys, (size_t)config->peers * VQ_MLDSA87_PUBLIC);
    static const uint8_t nobody[VQ_MLDSA87_PUBLIC];
    for (uint32_t i = 0; i < config->peers; i++)
        endpoint->allowed[i] =
            (int32_t)i != config->self && memcmp(config->peer_keys + (size_t)i * VQ_MLDSA87_PUBLIC, nobody, sizeof nobody) != 0;
    endpoint->alpn[0] = (uint8_t)config->alpn_length;
    memcpy(endpoint->alpn + 1, config->alpn, config->alpn_length);
    return derive_secret(config->seed, "validator stateless reset", endpoint->reset_secret) &&
           derive_secret(config->seed, "validator retry token", endpoint->token_secret) && tls_contexts(endpoint);
}

static void release(vq_endpoint *endpoint)
{
    if (endpoint->socket >= 0)
        close(endpoint->socket);
    if (endpoint->wake >= 0)
        close(endpoint->wake);
    SSL_CTX_free(endpoint->client);
    SSL_CTX_free(endpoint->server);
    vq_mldsa87_free(endpoint->key);
    OPENSSL_cleanse(endpoint->reset_secret, sizeof endpoint->reset_secret);
    OPENSSL_cleanse(endpoint->token_secret, sizeof endpoint->token_secret);
    free(endpoint->peer_keys);
    free(endpoint->allowed);
    free(endpoint->members);
    free(endpoint->slots);
    free(endpoint->views);
    free(endpoint->batch);
    free(endpoint);
}

vq_endpoint *vq_open(const vq_config *config, vq_address *bound, char *error, size_t error_size)
{
    const char *failed = NULL;
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    vq_endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL)
        return NULL;
    endpoint->config = *config;
    endpoint->socket = endpoint->wake = -1;
    /* Each peer once, once more while another connection takes over, a dial beside both, and the handshakes. */
    endpoint->slot_count = 3 * config->peers + config->max_pending + config->clients;
    endpoint->slots = calloc(endpoint->slot_count, sizeof *endpoint->slots);
    endpoint->views = calloc(endpoint->slot_count, sizeof *endpoint->views);
    endpoint->batch = receive_batch_new();
    errno = 0;
    if (config->alpn_length == 0 || config->alpn_length > 255 || config->self < -1 ||
        config->self >= (int32_t)config->peers)
        failed = "configuration";
    else if (endpoint->slots == NULL || endpoint->views == NULL || endpoint->batch == NULL)
        failed = "memory";
    else if (ngtcp2_crypto_ossl_init() != 0)
        failed = "ngtcp2's OpenSSL glue";
    else if (!open_keys(endpoint))
        failed = "TLS keys";
    else if (!open_socket(endpoint, bound))
        failed = "UDP socket";
    endpoint->config.seed = endpoint->config.peer_keys = endpoint->config.alpn = NULL;
    if (failed == NULL)
        return endpoint;
    char reason[256] = "";
    unsigned long code = ERR_peek_last_error();
    if (code != 0)
        ERR_error_string_n(code, reason, sizeof reason);
    snprintf(error, error_size, "%s: %s%s%s", failed, errno != 0 ? strerror(errno) : "", errno != 0 && code != 0 ? "; " : "",
             reason);
    forget_errors();
    release(endpoint);
    return NULL;
}

void vq_free(vq_endpoint *endpoint)
{
    for (uint32_t i = 0; i < endpoint->slots_used; i++)
        if (endpoint->slots[i].conn != NULL)
            vq_close(endpoint, conn_handle(endpoint->slots[i].conn), 0);
    release(endpoint);
}
