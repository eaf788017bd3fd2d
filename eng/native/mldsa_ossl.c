/* ML-DSA-87 (FIPS 204) by OpenSSL's EVP: raw keys and seeds in, raw signatures out. Handles may be shared by threads. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include "mldsa_ossl.h"

static EVP_SIGNATURE *algorithm;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch_algorithm(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
    algorithm = EVP_SIGNATURE_fetch(NULL, "ML-DSA-87", NULL);
}

static EVP_PKEY *import(const char *parameter, const uint8_t *bytes, size_t length, int selection)
{
    pthread_once(&once, fetch_algorithm);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(parameter, (void *)bytes, length),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "ML-DSA-87", NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, selection, parameters) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return key;
}

EVP_PKEY *vq_mldsa87_private_new(const uint8_t *seed)
{
    return import(OSSL_PKEY_PARAM_ML_DSA_SEED, seed, VQ_MLDSA87_SEED, EVP_PKEY_KEYPAIR);
}

EVP_PKEY *vq_mldsa87_public_new(const uint8_t *public_key)
{
    return import(OSSL_PKEY_PARAM_PUB_KEY, public_key, VQ_MLDSA87_PUBLIC, EVP_PKEY_PUBLIC_KEY);
}

void vq_mldsa87_free(EVP_PKEY *key)
{
    EVP_PKEY_free(key);
}

int vq_mldsa87_get_public(const EVP_PKEY *key, uint8_t *public_key)
{
    size_t length = VQ_MLDSA87_PUBLIC;
    int ok = EVP_PKEY_get_raw_public_key(key, public_key, &length) == 1 && length == VQ_MLDSA87_PUBLIC;
    ERR_clear_error();
    return ok;
}

int vq_mldsa87_get_private(const EVP_PKEY *key, uint8_t *private_key)
{
    size_t length = VQ_MLDSA87_PRIVATE;
    int ok = EVP_PKEY_get_raw_private_key(key, private_key, &length) == 1 && length == VQ_MLDSA87_PRIVATE;
    ERR_clear_error();
    return ok;
}

int vq_mldsa87_public(const uint8_t *seed, uint8_t *public_key)
{
    EVP_PKEY *key = vq_mldsa87_private_new(seed);
    if (key == NULL)
        return 0;
    int ok = vq_mldsa87_get_public(key, public_key);
    EVP_PKEY_free(key);
    return ok;
}

int vq_mldsa87_sign(EVP_PKEY *key, const uint8_t *context, size_t context_length, const uint8_t *message,
                    size_t message_length, int deterministic, uint8_t *signature)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, (void *)context, context_length),
        OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, &deterministic),
        OSSL_PARAM_construct_end(),
    };
    size_t length = VQ_MLDSA87_SIGNATURE;
    EVP_PKEY_CTX *state = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    int ok = state != NULL && EVP_PKEY_sign_message_init(state, algorithm, parameters) == 1 &&
             EVP_PKEY_sign(state, signature, &length, message, message_length) == 1 && length == VQ_MLDSA87_SIGNATURE;
    EVP_PKEY_CTX_free(state);
    ERR_clear_error();
    return ok;
}

int vq_mldsa87_verify(EVP_PKEY *key, const uint8_t *context, size_t context_length, const uint8_t *message,
                      size_t message_length, const uint8_t *signature, size_t signature_length)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, (void *)context, context_length),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *state = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    int ok = state != NULL && EVP_PKEY_verify_message_init(state, algorithm, parameters) == 1 &&
             EVP_PKEY_verify(state, signature, signature_length, message, message_length) == 1;
    EVP_PKEY_CTX_free(state);
    ERR_clear_error();
    return ok;
}
