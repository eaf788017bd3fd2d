/* What the self-test's ahead-of-time compiled code needs of a runtime, and no more: one thread, no collector (memory is taken and
   never given back), no exceptions (a throw ends the program), class constructors run when first met. The real runtime for AArch64
   is in no package registry we reach. Layouts are those of .NET 9's Native AOT (MethodTable, ReadyToRunHeader). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct { uint16_t component_size, flags; uint32_t base_size; void *related; } method_table;
typedef struct { int32_t id, flags; char *start, *end; } section;
typedef struct { uint32_t signature; uint16_t major, minor; uint32_t flags; uint16_t count; uint8_t entry_size, entry_type; section sections[]; } header;

extern header *__start___modules[];
extern int selftest(int part, int path);

extern char S_P_CoreLib_System_Runtime_CompilerServices_ClassConstructorRunner__EnsureClassConstructorRun[];

int RhpTrapThreads = 0;
uintptr_t __security_cookie = 0x5bd1e995a5a5a5a5;

_Noreturn void missing(const char *name)
{
    fprintf(stderr, "arm64-selftest: the runtime's %s was called, and is not here\n", name);
    exit(3);
}

/* ---- objects: a header word, the type, the fields; for arrays and strings a length first ---- */

static void *take(size_t bytes)
{
    static char *at, *end;
    bytes = (bytes + 15) & ~(size_t)15;
    if ((size_t)(end - at) < bytes) {
        size_t block = bytes > (64 << 20) ? bytes : 64 << 20;
        at = calloc(1, block);
        end = at + block;
        if (!at) missing("memory");
    }
    at += bytes;
    return at - bytes;
}

void *RhpNewFast(method_table *type)
{
    void **object = (void **)((char *)take(type->base_size + 8) + 8);
    *object = type;
    return object;
}

void *RhpNewArray(method_table *type, int64_t length)
{
    if (length < 0 || length > 1 << 28) missing("overflow of an array's length");
    void **object = (void **)((char *)take(type->base_size + (size_t)length * type->component_size + 8) + 8);
    *object = type;
    *(int32_t *)(object + 1) = (int32_t)length;
    return object;
}

void *RhpNewFinalizable(method_table *type) { return RhpNewFast(type); }
void *RhNewObject(method_table *type) { return RhpNewFast(type); }
void *RhNewArray(method_table *type, int length) { return RhpNewArray(type, length); }
void *RhNewString(method_table *type, int64_t length) { return RhpNewArray(type, length); }
void RhAllocateNewArray(method_table *type, uint32_t length, uint32_t flags, void **result) { (void)flags; *result = RhpNewArray(type, length); }
void RhSuppressFinalize(void *object) { (void)object; }

/* ---- references: no collector, so plain stores; the compiler passes target and value in x14 and x15, a source in x13 ---- */

__asm__(".text\n"
        ".global RhpAssignRefArm64, RhpCheckedAssignRefArm64, RhpByRefAssignRefArm64\n"
        "RhpByRefAssignRefArm64: ldr x15, [x13], #8\n"
        "RhpAssignRefArm64:\n"
        "RhpCheckedAssignRefArm64: str x15, [x14], #8\n"
        "ret\n");

void RhpStelemRef(char *array, int64_t index, void *object)
{
    if ((uint64_t)index >= *(uint32_t *)(array + 8)) missing("array bounds");
    ((void **)(array + 16))[index] = object;
}

void *RhpCheckedLockCmpXchg(void **at, void *value, void *expected)
{
    void *found = *at;
    if (found == expected) *at = value;
    return found;
}

void *RhpCheckedXchg(void **at, void *value)
{
    void *found = *at;
    *at = value;
    return found;
}

void RhBulkMoveWithWriteBarrier(void *to, void *from, size_t bytes) { memmove(to, from, bytes); }
void RhBuffer_BulkMoveWithWriteBarrier(void *to, void *from, size_t bytes) { memmove(to, from, bytes); }
void RhSpanHelpers_MemCopy(void *to, void *from, size_t bytes) { memmove(to, from, bytes); }
void RhSpanHelpers_MemZero(void *at, size_t bytes) { memset(at, 0, bytes); }

/* Casts that must succeed do, or the program were wrong on every machine. */
void *RhTypeCast_CheckCastAny(method_table *type, void *object) { (void)type; return object; }
void *RhTypeCast_CheckCastClass(method_table *type, void *object) { (void)type; return object; }
void *RhTypeCast_CheckCastClassSpecial(method_table *type, void *object) { (void)type; return object; }
void *RhTypeCast_CheckCastInterface(method_table *type, void *object) { (void)type; return object; }

