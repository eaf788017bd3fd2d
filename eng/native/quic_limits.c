/* What strangers may cost: token buckets in front of Retry and of handshakes, a share kept for committee addresses, peers
   that broke the rules shut out for a while. Fixed memory, constant time. */
#include <string.h>
#include "quic_internal.h"

/* A Retry costs some 10 us; the numbers leave nine tenths of the network thread to others. */
#define RETRIES_PER_SECOND 4096
#define RETRIES_PER_PREFIX 512
#define RETRIES_PER_MEMBER 64
/* A handshake costs some 2 ms (an ML-DSA-87 signature by OpenSSL and a key exchange) before the other side has shown a
   key: strangers together may take 3 % of the network thread, and 16 ms of it at once. Who is honest and comes too soon asks again. */
#define HANDSHAKES_PER_SECOND 16
#define HANDSHAKES_PER_PREFIX 8
#define HANDSHAKES_PER_MEMBER 4
#define HANDSHAKES_AT_ONCE 8
/* On the port for clients strangers are whom it is for, and its thread orders nothing. */
#define CLIENT_PORT_TIMES 4
/* Seconds' worth that may come at once; a member that restarts in a loop, or whose packets are lost, is not kept waiting. */
#define BURST_SECONDS 2
#define MEMBER_BURST_SECONDS 4

#define UNIT 1000000ull

/* Takes one from a bucket that holds burst and refills by rate a second. */
static int take(vq_bucket *bucket, uint64_t now, uint64_t rate, uint64_t burst)
{
    uint64_t most = burst * UNIT, full = (burst / rate + 1) * NS_PER_SECOND;
    if (bucket->at == 0) {
        bucket->left = most;
    } else if (now > bucket->at) {
        uint64_t passed = now - bucket->at;
        if (passed > full)
            passed = full;
        bucket->left += passed * rate / (NS_PER_SECOND / UNIT);
        if (bucket->left > most)
            bucket->left = most;
    }
    bucket->at = now;
    if (bucket->left < UNIT)
        return 0;
    bucket->left -= UNIT;
    return 1;
}

/* IPv4 by /24, IPv6 by /48: what one site has. Mapped IPv4 counts as IPv4. */
static uint64_t prefix_of(const struct sockaddr_storage *address)
{
    uint64_t prefix = 0;
    if (address->ss_family == AF_INET) {
        memcpy(&prefix, &((const struct sockaddr_in *)address)->sin_addr, 3);
        return prefix | 1ull << 63;
    }
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        memcpy(&prefix, &ip->s6_addr[12], 3);
        return prefix | 1ull << 63;
    }
    memcpy(&prefix, ip, 6);
    return prefix;
}

/* Prefixes that fall into one bucket share it. The key is random, so that nobody can choose whose bucket to empty. */
static uint32_t bucket_of_prefix(const vq_endpoint *endpoint, const struct sockaddr_storage *address)
{
    uint64_t x = (prefix_of(address) ^ endpoint->limit_key[0]) * 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 32) ^ endpoint->limit_key[1]) * 0xD6E8FEB86659FD93ull;
    return (uint32_t)(x >> 40) % VQ_PREFIX_BUCKETS;
}

static int same_place(const vq_place *place, const struct sockaddr_storage *address)
{
    uint8_t ip[16] = {0};
    uint16_t port;
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        ip[10] = ip[11] = 0xff;
        memcpy(ip + 12, &v4->sin_addr, 4);
        port = ntohs(v4->sin_port);
    } else {
        const struct sockaddr_in6 *v6 = (const void *)address;
        memcpy(ip, &v6->sin6_addr, 16);
        port = ntohs(v6->sin6_port);
    }
    return place->port == port && memcmp(place->ip, ip, 16) == 0;
}

/* The member whose address this is, by its hints or by its last connection; -1 for a stranger. */
HIDDEN int32_t limit_member(const vq_endpoint *endpoint, const struct sockaddr_storage *address)
{
    for (uint32_t i = 0; i < endpoint->config.peers; i++) {
        const vq_member *member = &endpoint->members[i];
        if (!endpoint->allowed[i])
            continue;
        for (uint32_t j = 0; j < VQ_PLACES; j++)
            if (member->places[j].port != 0 && same_place(&member->places[j], address))
                return (int32_t)i;
    }
    return -1;
}

