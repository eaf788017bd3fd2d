/* Names to addresses: /etc/hosts and DNS by c-ares, which is linked whole. glibc's own resolver would load the host's NSS modules into a
   static binary, and end it where they are another glibc's. */
#include <ares.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include "names.h"

typedef struct answer {
    validator_name_address *addresses;
    int32_t capacity, count;
    int family, status, done;
} answer;

static void add(answer *to, const struct ares_addrinfo_node *node)
{
    validator_name_address address = {0};
    /* c-ares takes every address of an answer, whatever was asked. */
    if (to->family != AF_UNSPEC && node->ai_family != to->family)
        return;
    if (node->ai_family == AF_INET) {
        memcpy(address.ip, &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr, 4);
    } else if (node->ai_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)node->ai_addr;
        memcpy(address.ip, &v6->sin6_addr, 16);
        address.scope = v6->sin6_scope_id;
        address.is_v6 = 1;
    } else {
        return;
    }
    for (int32_t i = 0; i < to->count; i++)
        if (memcmp(&to->addresses[i], &address, sizeof address) == 0)
            return;
    if (to->count < to->capacity)
        to->addresses[to->count++] = address;
}

static void on_answer(void *argument, int status, int timeouts, struct ares_addrinfo *result)
{
    (void)timeouts;
    answer *to = argument;
    if (result != NULL) {
        for (const struct ares_addrinfo_node *node = result->nodes; node != NULL; node = node->ai_next)
            add(to, node);
        ares_freeaddrinfo(result);
    }
    /* What is under way at the end of the caller's patience was not answered. */
    to->status = status == ARES_EDESTRUCTION || status == ARES_ECANCELLED ? ARES_ETIMEOUT : status;
    to->done = 1;
}

static int library_status;

static void start_library(void)
{
    library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

int32_t validator_resolve(const char *name, int32_t family, const char *resolv_conf, const char *hosts, int32_t limit_ms,
                          validator_name_address *addresses, int32_t capacity, int32_t *status)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;
    pthread_once(&started, start_library);
    if (library_status != ARES_SUCCESS) {
        *status = library_status;
        return 0;
    }
    /* A channel for each question, so that what the files say now counts. Of environment variables none redirects names (HOSTALIASES). */
    struct ares_options options = {
        .flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES,
        .lookups = "fb",
        .resolvconf_path = (char *)resolv_conf,
        .hosts_path = (char *)hosts,
        .evsys = ARES_EVSYS_DEFAULT,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_LOOKUPS | ARES_OPT_EVENT_THREAD | ARES_OPT_QUERY_CACHE;
    mask |= resolv_conf != NULL ? ARES_OPT_RESOLVCONF : 0;
    mask |= hosts != NULL ? ARES_OPT_HOSTS_FILE : 0;
    ares_channel_t *channel = NULL;
    *status = ares_init_options(&channel, &options, mask);
    if (*status != ARES_SUCCESS)
        return 0;
    answer to = {.addresses = addresses, .capacity = capacity, .family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC};
    struct ares_addrinfo_hints hints = {.ai_family = to.family, .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(channel, name, NULL, &hints, on_answer, &to);
    ares_queue_wait_empty(channel, limit_ms);
    /* Calls back what is still under way, and joins the channel's thread: to is ours alone from here on. */
    ares_destroy(channel);
    *status = to.count > 0 ? ARES_SUCCESS : to.status == ARES_SUCCESS ? ARES_ENODATA : to.status;
    return to.count;
}

const char *validator_resolve_reason(int32_t status)
{
    return ares_strerror(status);
}
