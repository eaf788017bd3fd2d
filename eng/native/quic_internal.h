/* What the parts of the QUIC shim share. */
#ifndef QUIC_INTERNAL_H
#define QUIC_INTERNAL_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include "mldsa_ossl.h"
#include "quic_shim.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define NS_PER_SECOND 1000000000ull

#define HIDDEN __attribute__((visibility("hidden")))

#define CID_LENGTH 16
#define CID_BUCKETS 4096
#define EVENT_CAPACITY 8192
#define TX_BUFFER_BYTES 65536
/* UDP_MAX_SEGMENTS was 64 before Linux 6.9. */
#define MAX_GSO_SEGMENTS 64
/* No IP packet is longer. */
#define MAX_GSO_BYTES 65000

typedef struct slice {
    const uint8_t *data;
    uint64_t length;
} slice;

/* Slices pushed and not acknowledged, in a ring of a power of two; positions count slices. */
typedef struct send_queue {
    slice *ring;
    uint64_t mask;
    uint64_t unacked, unsent, end;
    uint64_t acked_bytes; /* of the slice at unacked */
    uint64_t sent_bytes;  /* of the slice at unsent */
    int64_t stream;
    int blocked;
} send_queue;

typedef struct cid_node {
    struct cid_node *bucket_next, *conn_next;
    struct vq_conn *conn;
    uint8_t cid[CID_LENGTH];
} cid_node;

typedef struct vq_conn {
    ngtcp2_crypto_conn_ref ref;
    struct vq_endpoint *endpoint;
    ngtcp2_conn *quic;
    SSL *ssl;
    ngtcp2_crypto_ossl_ctx *crypto;
    cid_node *cids;
    struct sockaddr_storage remote;
    send_queue tx[VQ_CHANNELS];
    uint64_t expiry;
    uint64_t born;
    uint32_t slot;
    uint32_t generation;
    int32_t peer; /* expected when dialled; else -1 until the certificate is known */
    int dialled, up, dirty, paced, wrong_key, got_reset, fault;
    int stranger; /* accepted from an address that no member is known to have */
} vq_conn;

typedef struct conn_slot {
    vq_conn *conn;
    uint32_t generation;
    uint8_t *rx_memory[VQ_CHANNELS];
} conn_slot;

/* Millionths of a token, and when they were counted; 0: never, so full. */
typedef struct vq_bucket {
    uint64_t left, at;
} vq_bucket;

#define VQ_PREFIX_BUCKETS 4096
typedef struct prefix_buckets {
    vq_bucket retries, handshakes;
} prefix_buckets;

/* An address in IPv6 form; port 0: none. */
typedef struct vq_place {
    uint8_t ip[16];
    uint16_t port;
} vq_place;

/* Hints of the configuration, and in the last the address of the newest connection. */
#define VQ_PLACES (VQ_HINTS + 1)
typedef struct vq_member {
    vq_place places[VQ_PLACES];
    vq_bucket retries, handshakes;
    uint64_t shut_until;
} vq_member;

struct vq_endpoint {
    int socket, wake;
    int family;
    int gso;
    uint64_t now;
    SSL_CTX *client, *server;
    EVP_PKEY *key;
    uint8_t *peer_keys;
    uint8_t *allowed;
    uint8_t alpn[256]; /* length byte first */
    uint8_t reset_secret[32], token_secret[32];
    vq_config config;
    struct sockaddr_storage local;
    socklen_t local_length;
    conn_slot *slots;
    vq_view *views;
    uint32_t slot_count, slots_used, pending, pending_strangers; /* slots_used: no slot from there on was ever taken */
    vq_member *members;
    vq_bucket retries, handshakes;
    prefix_buckets prefixes[VQ_PREFIX_BUCKETS];
    uint64_t limit_key[2];
    cid_node *buckets[CID_BUCKETS];
    vq_event events[EVENT_CAPACITY];
    uint32_t event_head, event_tail;
    vq_counters counters;
    uint64_t reset_second, reset_count;
    /* A batch the kernel had no room for. */
    size_t blocked_length, blocked_segment;
    struct sockaddr_storage blocked_to;
    uint8_t tx_buffer[TX_BUFFER_BYTES];
    struct receive_batch *batch;
};

/* quic_tls.c */
HIDDEN int tls_contexts(vq_endpoint *endpoint);
HIDDEN SSL *tls_session(vq_conn *conn);
HIDDEN int tls_alpn_agreed(const vq_conn *conn);
HIDDEN int derive_secret(const uint8_t *seed, const char *label, uint8_t *secret);

/* quic_receive.c */
HIDDEN struct receive_batch *receive_batch_new(void);

/* quic_limits.c */
HIDDEN int32_t limit_member(const vq_endpoint *endpoint, const struct sockaddr_storage *address);
HIDDEN int limit_retry(vq_endpoint *endpoint, const struct sockaddr_storage *from);
HIDDEN int limit_handshake(vq_endpoint *endpoint, const struct sockaddr_storage *from, int32_t member);
HIDDEN int limit_is_shut(const vq_endpoint *endpoint, int32_t peer);
HIDDEN void limit_seen(vq_endpoint *endpoint, int32_t peer, const struct sockaddr_storage *remote);

/* quic_conn.c */
HIDDEN vq_conn *conn_dial(vq_endpoint *endpoint, int32_t peer, const struct sockaddr_storage *remote);
HIDDEN vq_conn *conn_accept(vq_endpoint *endpoint, const ngtcp2_pkt_hd *header, const ngtcp2_cid *original,
                            const struct sockaddr_storage *remote, int stranger);
HIDDEN int conn_read(vq_conn *conn, const struct sockaddr_storage *remote, const uint8_t *packet, size_t length);
HIDDEN int conn_write(vq_conn *conn);
HIDDEN int conn_expire(vq_conn *conn);
HIDDEN void conn_goodbye(vq_conn *conn, const ngtcp2_ccerr *error);
HIDDEN void conn_delete(vq_conn *conn);
HIDDEN void conn_end(vq_conn *conn, uint32_t reason, uint64_t detail);

/* quic_endpoint.c */
HIDDEN uint64_t endpoint_now(vq_endpoint *endpoint);
HIDDEN void endpoint_event(vq_endpoint *endpoint, uint32_t kind, const vq_conn *conn, uint32_t reason, uint64_t detail);
HIDDEN int cid_insert(vq_conn *conn, const uint8_t *cid);
HIDDEN void cid_remove(vq_conn *conn, const uint8_t *cid);
HIDDEN int endpoint_send(vq_endpoint *endpoint, const struct sockaddr_storage *to, const uint8_t *data, size_t length,
                         size_t segment);
HIDDEN vq_conn *cid_find(const vq_endpoint *endpoint, const uint8_t *cid, size_t length);
HIDDEN void random_bytes(uint8_t *out, size_t length);

/* OpenSSL's queue of this thread, which later calls would take for their own. It is nearly always empty, and to clear its sixteen places for
   each packet is 1 % of the processor under load. */
static inline void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

static inline uint64_t conn_handle(const vq_conn *conn)
{
    return ((uint64_t)conn->generation << 32) | conn->slot;
}

static inline socklen_t address_length(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

#endif