/* 1 if an Initial without a token may be answered. Its address may be forged: members' shares differ so that forging one
   takes nothing from the others. */
HIDDEN int limit_retry(vq_endpoint *endpoint, const struct sockaddr_storage *from)
{
    uint64_t now = endpoint_now(endpoint);
    int32_t member = limit_member(endpoint, from);
    int ok = member >= 0 ? take(&endpoint->members[member].retries, now, RETRIES_PER_MEMBER, MEMBER_BURST_SECONDS * RETRIES_PER_MEMBER)
                         : take(&endpoint->prefixes[bucket_of_prefix(endpoint, from)].retries, now, RETRIES_PER_PREFIX, BURST_SECONDS * RETRIES_PER_PREFIX) &&
                               take(&endpoint->retries, now, RETRIES_PER_SECOND, BURST_SECONDS * RETRIES_PER_SECOND);
    endpoint->counters.limited += !ok;
    return ok;
}

/* 1 if a handshake may begin; its address has been proven by the Retry. */
HIDDEN int limit_handshake(vq_endpoint *endpoint, const struct sockaddr_storage *from, int32_t member)
{
    uint64_t now = endpoint_now(endpoint);
    int ok;
    if (member >= 0) {
        ok = now >= endpoint->members[member].shut_until &&
             take(&endpoint->members[member].handshakes, now, HANDSHAKES_PER_MEMBER, MEMBER_BURST_SECONDS * HANDSHAKES_PER_MEMBER);
    } else {
        vq_bucket *prefix = &endpoint->prefixes[bucket_of_prefix(endpoint, from)].handshakes;
        uint64_t times = endpoint->config.clients != 0 ? CLIENT_PORT_TIMES : 1;
        uint64_t prefix_burst = times == 1 ? HANDSHAKES_AT_ONCE : BURST_SECONDS * times * HANDSHAKES_PER_PREFIX;
        uint64_t burst = times == 1 ? HANDSHAKES_AT_ONCE : BURST_SECONDS * times * HANDSHAKES_PER_SECOND;
        ok = take(prefix, now, times * HANDSHAKES_PER_PREFIX, prefix_burst) &&
             take(&endpoint->handshakes, now, times * HANDSHAKES_PER_SECOND, burst);
    }
    endpoint->counters.limited += !ok;
    return ok;
}

HIDDEN int limit_is_shut(const vq_endpoint *endpoint, int32_t peer)
{
    return endpoint->now < endpoint->members[peer].shut_until;
}

/* Remembers where a member was last authenticated: its address may come from no hint of ours. */
HIDDEN void limit_seen(vq_endpoint *endpoint, int32_t peer, const struct sockaddr_storage *remote)
{
    vq_place *place = &endpoint->members[peer].places[VQ_PLACES - 1];
    memset(place, 0, sizeof *place);
    if (remote->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)remote;
        place->ip[10] = place->ip[11] = 0xff;
        memcpy(place->ip + 12, &v4->sin_addr, 4);
        place->port = ntohs(v4->sin_port);
    } else {
        const struct sockaddr_in6 *v6 = (const void *)remote;
        memcpy(place->ip, &v6->sin6_addr, 16);
        place->port = ntohs(v6->sin6_port);
    }
}

void vq_know(vq_endpoint *endpoint, int32_t peer, uint32_t place, const vq_address *address)
{
    if (peer < 0 || (uint32_t)peer >= endpoint->config.peers || place >= VQ_PLACES - 1)
        return;
    vq_place *known = &endpoint->members[peer].places[place];
    memset(known, 0, sizeof *known);
    if (address == NULL)
        return;
    if (address->is_v6) {
        memcpy(known->ip, address->ip, 16);
    } else {
        known->ip[10] = known->ip[11] = 0xff;
        memcpy(known->ip + 12, address->ip, 4);
    }
    known->port = address->port;
}

void vq_shut_out(vq_endpoint *endpoint, int32_t peer, uint64_t until_ns)
{
    if (peer >= 0 && (uint32_t)peer < endpoint->config.peers)
        endpoint->members[peer].shut_until = until_ns;
}
