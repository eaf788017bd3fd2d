/* What glibc would ask NSS modules for. They are shared libraries of the host: in a static binary they bring another glibc with them, and
   end it. Linked with --wrap, so that these take the place of glibc's and NSS is not even in the binary. Users and groups are those of the
   files; names of hosts have names.c, and whatever asks past it gets a failure. */
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    (void)node, (void)service, (void)hints;
    *result = NULL;
    return EAI_FAIL;
}

/* It stands in one object with getaddrinfo, and would bring that along; nothing is ever allocated. */
void __wrap_freeaddrinfo(struct addrinfo *result);
void __wrap_freeaddrinfo(struct addrinfo *result)
{
    (void)result;
}

int __wrap_getnameinfo(const struct sockaddr *address, socklen_t length, char *host, socklen_t host_size, char *service, socklen_t service_size, int flags);
int __wrap_getnameinfo(const struct sockaddr *address, socklen_t length, char *host, socklen_t host_size, char *service, socklen_t service_size, int flags)
{
    (void)address, (void)length, (void)host, (void)host_size, (void)service, (void)service_size, (void)flags;
    return EAI_FAIL;
}

struct hostent *__wrap_gethostbyname(const char *name);
struct hostent *__wrap_gethostbyname(const char *name)
{
    (void)name;
    h_errno = NO_RECOVERY;
    return NULL;
}

struct servent *__wrap_getservbyname(const char *name, const char *protocol);
struct servent *__wrap_getservbyname(const char *name, const char *protocol)
{
    (void)name, (void)protocol;
    return NULL;
}

int __wrap_getservbyname_r(const char *name, const char *protocol, struct servent *entry, char *buffer, size_t size, struct servent **result);
int __wrap_getservbyname_r(const char *name, const char *protocol, struct servent *entry, char *buffer, size_t size, struct servent **result)
{
    (void)name, (void)protocol, (void)entry, (void)buffer, (void)size;
    *result = NULL;
    return 0;
}

int __wrap_getservbyport_r(int port, const char *protocol, struct servent *entry, char *buffer, size_t size, struct servent **result);
int __wrap_getservbyport_r(int port, const char *protocol, struct servent *entry, char *buffer, size_t size, struct servent **result)
{
    (void)port, (void)protocol, (void)entry, (void)buffer, (void)size;
    *result = NULL;
    return 0;
}

/* By name, or by id where there is none. 0 with an empty result: no such user. */
static int find_user(const char *name, uid_t id, struct passwd *entry, char *buffer, size_t size, struct passwd **result)
{
    *result = NULL;
    FILE *file = fopen("/etc/passwd", "re");
    if (file == NULL)
        return 0;
    int error;
    while ((error = fgetpwent_r(file, entry, buffer, size, result)) == 0)
        if (name != NULL ? strcmp(entry->pw_name, name) == 0 : entry->pw_uid == id)
            break;
    fclose(file);
    if (error != 0)
        *result = NULL;
    return error == ERANGE ? ERANGE : 0;
}

int __wrap_getpwuid_r(uid_t id, struct passwd *entry, char *buffer, size_t size, struct passwd **result);
int __wrap_getpwuid_r(uid_t id, struct passwd *entry, char *buffer, size_t size, struct passwd **result)
{
    return find_user(NULL, id, entry, buffer, size, result);
}

int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result);
int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result)
{
    return find_user(name, 0, entry, buffer, size, result);
}

int __wrap_getgrgid_r(gid_t id, struct group *entry, char *buffer, size_t size, struct group **result);
int __wrap_getgrgid_r(gid_t id, struct group *entry, char *buffer, size_t size, struct group **result)
{
    *result = NULL;
    FILE *file = fopen("/etc/group", "re");
    if (file == NULL)
        return 0;
    int error;
    while ((error = fgetgrent_r(file, entry, buffer, size, result)) == 0 && entry->gr_gid != id)
        continue;
    fclose(file);
    if (error != 0)
        *result = NULL;
    return error == ERANGE ? ERANGE : 0;
}

int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *count);
int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *count)
{
    (void)user;
    int room = *count;
    *count = 1;
    if (room < 1)
        return -1;
    groups[0] = group;
    return 1;
}
