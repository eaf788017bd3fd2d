/* What the parts of the QUIC shim share. */
#ifndef QUIC_INTERNAL_H
#define QUIC_INTERNAL_H

#include <netinet/in.h>
#include <string.h>
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
#define NS_PER_MS 1000000ull

#define SELF_ANSWERED (-2)

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
    uint64_t sent_total, acked_total; /* bytes of the stream */
    uint64_t moved; /* when the acknowledged ones last grew, or all that was sent had been acknowledged */
    int64_t stream;
    int blocked;
} send_queue;

typedef struct cid_node {
    struct cid_node *bucket_next, *conn_next;
    struct vq_conn *conn;
    uint8_t cid[CID_LENGTH];
} cid_node;

/* What quic_path.c keeps of a connection's path; times in nanoseconds, 0: not. */
typedef struct path_watch {
    uint64_t due;        /* when to look next; UINT64_MAX: nothing is under way */
    uint64_t fell;       /* when it fell to the least length, if it has yet to show that this helped */
    uint64_t raise_at, raise_pause;
    uint64_t raise_sent; /* when one longer packet was tried */
    uint64_t raise_lost; /* packets lost until then */
    uint64_t raise_mark[VQ_CHANNELS]; /* its bytes end here */
    uint64_t elsewhere;  /* when datagrams began to come from another address alone */
    uint8_t small, stalled;
} path_watch;

typedef struct vq_conn {
    ngtcp2_crypto_conn_ref ref;
    struct vq_endpoint *endpoint;
    ngtcp2_conn *quic;
    SSL *ssl;
    ngtcp2_crypto_ossl_ctx *crypto;
    cid_node *cids;
    struct sockaddr_storage remote;
    ngtcp2_sockaddr_union local; /* the address that was asked; any, where the kernel chooses */
    ngtcp2_sockaddr_union asked; /* where the other side may be now, and has yet to answer; family 0: nowhere */
    send_queue tx[VQ_CHANNELS];
    path_watch watch;
    uint64_t expiry;
    uint64_t hold;     /* until then acknowledgements wait for something to ride with; 0: none waits */
    uint64_t consumed; /* since the last packet was written */
    uint64_t wrote;    /* when data last went out */
    uint64_t born;
    uint32_t slot;
    uint32_t generation;
    uint32_t heard; /* packets since one was written */
    int32_t peer; /* expected when dialled; else -1 until the certificate is known */
    int32_t answered; /* dialled, and answered by another peer, or by SELF_ANSWERED; else -1 */
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
    int any; /* bound to any address: each datagram says to which it came, and from which it goes */
    int gso;
    uint64_t now;
    SSL_CTX *client, *server;
    EVP_PKEY *key;
    uint8_t own_key[VQ_MLDSA87_PUBLIC];
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
    ngtcp2_path_storage blocked_path;
    uint64_t blocked_conn;
    uint8_t tx_buffer[TX_BUFFER_BYTES];
    struct receive_batch *batch;
};

/* Each part uses those above it alone; quic_endpoint.c, the last, uses them all. */

/* quic_base.c */
HIDDEN uint64_t endpoint_now(vq_endpoint *endpoint);
HIDDEN void endpoint_event(vq_endpoint *endpoint, uint32_t kind, const vq_conn *conn, uint32_t reason, uint64_t detail);
HIDDEN int cid_insert(vq_conn *conn, const uint8_t *cid);
HIDDEN void cid_remove(vq_conn *conn, const uint8_t *cid);
HIDDEN vq_conn *cid_find(const vq_endpoint *endpoint, const uint8_t *cid, size_t length);
HIDDEN vq_conn *conn_of(const vq_endpoint *endpoint, uint64_t handle);
HIDDEN void random_bytes(uint8_t *out, size_t length);

/* quic_limits.c */
HIDDEN int32_t limit_member(const vq_endpoint *endpoint, const struct sockaddr_storage *address);
HIDDEN int limit_retry(vq_endpoint *endpoint, const struct sockaddr_storage *from);
HIDDEN int limit_handshake(vq_endpoint *endpoint, const struct sockaddr_storage *from, int32_t member);
HIDDEN int limit_is_shut(const vq_endpoint *endpoint, int32_t peer);
HIDDEN void limit_seen(vq_endpoint *endpoint, int32_t peer, const struct sockaddr_storage *remote);

