/* What a static binary alone in an empty root directory needs of its platform. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>

/* The .NET runtime reads /dev/urandom, which an empty root has not; the kernel's call needs no file.
   Linked with --wrap, so this takes the place of System.Native's function. 0 is success. */
int32_t __wrap_SystemNative_GetCryptographicallySecureRandomBytes(uint8_t *buffer, int32_t length);
int32_t __wrap_SystemNative_GetCryptographicallySecureRandomBytes(uint8_t *buffer, int32_t length)
{
    while (length > 0) {
        ssize_t got = getrandom(buffer, (size_t)length, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        buffer += got;
        length -= (int32_t)got;
    }
    return 0;
}

/* RocksDB fills and frees write buffers by the megabyte. Given back to the kernel each time, their pages are cleared anew:
   a tenth of the processor under load. Blocks up to glibc's most come from the heap, and the heap keeps what is free. */
__attribute__((constructor)) static void keep_freed_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
}

/* Makes the names in a folder durable, which .NET cannot: it opens no folders. 0, or errno. */
int32_t validator_sync_folder(const char *path);
int32_t validator_sync_folder(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno;
    int32_t error = fsync(folder) == 0 ? 0 : errno;
    close(folder);
    return error;
}

/* Whether files in this folder can be written past the page cache, 4 KiB at a time as RocksDB does; not every file system lets one. */
int32_t validator_writes_direct(const char *folder);
int32_t validator_writes_direct(const char *folder)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/direct-XXXXXX", folder) >= sizeof path)
        return 0;
    int file = mkostemp(path, O_DIRECT | O_CLOEXEC);
    if (file < 0)
        return 0;
    unlink(path);
    _Alignas(4096) char page[4096] = {0};
    int32_t written = pwrite(file, page, sizeof page, 0) == (ssize_t)sizeof page;
    close(file);
    return written;
}

/* Sleeps while *word is expected, at most so many milliseconds (below 0: without limit). 0: woken, or no need to sleep, or a
   signal came; ETIMEDOUT: the time was up. */
int32_t validator_futex_wait(const uint32_t *word, uint32_t expected, int32_t timeout_ms);
int32_t validator_futex_wait(const uint32_t *word, uint32_t expected, int32_t timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    long slept = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ms < 0 ? NULL : &timeout, NULL, 0);
    return slept < 0 && errno == ETIMEDOUT ? ETIMEDOUT : 0;
}

/* Wakes the one thread that sleeps on word. */
void validator_futex_wake(const uint32_t *word);
void validator_futex_wake(const uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Every initialisation of OpenSSL, the runtime's too, passes here: no openssl.cnf of the host is read, and no exit
   handler frees OpenSSL's tables under threads that still run. */
int __real_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings);
int __wrap_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings);
int __wrap_OPENSSL_init_crypto(uint64_t options, const OPENSSL_INIT_SETTINGS *settings)
{
    options &= ~(uint64_t)OPENSSL_INIT_LOAD_CONFIG;
    options |= OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT;
    return __real_OPENSSL_init_crypto(options, settings);
}

#ifdef VALIDATOR_SHARED
/* The shared library's stderr (see --defsym in eng/native.sh): a stream of our own on descriptor 2. */
extern FILE *validator_stderr;
FILE *validator_stderr;

__attribute__((constructor)) static void open_stderr(void)
{
    validator_stderr = fdopen(2, "w");
    if (validator_stderr != NULL)
        setvbuf(validator_stderr, NULL, _IONBF, 0);
}
#endif
