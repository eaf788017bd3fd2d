/* QUIC for the validator: a flat interface over ngtcp2 and OpenSSL. All functions but vq_wake belong to the one network
   thread. Nothing calls back: what happened is polled as events, what may be read lies in the views.
   Integers are of fixed width and the layouts below are mirrored in Validator.Net/Quic/QuicNative.cs. */
#ifndef QUIC_SHIM_H
#define QUIC_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define VQ_ABI 5
#define VQ_CHANNELS 3
#define VQ_HINTS 3 /* addresses known of a peer */

/* Why a connection ended: the numbers of Validator.Net.CloseReason. */
enum vq_reason {
    VQ_NONE = 0,
    VQ_WRONG_KEY = 1,
    VQ_TLS = 2,
    VQ_HANDSHAKE_TIMEOUT = 3,
    VQ_IDLE_TIMEOUT = 4,
    VQ_PEER_CLOSED = 5,
    VQ_RESET = 6,
    VQ_PROTOCOL = 7,
    VQ_REMOVED = 11,
    VQ_INTERNAL = 12,
    VQ_SELF = 15,
    VQ_MISDIALLED = 16, /* detail: the peer that answered */
};

enum vq_event_kind {
    VQ_EVENT_UP = 1,     /* authenticated; its view may be used from now on */
    VQ_EVENT_CLOSED = 2, /* was up; its view and all slices pushed are dead */
    VQ_EVENT_FAILED = 3, /* never came up */
    VQ_EVENT_STALLED = 4, /* dialled: nothing of what was sent is acknowledged any more; it may still come to life */
    VQ_EVENT_REVIVED = 5, /* it did */
    VQ_EVENT_MOVED = 6,   /* the other side has another address, and has proved it */
    VQ_EVENT_SMALLER = 7, /* packets above 1,200 bytes do not get through any more; detail: 1 if the own system refused them */
};

/* Why the kernel did not take a datagram. */
enum vq_send_error {
    VQ_SEND_TOO_LARGE = 0,   /* EMSGSIZE: longer than the device's MTU */
    VQ_SEND_UNREACHABLE = 1, /* no route, network or host down */
    VQ_SEND_DENIED = 2,      /* EPERM, EACCES: a firewall of this machine */
    VQ_SEND_NO_ROOM = 3,     /* ENOBUFS, ENOMEM */
    VQ_SEND_NO_ADDRESS = 4,  /* the own address that was asked is gone */
    VQ_SEND_OTHER = 5,
    VQ_SEND_KINDS = 6,
};

typedef struct vq_address {
    uint8_t ip[16]; /* IPv4 in the first four */
    uint32_t scope;
    uint16_t port; /* host order */
    uint16_t is_v6;
} vq_address;

typedef struct vq_config {
    const uint8_t *seed;      /* 32 bytes: own ML-DSA-87 key */
    const uint8_t *peer_keys; /* peers * 2592 bytes, by index; zeros: nobody yet */
    const uint8_t *alpn;
    uint32_t alpn_length;
    uint32_t peers; /* places for peers */
    int32_t self;   /* own place, or -1 */
    uint32_t max_pending;  /* handshakes begun by others */
    uint32_t max_datagram; /* largest UDP payload sent */
    uint32_t congestion;   /* 0 CUBIC, 1 BBR */
    uint32_t pacing;       /* 0 off towards loopback only, 1 on, 2 off */
    uint32_t clients;      /* 0: members alone may connect; else so many others, without a certificate, and no member */
    uint64_t window; /* receive window of each stream, bytes */
    uint64_t idle_ns;
    uint64_t keep_alive_ns;
    uint64_t handshake_ns;
    uint64_t raise_ns; /* after a fall to 1,200 bytes, until one longer packet is tried */
    vq_address listen;
} vq_config;

typedef struct vq_event {
    uint32_t kind;
    int32_t peer; /* -1: not known, or a client */
    uint64_t handle;
    uint32_t reason;
    uint32_t dialled;
    uint64_t detail; /* error code on the wire, if any */
    vq_address remote;
} vq_event;

/* Received bytes of a channel: positions head to tail, byte i at base[i & mask]. */
typedef struct vq_rx {
    const uint8_t *base;
    uint64_t mask;
    uint64_t head;
    uint64_t tail;
} vq_rx;

