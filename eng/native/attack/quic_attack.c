/* Attacks a validator's QUIC port, for tests on loopback: what a stranger can send, and what a member can do to a connection.
     quic-attack initials  PORT RATE SECONDS              Initials without a token, from many addresses of 127/8
     quic-attack junk      PORT COUNT                     random bytes, and packets with one thing wrong, as fast as they go
     quic-attack handshake PORT RATE SECONDS KEY          whole handshakes with a key that is in no genesis
     quic-attack streams   PORT SECONDS KEY SEED WHAT     as a member: reset, fin, many (streams), stop (sending)
   KEY: file with the validator's transport key, hexadecimal; SEED: file with a member's transport seed, hexadecimal.
   Prints one line of counts. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "quic_internal.h"

#define SOURCES 64
#define BATCH 64
#define SOCKETS 8

static uint64_t state = 0x9E3779B97F4A7C15ull;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill(uint8_t *out, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)(next_random() >> 24);
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* A UDP socket of another /24 of loopback each, connected to the target. */
static int source(uint32_t number, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F400001u + (number << 8))};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("socket");
    return fd;
}

/* Sends count datagrams made by make, at most rate a second (0: unlimited), from all sources in turn. */
static uint64_t send_all(uint16_t port, uint64_t count, uint64_t rate, size_t (*make)(uint8_t *))
{
    static uint8_t data[BATCH][1500];
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    int sources[SOURCES];
    uint64_t sent = 0, start = vq_now();
    uint64_t batch = rate != 0 && rate / 50 < BATCH ? rate / 50 + 1 : BATCH;
    for (uint32_t i = 0; i < SOURCES; i++)
        sources[i] = source(i, port);
    for (uint64_t turn = 0; sent < count; turn++) {
        memset(messages, 0, sizeof messages);
        for (uint64_t i = 0; i < batch; i++) {
            vectors[i] = (struct iovec){.iov_base = data[i], .iov_len = make(data[i])};
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        int fd = sources[turn % SOURCES], got = sendmmsg(fd, messages, (unsigned)batch, 0);
        if (got < 0 && errno != ECONNREFUSED && errno != ENOBUFS && errno != EAGAIN)
            die("sendmmsg");
        sent += got > 0 ? (uint64_t)got : batch;
        while (recv(fd, data[0], sizeof data[0], MSG_DONTWAIT) >= 0)
            ;
        if (rate != 0) {
            uint64_t due = start + sent * NS_PER_SECOND / rate, now = vq_now();
            if (due > now)
                usleep((useconds_t)((due - now) / 1000));
        }
    }
    return sent;
}

/* A first packet as a client would send it; what is encrypted is not looked at before the Retry. */
static size_t make_initial(uint8_t *out)
{
    fill(out, 1200);
    out[0] = 0xC3;
    memcpy(out + 1, "\0\0\0\1", 4);
    out[5] = 16;
    out[22] = 16;
    out[39] = 0; /* token length */
    out[40] = 0x44;
    out[41] = 0x80;
    return 1200;
}

static size_t make_junk(uint8_t *out)
{
    size_t length = next_random() % 1450;
    switch (next_random() % 6) {
    case 0:
        fill(out, length);
        return length;
    case 1: /* a short header for nobody */
        fill(out, length + 1);
        out[0] = 0x40 | (out[0] & 0x3F);
        return length + 1;
    case 2: /* another version */
        make_initial(out);
        fill(out + 1, 4);
        return 1200;
    case 3: /* a token that is not ours */
        make_initial(out);
        out[39] = 60;
        out[40] = 0xb6;
        return 1200;
    case 4: { /* one byte wrong, or the end missing */
        make_initial(out);
        out[next_random() % 64] = (uint8_t)next_random();
        return next_random() % 2 ? 1200 : length;
    }
    default: /* Handshake, 0-RTT and Retry packets of no connection */
        make_initial(out);
        out[0] = (uint8_t)(0xD0 | (next_random() & 0x3F));
        return 1200;
    }
}

static void read_hex(const char *path, uint8_t *out, size_t length)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die(path);
    for (size_t i = 0; i < length; i++) {
        unsigned value;
        if (fscanf(file, "%2x", &value) != 1) {
            fprintf(stderr, "%s: expected %zu bytes in hexadecimal\n", path, length);
            exit(1);
        }
        out[i] = (uint8_t)value;
    }
    fclose(file);
}

