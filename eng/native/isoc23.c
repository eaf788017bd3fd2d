/* Names of newer C libraries, for archives that were built on them. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Archives built on glibc 2.38 or later name the C23 forms of strtol and scanf; an older glibc has the C17 ones, which
   differ in the 0b prefix only. From 2.38 on the headers themselves send strtol to these names: a shim would call itself. */
#if !__GLIBC_PREREQ(2, 38)
#define WEAK __attribute__((weak))
long __isoc23_strtol(const char *text, char **end, int base);
unsigned long __isoc23_strtoul(const char *text, char **end, int base);
long long __isoc23_strtoll(const char *text, char **end, int base);
unsigned long long __isoc23_strtoull(const char *text, char **end, int base);
intmax_t __isoc23_strtoimax(const char *text, char **end, int base);
uintmax_t __isoc23_strtoumax(const char *text, char **end, int base);
int __isoc23_sscanf(const char *text, const char *format, ...);

WEAK long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
WEAK unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
WEAK long long __isoc23_strtoll(const char *text, char **end, int base) { return strtoll(text, end, base); }
WEAK unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }
WEAK intmax_t __isoc23_strtoimax(const char *text, char **end, int base) { return strtoimax(text, end, base); }
WEAK uintmax_t __isoc23_strtoumax(const char *text, char **end, int base) { return strtoumax(text, end, base); }

WEAK int __isoc23_sscanf(const char *text, const char *format, ...)
{
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    int count = vsscanf(text, format, arguments);
    __builtin_va_end(arguments);
    return count;
}
#endif