/* Slices of a channel since the connection came up. */
typedef struct vq_tx {
    uint64_t pushed;
    uint64_t acked; /* wholly acknowledged: their memory is free again */
} vq_tx;

typedef struct vq_view {
    vq_rx rx[VQ_CHANNELS];
    vq_tx tx[VQ_CHANNELS];
} vq_view;

typedef struct vq_counters {
    uint64_t datagrams_in, datagrams_out, malformed, unknown, retries, bad_tokens, refused, resets, wrong_keys;
    uint64_t limited;  /* over a rate, or shut out: not answered */
    uint64_t elsewhere; /* of a standing connection, from another address */
    uint64_t moved;     /* connections that went on at another address */
    uint64_t smaller;   /* connections that fell to 1,200 bytes */
    uint64_t larger;    /* of these, that went back up */
    uint64_t unsent[VQ_SEND_KINDS]; /* datagrams that the kernel did not take */
    int32_t unsent_errno[VQ_SEND_KINDS];
    int32_t unsent_peer[VQ_SEND_KINDS]; /* of the last; -1: none of the peers */
} vq_counters;

typedef struct vq_conn_stats {
    uint64_t bytes_in, bytes_out, packets_in, packets_out, packets_lost, rtt_ns, latest_rtt_ns;
    uint64_t datagram; /* longest that is sent */
} vq_conn_stats;

typedef struct vq_endpoint vq_endpoint;

int vq_abi(void);

/* Monotonic nanoseconds. */
uint64_t vq_now(void);

/* NULL on failure, with a text in error. bound gets the socket's address. */
vq_endpoint *vq_open(const vq_config *config, vq_address *bound, char *error, size_t error_size);

/* Says goodbye on every connection and frees all. */
void vq_free(vq_endpoint *endpoint);

/* Makes the present or next vq_wait return. Any thread. */
void vq_wake(vq_endpoint *endpoint);

/* Sleeps until a datagram, a wake-up, room to send or the time given. Returns 1 if datagrams wait. */
int vq_wait(vq_endpoint *endpoint, uint64_t until_ns);

/* Reads at most rounds batches of datagrams. Returns the number of datagrams. */
int vq_receive(vq_endpoint *endpoint, int rounds);

/* Runs timers that are due and writes what may be written. Returns 1 if there is more to write at once. */
int vq_flush(vq_endpoint *endpoint);

/* When the next timer is due; UINT64_MAX for none. */
uint64_t vq_next_timer(const vq_endpoint *endpoint);

/* Takes up to capacity events. */
int vq_poll(vq_endpoint *endpoint, vq_event *events, int capacity);

/* Begins a connection to a peer. 0 on failure, else its handle. */
uint64_t vq_dial(vq_endpoint *endpoint, int32_t peer, const vq_address *address);

/* Says goodbye with an application code and forgets the connection; no event follows. */
void vq_close(vq_endpoint *endpoint, uint64_t handle, uint64_t code);

/* The peer's key is refused from now on. */
void vq_forbid(vq_endpoint *endpoint, int32_t peer);

/* Gives a forbidden or empty place to another key, 2592 bytes. What is left of connections with the key before ends; no event follows. */
void vq_set_peer(vq_endpoint *endpoint, int32_t peer, const uint8_t *key);

/* One of the addresses (below VQ_HINTS) that a peer may come from: it has a share of handshakes of its own. NULL forgets it. */
void vq_know(vq_endpoint *endpoint, int32_t peer, uint32_t place, const vq_address *address);

/* The peer may not connect until then (vq_now): it broke the rules. */
void vq_shut_out(vq_endpoint *endpoint, int32_t peer, uint64_t until_ns);

/* Where the connection's view is; valid as memory for the endpoint's life. */
const vq_view *vq_get_view(vq_endpoint *endpoint, uint64_t handle);

/* Queues bytes that stay where they are until acknowledged or the connection is closed. 0 without memory. */
int vq_push(vq_endpoint *endpoint, uint64_t handle, uint32_t channel, const uint8_t *data, uint64_t length);

/* Takes received bytes out of a channel and lets the peer send as many more. */
void vq_consume(vq_endpoint *endpoint, uint64_t handle, uint32_t channel, uint64_t length);

void vq_get_counters(const vq_endpoint *endpoint, vq_counters *counters);
int vq_get_stats(vq_endpoint *endpoint, uint64_t handle, vq_conn_stats *stats);

#endif
