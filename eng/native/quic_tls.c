/* TLS 1.3 for committee members: one group, one signature algorithm, identity is the raw key in the certificate. */
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include "quic_internal.h"

#define MAX_CERTIFICATE_BYTES 16384

/* SHA-256(label, seed): secrets that survive a restart, so that resets and retries of the process before still count. */
HIDDEN int derive_secret(const uint8_t *seed, const char *label, uint8_t *secret)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int ok = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
             EVP_DigestUpdate(hash, label, strlen(label) + 1) == 1 &&
             EVP_DigestUpdate(hash, seed, VQ_MLDSA87_SEED) == 1 && EVP_DigestFinal_ex(hash, secret, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return ok;
}

/* TLS wants a certificate; only its key counts. Dates span all time (RFC 5280, 4.1.2.5) and nobody checks them. */
static X509 *self_signed(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    if (certificate == NULL)
        return NULL;
    X509_NAME *name = X509_get_subject_name(certificate);
    int ok = X509_set_version(certificate, X509_VERSION_3) == 1 &&
             ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
             ASN1_TIME_set_string(X509_getm_notBefore(certificate), "19700101000000Z") == 1 &&
             ASN1_TIME_set_string(X509_getm_notAfter(certificate), "99991231235959Z") == 1 &&
             X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"validator", -1, -1, 0) == 1 &&
             X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
             X509_sign(certificate, key, NULL) > 0;
    if (!ok) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* Pins the leaf's raw key. The proof that the peer holds it is TLS's CertificateVerify, which OpenSSL checks. */
static int verify_peer(X509_STORE_CTX *store, void *argument)
{
    (void)argument;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    ngtcp2_crypto_conn_ref *ref = SSL_get_app_data(ssl);
    vq_conn *conn = ref->user_data;
    vq_endpoint *endpoint = conn->endpoint;
    uint8_t raw[VQ_MLDSA87_PUBLIC];
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    EVP_PKEY *key = leaf == NULL ? NULL : X509_get0_pubkey(leaf);

    if (key != NULL && EVP_PKEY_is_a(key, "ML-DSA-87") && vq_mldsa87_get_public(key, raw)) {
        for (int32_t i = 0; i < (int32_t)endpoint->config.peers; i++) {
            if (!endpoint->allowed[i] || memcmp(raw, endpoint->peer_keys + (size_t)i * VQ_MLDSA87_PUBLIC, sizeof raw) != 0)
                continue;
            if (conn->dialled && conn->peer != i) {
                conn->answered = i;
                break;
            }
            if (!conn->dialled && limit_is_shut(endpoint, i)) {
                endpoint->counters.limited++;
                forget_errors();
                X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
                return 0;
            }
            conn->peer = i;
            X509_STORE_CTX_set_error(store, X509_V_OK);
            return 1;
        }
    }
    if (conn->dialled && key != NULL && conn->answered < 0 && vq_mldsa87_get_public(key, raw) && memcmp(raw, endpoint->own_key, sizeof raw) == 0)
        conn->answered = SELF_ANSWERED;
    forget_errors();
    conn->wrong_key = 1;
    /* A hint that leads to ourselves or to another member is no stranger. */
    if (conn->answered == -1)
        endpoint->counters.wrong_keys++;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered,
                       unsigned int offered_length, void *argument)
{
    (void)ssl;
    const vq_endpoint *endpoint = argument;
    for (unsigned int i = 0; i < offered_length && i + 1u + offered[i] <= offered_length; i += 1u + offered[i]) {
        if (offered[i] == endpoint->alpn[0] && memcmp(offered + i + 1, endpoint->alpn + 1, endpoint->alpn[0]) == 0) {
            *out = offered + i + 1;
            *out_length = offered[i];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *context(vq_endpoint *endpoint, const SSL_METHOD *method, X509 *certificate)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL)
        return NULL;
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    /* One certificate with an ML-DSA-87 key and signature has 7.3 KB. */
    SSL_CTX_set_max_cert_list(context, MAX_CERTIFICATE_BYTES);
    /* Clients are asked for no certificate; who dials pins the key of whom it dials in any case. */
    if (endpoint->config.clients != 0 && method == TLS_server_method())
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    else
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify_peer, NULL);
    int ok = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
             SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
             SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
             SSL_CTX_set1_groups_list(context, "X25519MLKEM768") == 1 &&
             SSL_CTX_set1_sigalgs_list(context, "mldsa87") == 1 &&
             SSL_CTX_set1_client_sigalgs_list(context, "mldsa87") == 1 &&
             SSL_CTX_set_num_tickets(context, 0) == 1 && SSL_CTX_use_certificate(context, certificate) == 1 &&
             SSL_CTX_use_PrivateKey(context, endpoint->key) == 1;
    if (!ok) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

HIDDEN int tls_contexts(vq_endpoint *endpoint)
{
    X509 *certificate = self_signed(endpoint->key);
    if (certificate == NULL)
        return 0;
    endpoint->server = context(endpoint, TLS_server_method(), certificate);
    endpoint->client = context(endpoint, TLS_client_method(), certificate);
    X509_free(certificate);
    if (endpoint->server == NULL || endpoint->client == NULL)
        return 0;
    SSL_CTX_set_alpn_select_cb(endpoint->server, select_alpn, endpoint);
    /* The one function of OpenSSL's where 0 is success. */
    return SSL_CTX_set_alpn_protos(endpoint->client, endpoint->alpn, 1u + endpoint->alpn[0]) == 0;
}

HIDDEN SSL *tls_session(vq_conn *conn)
{
    SSL *ssl = SSL_new(conn->dialled ? conn->endpoint->client : conn->endpoint->server);
    if (ssl == NULL)
        return NULL;
    SSL_set_app_data(ssl, &conn->ref);
    int failed;
    if (conn->dialled) {
        SSL_set_connect_state(ssl);
        failed = ngtcp2_crypto_ossl_configure_client_session(ssl);
    } else {
        SSL_set_accept_state(ssl);
        failed = ngtcp2_crypto_ossl_configure_server_session(ssl);
    }
    if (failed) {
        SSL_set_app_data(ssl, NULL);
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

HIDDEN int tls_alpn_agreed(const vq_conn *conn)
{
    const unsigned char *chosen;
    unsigned int length;
    SSL_get0_alpn_selected(conn->ssl, &chosen, &length);
    return length == conn->endpoint->alpn[0] && memcmp(chosen, conn->endpoint->alpn + 1, length) == 0;
}
