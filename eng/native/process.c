/* What the process has of its system before anything else runs: standard descriptors, how many files it may open, and what .NET does
   not ask of files and file systems. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A descriptor of 0 to 2 that is closed would be given to the next file that is opened: log lines would go into a database. Where there is
   no /dev/null, a pipe of which the other end is closed: reading it ends at once, writing to it fails as where a reader has gone. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        /* The lowest that is free, so fd itself. */
        if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) >= 0)
            continue;
        int ends[2];
        if (pipe(ends) != 0)
            continue;
        if (fd != 0)
            dup2(ends[1], ends[0]);
        close(ends[1]);
    }
}

/* The usual soft limit, 1,024, is for programs that call select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Where /proc/meminfo cannot be read (an empty root, a unit with ProcSubset=pid), .NET's collector takes the page cache for memory in use, and
   collects all the time once the databases have filled it. Told how much memory there is, it looks at the process's own part of it. */
#ifndef VALIDATOR_SHARED
static void tell_collector_of_memory(void)
{
    struct sysinfo system;
    char total[24];
    if (access("/proc/meminfo", R_OK) == 0 || sysinfo(&system) != 0)
        return;
    snprintf(total, sizeof total, "%llx", (unsigned long long)system.totalram * system.mem_unit);
    setenv("DOTNET_GCTotalPhysicalMemory", total, 0);
}
#endif

/* Before the constructors of C++ and the runtime. */
__attribute__((constructor(101))) static void prepare_process(void)
{
    open_standard_descriptors();
    raise_descriptor_limit();
#ifndef VALIDATOR_SHARED
    tell_collector_of_memory();
#endif
}

/* How many descriptors this process may have. */
int64_t validator_descriptor_limit(void);
int64_t validator_descriptor_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= INT64_MAX ? (int64_t)limit.rlim_cur : INT64_MAX;
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_at_gate(void *unused)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return unused;
}

/* How many of so many threads, 256 at most, this process can have at the same time beside those that it has. */
int32_t validator_spare_threads(int32_t wanted);
int32_t validator_spare_threads(int32_t wanted)
{
    pthread_t threads[256];
    pthread_attr_t attributes;
    int32_t made = 0;
    if (wanted > 256)
        wanted = 256;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    pthread_mutex_lock(&gate);
    while (made < wanted && pthread_create(&threads[made], &attributes, wait_at_gate, NULL) == 0)
        made++;
    pthread_mutex_unlock(&gate);
    for (int32_t i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    return made;
}

/* Who may get at an open file: its mode (with the type), owner, group; this process's user; whether the group is one of the process's;
   whether it has an access list beyond the mode. 0, or errno. */
struct file_access {
    uint32_t mode, owner, group, user, own_group, access_list;
};

_Static_assert(sizeof(struct file_access) == 24, "FileAccess in SecretFile.cs");

int32_t validator_file_access(int32_t fd, struct file_access *facts);
int32_t validator_file_access(int32_t fd, struct file_access *facts)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return errno;
    *facts = (struct file_access){.mode = file.st_mode, .owner = file.st_uid, .group = file.st_gid, .user = geteuid()};
    facts->own_group = file.st_gid == getegid();
    int count = getgroups(0, NULL);
    gid_t *groups = count > 0 ? malloc((size_t)count * sizeof *groups) : NULL;
    count = groups == NULL ? 0 : getgroups(count, groups);
    for (int i = 0; i < count; i++)
        facts->own_group |= groups[i] == file.st_gid;
    free(groups);
    facts->access_list = fgetxattr(fd, "system.posix_acl_access", NULL, 0) > 0;
    return 0;
}

/* The file system under a path, as it counts: bytes of a block, blocks that this process may still write, blocks in all, files it may still
   make, files in all. 0, or errno. */
struct disk_counts {
    uint64_t block_bytes, free_blocks, blocks, free_files, files;
};

_Static_assert(sizeof(struct disk_counts) == 40, "DiskCounts in Kernel.cs");

int32_t validator_disk_counts(const char *path, struct disk_counts *counts);
int32_t validator_disk_counts(const char *path, struct disk_counts *counts)
{
    struct statvfs system;
    int result;
    do
        result = statvfs(path, &system);
    while (result != 0 && errno == EINTR);
    if (result != 0)
        return errno;
    *counts = (struct disk_counts){system.f_frsize, system.f_bavail, system.f_blocks, system.f_favail, system.f_files};
    return 0;
}
