/* Names to addresses. The layout below is mirrored in Validator.Net/Discovery/NameResolver.cs. */
#ifndef NAMES_H
#define NAMES_H

#include <stdint.h>

typedef struct validator_name_address {
    uint8_t ip[16]; /* IPv4 in the first four */
    uint32_t scope;
    uint32_t is_v6;
} validator_name_address;

/* Blocks for at most limit_ms. Family: 4, 6, or 0 for both. Files: NULL for the system's. Returns how many addresses were found, best
   first; with none, status says why. Any thread. */
int32_t validator_resolve(const char *name, int32_t family, const char *resolv_conf, const char *hosts, int32_t limit_ms,
                          validator_name_address *addresses, int32_t capacity, int32_t *status);

/* A status in words. */
const char *validator_resolve_reason(int32_t status);

#endif