void *RhTypeCast_IsInstanceOfClass(method_table *type, void *object)
{
    method_table *at = object ? *(method_table **)object : NULL;
    while (at && at != type) at = at->related;
    return at ? object : NULL;
}

/* For arrays; the same type, which is all that is asked for here. */
void *RhTypeCast_IsInstanceOfAny(method_table *type, void *object)
{
    return object && *(method_table **)object == type ? object : NULL;
}

/* ---- calls in and out ---- */

void RhpReversePInvoke(void *frame) { (void)frame; }
void RhpReversePInvokeReturn(void *frame) { (void)frame; }
void RhpPInvoke(void *frame) { (void)frame; }
void RhpPInvokeReturn(void *frame) { (void)frame; }
void RhpGcPoll(void) { }

void *SystemNative_AlignedAlloc(size_t alignment, size_t bytes)
{
    void *memory = NULL;
    return posix_memalign(&memory, alignment < 8 ? 8 : alignment, bytes) ? NULL : memory;
}

void SystemNative_AlignedFree(void *memory) { free(memory); }
void *SystemNative_Malloc(size_t bytes) { return malloc(bytes); }
void SystemNative_Free(void *memory) { free(memory); }
int64_t SystemNative_SysConf(int name) { (void)name; return 4096; }
int SystemNative_SchedGetCpu(void) { return 0; }
int RhGetProcessCpuCount(void) { return 1; }
void SystemNative_SetErrNo(int value) { errno = value; }
int SystemNative_GetErrNo(void) { return errno; }
int RhGetKnobValues(char ***names, char ***values) { *names = *values = NULL; return 0; }
char *SystemNative_GetEnv(const char *name) { (void)name; return NULL; }

/* ---- statics ---- */

/* Instead of the core library's own, which wants locks and threads. */
static void run_constructor(void (**constructor)(void))
{
    void (*run)(void) = *constructor;
    if (run) {
        *constructor = NULL;
        run();
    }
}

static char *find(int id, int *bytes)
{
    header *h = __start___modules[0];
    for (int i = 0; i < h->count; i++) {
        if (h->sections[i].id == id) {
            *bytes = (int)(h->sections[i].end - h->sections[i].start);
            return h->sections[i].start;
        }
    }
    *bytes = 0;
    return NULL;
}

void *RhpGetModuleSection(void *module, int id, int *bytes) { (void)module; return find(id, bytes); }
void RhRegisterInlinedThreadStaticRoot(void *root, void *module) { (void)root; (void)module; }

/* As StartupCodeHelpers.InitializeStatics: objects that hold the static references of one class each, some filled beforehand. */
static void make_statics(void)
{
    enum { gc_static_region = 201, uninitialized = 1, filled = 2 };
    int bytes;
    char *at = find(gc_static_region, &bytes), *end = at + bytes;
    for (; at < end; at += sizeof(int32_t)) {
        intptr_t *block = (intptr_t *)(at + *(int32_t *)at);
        int32_t *relative = (int32_t *)block;
        intptr_t address = (intptr_t)relative + *relative;
        if (!(address & uninitialized)) continue;
        method_table *type = (method_table *)(address & ~(intptr_t)3);
        char *object = RhpNewFast(type);
        if (address & filled) memcpy(object + 8, (char *)(relative + 1) + relative[1], type->base_size - 16);
        *block = (intptr_t)object;
    }
}

/* Calls inside the compiled code are bound already, so the one function that must be another is overwritten. */
static void replace_constructor_runner(void)
{
    static const uint32_t jump[] = { 0x58000050, 0xd61f0200 }; /* ldr x16, .+8; br x16 */
    void (*target)(void (**)(void)) = run_constructor;
    char *code = S_P_CoreLib_System_Runtime_CompilerServices_ClassConstructorRunner__EnsureClassConstructorRun;
    char *page = (char *)((uintptr_t)code & ~(uintptr_t)4095);
    if (mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC)) missing("right to write to its code");
    memcpy(code, jump, sizeof jump);
    memcpy(code + sizeof jump, &target, sizeof target);
    __builtin___clear_cache(code, code + 16);
}

int main(void)
{
    static const char *parts[] = { "BLAKE3", "ML-DSA-87", "ML-KEM-768 and X25519" }, *paths[] = { "Scalar", "AdvSimd" };
    int good = 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    replace_constructor_runner();
    make_statics();
    for (int path = 0; path < 2; path++) {
        for (int part = 0; part < 3; part++) {
            int result = selftest(part, path);
            printf("%s on %s: %s\n", parts[part], paths[path],
                   result == 1 ? "ok" : result == 0 ? "FAILED" : "FAILED: the path is not to be had");
            good &= result == 1;
        }
    }
    return !good;
}
