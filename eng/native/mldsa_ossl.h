/* ML-DSA-87 by OpenSSL. Functions return 1 for success or a valid signature, else 0; handles are NULL on failure. */
#ifndef MLDSA_OSSL_H
#define MLDSA_OSSL_H

#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>

/* FIPS 204, table 2. */
#define VQ_MLDSA87_SEED 32
#define VQ_MLDSA87_PUBLIC 2592
#define VQ_MLDSA87_PRIVATE 4896
#define VQ_MLDSA87_SIGNATURE 4627

EVP_PKEY *vq_mldsa87_private_new(const uint8_t *seed);
EVP_PKEY *vq_mldsa87_public_new(const uint8_t *public_key);
void vq_mldsa87_free(EVP_PKEY *key);
int vq_mldsa87_get_public(const EVP_PKEY *key, uint8_t *public_key);
int vq_mldsa87_get_private(const EVP_PKEY *key, uint8_t *private_key);
int vq_mldsa87_public(const uint8_t *seed, uint8_t *public_key);

/* deterministic 0 takes fresh randomness (hedged). context: 0 to 255 bytes. */
int vq_mldsa87_sign(EVP_PKEY *key, const uint8_t *context, size_t context_length, const uint8_t *message,
                    size_t message_length, int deterministic, uint8_t *signature);
int vq_mldsa87_verify(EVP_PKEY *key, const uint8_t *context, size_t context_length, const uint8_t *message,
                      size_t message_length, const uint8_t *signature, size_t signature_length);

#endif