/* An endpoint of ours whose peer 1 is the target. */
static vq_endpoint *endpoint_of(const uint8_t *seed, const char *target_key, uint32_t address)
{
    static uint8_t keys[2 * VQ_MLDSA87_PUBLIC];
    char error[512] = "";
    vq_address bound;
    vq_config config = {.seed = seed, .peer_keys = keys, .alpn = (const uint8_t *)"validator/1", .alpn_length = 11, .peers = 2,
                        .self = 0, .max_pending = 1024, .max_datagram = 1452, .window = 1 << 20, .idle_ns = 5 * NS_PER_SECOND,
                        .keep_alive_ns = NS_PER_SECOND, .handshake_ns = 3 * NS_PER_SECOND, .raise_ns = 60 * NS_PER_SECOND};
    uint32_t ip = htonl(address);
    memcpy(config.listen.ip, &ip, 4);
    read_hex(target_key, keys + VQ_MLDSA87_PUBLIC, VQ_MLDSA87_PUBLIC);
    vq_endpoint *endpoint = vq_open(&config, &bound, error, sizeof error);
    if (endpoint == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    return endpoint;
}

static vq_address target_of(uint16_t port)
{
    vq_address target = {.port = port, .ip = {127, 0, 0, 1}};
    return target;
}

static void handshakes(uint16_t port, uint64_t rate, uint64_t seconds, const char *key)
{
    vq_endpoint *endpoints[SOCKETS];
    vq_address target = target_of(port);
    uint8_t seed[VQ_MLDSA87_SEED];
    uint64_t begun = 0, refused = 0, failed = 0, up = 0, start = vq_now();
    for (uint32_t i = 0; i < SOCKETS; i++) {
        random_bytes(seed, sizeof seed);
        endpoints[i] = endpoint_of(seed, key, 0x7F400001u + (i << 8));
    }
    while (vq_now() - start < seconds * NS_PER_SECOND) {
        while (begun < (vq_now() - start) * rate / NS_PER_SECOND) {
            if (vq_dial(endpoints[begun % SOCKETS], 1, &target) == 0)
                refused++;
            begun++;
        }
        for (uint32_t i = 0; i < SOCKETS; i++) {
            vq_event events[64];
            vq_receive(endpoints[i], 4);
            vq_flush(endpoints[i]);
            for (int count; (count = vq_poll(endpoints[i], events, 64)) > 0;)
                for (int j = 0; j < count; j++) {
                    failed += events[j].kind == VQ_EVENT_FAILED && events[j].reason == VQ_TLS;
                    up += events[j].kind == VQ_EVENT_UP;
                }
        }
        usleep(500);
    }
    printf("begun %lu, completed and refused for the key %lu, up %lu, not begun for want of room %lu\n", begun, failed, up, refused);
}

/* What QUIC allows a peer to do to its streams and our protocol does not. */
static void misuse(vq_conn *conn, const char *what)
{
    int64_t stream;
    if (strcmp(what, "reset") == 0)
        ngtcp2_conn_shutdown_stream_write(conn->quic, 0, conn->tx[0].stream, 1);
    else if (strcmp(what, "stop") == 0)
        ngtcp2_conn_shutdown_stream_read(conn->quic, 0, conn->dialled ? 3 : 2, 1);
    else if (strcmp(what, "many") == 0)
        while (ngtcp2_conn_open_uni_stream(conn->quic, &stream, NULL) == 0 || ngtcp2_conn_open_bidi_stream(conn->quic, &stream, NULL) == 0)
            ;
    else {
        uint8_t packet[1200];
        ngtcp2_path_storage path;
        ngtcp2_pkt_info info;
        ngtcp2_vec byte = {(uint8_t *)"x", 1};
        ngtcp2_path_storage_zero(&path);
        ngtcp2_ssize taken, length = ngtcp2_conn_writev_stream(conn->quic, &path.path, &info, packet, sizeof packet, &taken,
                                                               NGTCP2_WRITE_STREAM_FLAG_FIN, conn->tx[1].stream, &byte, 1, vq_now());
        if (length > 0)
            endpoint_send(conn->endpoint, conn, &path.path, packet, (size_t)length, 0);
    }
    conn->dirty = 1;
}

static void streams(uint16_t port, uint64_t seconds, const char *key, const char *seed_file, const char *what)
{
    uint8_t seed[VQ_MLDSA87_SEED];
    vq_address target = target_of(port);
    read_hex(seed_file, seed, sizeof seed);
    vq_endpoint *endpoint = endpoint_of(seed, key, INADDR_LOOPBACK);
    uint64_t dials = 0, up = 0, closed = 0, failed = 0, start = vq_now(), next = 0;
    int standing = 0;
    vq_conn *begun = NULL;
    while (vq_now() - start < seconds * NS_PER_SECOND) {
        vq_event events[64];
        if (!standing && vq_now() >= next) {
            standing = vq_dial(endpoint, 1, &target) != 0;
            dials++;
            next = vq_now() + NS_PER_SECOND / 20;
        }
        vq_receive(endpoint, 4);
        vq_flush(endpoint);
        for (int count; (count = vq_poll(endpoint, events, 64)) > 0;)
            for (int i = 0; i < count; i++) {
                up += events[i].kind == VQ_EVENT_UP;
                closed += events[i].kind == VQ_EVENT_CLOSED;
                failed += events[i].kind == VQ_EVENT_FAILED;
                if (events[i].kind == VQ_EVENT_UP)
                    begun = endpoint->slots[(uint32_t)events[i].handle].conn;
                else {
                    standing = 0;
                    begun = NULL;
                }
            }
        /* The target's streams begin with its first bytes: before, there is none to refuse. */
        if (begun != NULL && endpoint->views[begun->slot].rx[0].tail != 0) {
            misuse(begun, what);
            begun = NULL;
        }
        usleep(1000);
    }
    printf("%s: dials %lu, up %lu, closed %lu, refused %lu\n", what, dials, up, closed, failed);
}

int main(int count, char **given)
{
    uint16_t port = count > 2 ? (uint16_t)atoi(given[2]) : 0;
    state ^= vq_now();
    if (count == 5 && strcmp(given[1], "initials") == 0)
        printf("initials sent %lu\n", send_all(port, strtoull(given[3], NULL, 10) * strtoull(given[4], NULL, 10), strtoull(given[3], NULL, 10), make_initial));
    else if (count == 4 && strcmp(given[1], "junk") == 0)
        printf("junk sent %lu\n", send_all(port, strtoull(given[3], NULL, 10), 0, make_junk));
    else if (count == 6 && strcmp(given[1], "handshake") == 0)
        handshakes(port, strtoull(given[3], NULL, 10), strtoull(given[4], NULL, 10), given[5]);
    else if (count == 7 && strcmp(given[1], "streams") == 0)
        streams(port, strtoull(given[3], NULL, 10), given[4], given[5], given[6]);
    else {
        fprintf(stderr, "quic-attack: see the head of eng/native/attack/quic_attack.c\n");
        return 2;
    }
    return 0;
}
