#!/usr/bin/env bash
# c-ares (Debian 12's libc-ares2 1.18.1-3; Debian 13's 1.34.9 does the same in the validator's tests): ares_getaddrinfo with
# ai_family = AF_INET6 asks for AAAA alone, and yet gives back AF_INET nodes when the answer section to that question holds an A record
# too; with AF_INET it gives back AF_INET6 nodes. The manual: "Specifies desired address family". So whoever
# opens a socket of the family that was asked for has to look at each node's ai_family first. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=1.18.1-3
chmod 0755 .
for package in libc-ares2 libc-ares-dev; do
    apt-get -qq download "$package=$version" >/dev/null 2>&1 || { echo "$package $version is not to be had here" >&2; exit 2; }
    dpkg -x "$package"_*.deb root
done
cat >look.c <<'C'
#include <ares.h>
#include <netdb.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

static int server, asked;

/* Answers each question with one A and one AAAA record of the name. */
static void *serve(void *unused)
{
    static const unsigned char records[] = {
        0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9,
        0xC0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
    for (;;) {
        unsigned char message[512];
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t length = recvfrom(server, message, sizeof message, 0, (void *)&from, &size);
        if (length < 17)
            return unused;
        size_t end = 12 + strlen((char *)message + 12) + 1;
        asked = message[end + 1];
        end += 4;
        memcpy(message + 2, (unsigned char[]){0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0}, 10);
        memcpy(message + end, records, sizeof records);
        sendto(server, message, end + sizeof records, 0, (void *)&from, size);
    }
}

static void on_answer(void *argument, int status, int timeouts, struct ares_addrinfo *result)
{
    (void)timeouts;
    int v4 = 0, v6 = 0;
    for (struct ares_addrinfo_node *node = result ? result->nodes : NULL; node; node = node->ai_next)
        node->ai_family == AF_INET ? v4++ : v6++;
    printf("%s: %s, asked for type %d, AF_INET nodes %d, AF_INET6 nodes %d\n", (const char *)argument, ares_strerror(status), asked, v4, v6);
    if (result)
        ares_freeaddrinfo(result);
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    server = socket(AF_INET, SOCK_DGRAM, 0);
    bind(server, (void *)&at, sizeof at);
    getsockname(server, (void *)&at, &size);
    pthread_t thread;
    pthread_create(&thread, NULL, serve, NULL);
    printf("c-ares %s\n", ares_version(NULL));
    ares_library_init(ARES_LIB_INIT_ALL);
    for (int v6 = 0; v6 < 2; v6++) {
        ares_channel channel;
        ares_init(&channel);
        char servers[32];
        snprintf(servers, sizeof servers, "127.0.0.1:%d", ntohs(at.sin_port));
        ares_set_servers_ports_csv(channel, servers);
        struct ares_addrinfo_hints hints = {.ai_family = v6 ? AF_INET6 : AF_INET, .ai_socktype = SOCK_STREAM};
        ares_getaddrinfo(channel, "host.example.", NULL, &hints, on_answer, v6 ? "AF_INET6" : "AF_INET");
        for (;;) {
            fd_set in, out;
            FD_ZERO(&in);
            FD_ZERO(&out);
            int count = ares_fds(channel, &in, &out);
            if (count == 0)
                break;
            struct timeval most = {1, 0}, *wait = ares_timeout(channel, &most, &most);
            select(count, &in, &out, NULL, wait);
            ares_process(channel, &in, &out);
        }
        ares_destroy(channel);
    }
}
C
lib=$(dirname "$(find root -name 'libcares.so.2' | head -1)")
gcc -o look look.c -Iroot/usr/include "$(find root -name 'libcares.so.2.*' | head -1)" -lpthread
output=$(LD_LIBRARY_PATH=$lib ./look)
printf '%s\n' "$output"
[ "$(printf '%s\n' "$output" | grep -c 'AF_INET nodes 1, AF_INET6 nodes 1')" = 2 ]
