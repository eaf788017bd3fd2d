/* Compiled, never linked: what the P/Invoke layer and the shims take for granted of the native headers. A version of a
   part other than the one in eng/native.lock is accepted only if this file compiles against it. */
#include <openssl/opensslv.h>
#include <openssl/crypto.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <rocksdb/c.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

_Static_assert(sizeof(void *) == 8 && sizeof(size_t) == 8, "64-bit");

/* The kernel: Validator.Net/Native/Kernel.cs and Validator.Crypto.Simd/NativeBlock.cs. */
_Static_assert(PR_SET_DUMPABLE == 4 && PR_SET_NAME == 15, "prctl");
_Static_assert(MADV_DONTDUMP == 16 && MADV_DODUMP == 17, "madvise");

/* OpenSSL: ML-DSA, ML-KEM and the QUIC TLS callbacks came with 3.5; 4.0 may drop what we use. */
_Static_assert(OPENSSL_VERSION_NUMBER >= 0x30500000L && OPENSSL_VERSION_MAJOR == 3, "OpenSSL 3.5 or a later 3.x");
_Static_assert(OPENSSL_INIT_LOAD_CONFIG == 0x00000040L, "OPENSSL_INIT_LOAD_CONFIG");
_Static_assert(OPENSSL_INIT_NO_LOAD_CONFIG == 0x00000080L, "OPENSSL_INIT_NO_LOAD_CONFIG");
_Static_assert(OPENSSL_INIT_NO_ATEXIT == 0x00080000L, "OPENSSL_INIT_NO_ATEXIT");

/* ngtcp2: versioned structures, so a newer library still serves the versions we name. */
_Static_assert(NGTCP2_VERSION_NUM >= 0x011800, "ngtcp2 1.24 or later");
_Static_assert(NGTCP2_CALLBACKS_VERSION >= 4, "callbacks version 4");
_Static_assert(NGTCP2_SETTINGS_VERSION >= 4, "settings version 4");
_Static_assert(NGTCP2_TRANSPORT_PARAMS_VERSION >= 1, "transport parameters version 1");
_Static_assert(NGTCP2_PKT_INFO_VERSION >= 1, "packet info version 1");

/* RocksDB: opaque pointers and C scalars only. */
_Static_assert(sizeof(unsigned char) == 1 && sizeof(int) == 4, "C scalars");
_Static_assert(rocksdb_no_compression == 0 && rocksdb_lz4_compression == 4 && rocksdb_zstd_compression == 7, "compression codes");

/* The QUIC shim: the layouts that Validator.Net/Quic/QuicNative.cs mirrors. */
#include "quic_shim.h"
_Static_assert(sizeof(vq_address) == 24 && offsetof(vq_address, port) == 20, "vq_address");
_Static_assert(sizeof(vq_config) == 120 && offsetof(vq_config, window) == 56 && offsetof(vq_config, listen) == 96, "vq_config");
_Static_assert(sizeof(vq_event) == 56 && offsetof(vq_event, detail) == 24 && offsetof(vq_event, remote) == 32, "vq_event");
_Static_assert(sizeof(vq_rx) == 32 && sizeof(vq_tx) == 16, "vq_rx, vq_tx");
_Static_assert(sizeof(vq_view) == 144 && offsetof(vq_view, tx) == 96, "vq_view");
_Static_assert(sizeof(vq_counters) == 208 && offsetof(vq_counters, unsent) == 112 && sizeof(vq_conn_stats) == 64, "vq_counters, vq_conn_stats");
_Static_assert(sizeof(((ngtcp2_stateless_reset_token *)0)->data) == 16, "reset token");

/* c-ares: names.c, and the layout that Validator.Net/Discovery/NameResolver.cs mirrors. */
#include <ares.h>
#include "names.h"
_Static_assert(ARES_VERSION >= 0x012200 && ARES_VERSION < 0x020000, "c-ares 1.34 or a later 1.x");
_Static_assert(sizeof(validator_name_address) == 24 && offsetof(validator_name_address, scope) == 16, "validator_name_address");