/* quic_tls.c */
HIDDEN int tls_contexts(vq_endpoint *endpoint);
HIDDEN SSL *tls_session(vq_conn *conn);
HIDDEN int tls_alpn_agreed(const vq_conn *conn);
HIDDEN int derive_secret(const uint8_t *seed, const char *label, uint8_t *secret);

/* quic_path.c */
HIDDEN int open_path(vq_endpoint *endpoint);
HIDDEN void path_arrived(const vq_endpoint *endpoint, struct msghdr *message, ngtcp2_sockaddr_union *local, size_t *segment);
HIDDEN void path_departs(const vq_endpoint *endpoint, const ngtcp2_sockaddr *local, size_t segment, struct msghdr *message);
HIDDEN size_t path_room(vq_conn *conn);
HIDDEN void path_wrote(vq_conn *conn, size_t length);
HIDDEN int path_too_large(vq_conn *conn, size_t length);
HIDDEN void path_unsent(vq_endpoint *endpoint, const vq_conn *conn, int error, uint64_t datagrams);
HIDDEN void path_sent(vq_conn *conn, send_queue *queue, uint64_t bytes);
HIDDEN uint64_t packets_lost(const vq_conn *conn);
HIDDEN void acknowledge_later(vq_conn *conn, int was_up, uint64_t lost);
HIDDEN void path_heard(vq_conn *conn);
HIDDEN void path_elsewhere(vq_conn *conn);
HIDDEN void path_moved(vq_conn *conn, const ngtcp2_path *path);
HIDDEN void path_check(vq_conn *conn, uint64_t now);

/* quic_send.c */
HIDDEN int endpoint_send(vq_endpoint *endpoint, vq_conn *conn, const ngtcp2_path *path, const uint8_t *data, size_t length,
                         size_t segment);

/* quic_conn.c */
HIDDEN vq_conn *conn_dial(vq_endpoint *endpoint, int32_t peer, const struct sockaddr_storage *remote);
HIDDEN vq_conn *conn_accept(vq_endpoint *endpoint, const ngtcp2_pkt_hd *header, const ngtcp2_cid *original,
                            const ngtcp2_path *path, int stranger);
HIDDEN int conn_read(vq_conn *conn, const ngtcp2_path *from, const uint8_t *packet, size_t length);
HIDDEN int conn_expire(vq_conn *conn);
HIDDEN void conn_goodbye(vq_conn *conn, const ngtcp2_ccerr *error);
HIDDEN void conn_delete(vq_conn *conn);
HIDDEN void conn_fail(vq_conn *conn, int error);
HIDDEN void conn_end(vq_conn *conn, uint32_t reason, uint64_t detail);

/* quic_write.c */
HIDDEN int conn_write(vq_conn *conn);

/* quic_receive.c */
HIDDEN struct receive_batch *receive_batch_new(void);

/* Room for what path_departs adds. */
#define SEND_CONTROL_BYTES (CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))
#define RECEIVE_CONTROL_BYTES (CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))

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

static inline socklen_t address_length(const void *address)
{
    return ((const struct sockaddr *)address)->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static inline int same_address(const void *a, const void *b)
{
    if (((const struct sockaddr *)a)->sa_family != ((const struct sockaddr *)b)->sa_family)
        return 0;
    if (((const struct sockaddr *)a)->sa_family == AF_INET) {
        const struct sockaddr_in *x = a, *y = b;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *x = a, *y = b;
    return x->sin6_port == y->sin6_port && memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

/* Of addresses that outlive it. */
static inline ngtcp2_path path_between(const void *local, const void *remote)
{
    return (ngtcp2_path){
        .local = {.addr = (ngtcp2_sockaddr *)local, .addrlen = address_length(local)},
        .remote = {.addr = (ngtcp2_sockaddr *)remote, .addrlen = address_length(remote)},
    };
}

#endif
