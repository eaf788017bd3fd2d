/* What every other part stands on: the clock, random bytes, events for the caller, connections by id and by handle. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/rand.h>
#include "quic_internal.h"

uint64_t vq_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
}

/* ngtcp2 aborts on a timestamp that goes backwards. */
HIDDEN uint64_t endpoint_now(vq_endpoint *endpoint)
{
    uint64_t now = vq_now();
    if (now > endpoint->now)
        endpoint->now = now;
    return endpoint->now;
}

static vq_address from_sockaddr(const struct sockaddr_storage *address)
{
    vq_address out = {0};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        out.port = ntohs(v4->sin_port);
        memcpy(out.ip, &v4->sin_addr, 4);
        return out;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    out.port = ntohs(v6->sin6_port);
    out.is_v6 = !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
    out.scope = out.is_v6 ? v6->sin6_scope_id : 0;
    memcpy(out.ip, &v6->sin6_addr.s6_addr[out.is_v6 ? 0 : 12], out.is_v6 ? 16 : 4);
    return out;
}

HIDDEN void random_bytes(uint8_t *out, size_t length)
{
    /* Without randomness there is no security left to keep. */
    if (RAND_bytes(out, (int)length) != 1)
        abort();
}

HIDDEN void endpoint_event(vq_endpoint *endpoint, uint32_t kind, const vq_conn *conn, uint32_t reason, uint64_t detail)
{
    /* One receive round or flush makes fewer events than this by far, and each is followed by a poll. */
    if (endpoint->event_tail - endpoint->event_head == EVENT_CAPACITY)
        abort();
    endpoint->events[endpoint->event_tail++ % EVENT_CAPACITY] = (vq_event){
        .kind = kind,
        .peer = conn->peer,
        .handle = conn_handle(conn),
        .reason = reason,
        .dialled = (uint32_t)conn->dialled,
        .detail = detail,
        .remote = from_sockaddr(&conn->remote),
    };
}

/* ---------------------------------------------------------------- connection ids */

/* All ids are ours and random, the Retry's too, so eight bytes of them are a good hash. */
static uint32_t bucket_of(const uint8_t *cid)
{
    uint64_t hash;
    memcpy(&hash, cid, sizeof hash);
    return (uint32_t)(hash % CID_BUCKETS);
}

HIDDEN vq_conn *cid_find(const vq_endpoint *endpoint, const uint8_t *cid, size_t length)
{
    if (length != CID_LENGTH)
        return NULL;
    for (const cid_node *node = endpoint->buckets[bucket_of(cid)]; node != NULL; node = node->bucket_next)
        if (memcmp(node->cid, cid, CID_LENGTH) == 0)
            return node->conn;
    return NULL;
}

HIDDEN int cid_insert(vq_conn *conn, const uint8_t *cid)
{
    cid_node *node = malloc(sizeof *node);
    if (node == NULL)
        return 0;
    cid_node **bucket = &conn->endpoint->buckets[bucket_of(cid)];
    memcpy(node->cid, cid, CID_LENGTH);
    node->conn = conn;
    node->bucket_next = *bucket;
    *bucket = node;
    node->conn_next = conn->cids;
    conn->cids = node;
    return 1;
}

HIDDEN void cid_remove(vq_conn *conn, const uint8_t *cid)
{
    cid_node *found = NULL;
    for (cid_node **at = &conn->cids; *at != NULL; at = &(*at)->conn_next) {
        if (memcmp((*at)->cid, cid, CID_LENGTH) == 0) {
            found = *at;
            *at = found->conn_next;
            break;
        }
    }
    if (found == NULL)
        return;
    for (cid_node **at = &conn->endpoint->buckets[bucket_of(found->cid)]; *at != NULL; at = &(*at)->bucket_next) {
        if (*at == found) {
            *at = found->bucket_next;
            break;
        }
    }
    free(found);
}

HIDDEN vq_conn *conn_of(const vq_endpoint *endpoint, uint64_t handle)
{
    uint32_t slot = (uint32_t)handle;
    if (slot >= endpoint->slot_count)
        return NULL;
    vq_conn *conn = endpoint->slots[slot].conn;
    return conn != NULL && conn->generation == (uint32_t)(handle >> 32) ? conn : NULL;
}
