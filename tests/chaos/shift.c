/* The wall clock of one process, moved by as many nanoseconds as a file says.

   Preloaded into a store server or an exchange by tests/chaos/clocks.py; workers are forked, too
   late for that, and patched instead. The file ($CHAOS_CLOCK) holds one
   64-bit number and is mapped, so that a test moves the clock while the process runs. Only the wall
   clock moves: monotonic time is what leases and time-outs are measured in. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t nothing, *moved = &nothing;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CHAOS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED)
        moved = map;
    if (file >= 0)
        close(file);
}

static int64_t now(void)
{
    struct timespec t;
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    real(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec + *moved;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
        return real(id, t);
    int64_t at = now();
    t->tv_sec = at / 1000000000LL;
    t->tv_nsec = at % 1000000000LL;
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    int64_t at = now();
    (void)zone;
    t->tv_sec = at / 1000000000LL;
    t->tv_usec = at % 1000000000LL / 1000;
    return 0;
}

time_t time(time_t *t)
{
    time_t at = now() / 1000000000LL;
    if (t)
        *t = at;
    return at;
}
