/* How many CPUs a container has (settings_cpus): affinity, and the quota of every cgroup it is in.
 */
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/settings.h"

static unsigned from_affinity(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (unsigned)count : 1;
}

static bool read_text(const char *folder, const char *name, char *out, size_t size)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool got = fgets(out, (int)size, file) != NULL;
    fclose(file);
    return got;
}

/* cpu.max: "max 100000" or "150000 100000" (cgroup v2); cpu.cfs_quota_us and _period_us (v1). */
static unsigned quota_of(const char *folder)
{
    char text[128];
    long quota = -1, period = 0;
    if (read_text(folder, "cpu.max", text, sizeof text)) {
        if (sscanf(text, "%ld %ld", &quota, &period) != 2)
            return 0;
    } else if (read_text(folder, "cpu.cfs_quota_us", text, sizeof text)) {
        quota = atol(text);
        if (read_text(folder, "cpu.cfs_period_us", text, sizeof text))
            period = atol(text);
    }
    return quota > 0 && period > 0 ? (unsigned)((quota + period - 1) / period) : 0;
}

/* The group's own folder and all above it, up to the mount. */
static unsigned least_of_levels(const char *mount, char *group, unsigned least)
{
    for (;;) {
        char folder[4096];
        snprintf(folder, sizeof folder, "%s%s", mount, group);
        unsigned quota = quota_of(folder);
        if (quota > 0 && quota < least)
            least = quota;
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

unsigned settings_cpus(void)
{
    unsigned least = from_affinity();
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[4096];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group = NULL;
        if (controllers != NULL)
            group = strchr(controllers + 1, ':');
        if (group == NULL)
            continue;
        *group++ = '\0';
        if (strcmp(controllers, ":") == 0)
            least = least_of_levels("/sys/fs/cgroup", group, least);
        else if (strstr(controllers, "cpu") != NULL && strstr(controllers, "cpuset") == NULL)
            least = least_of_levels("/sys/fs/cgroup/cpu", group, least);
    }
    if (file != NULL)
        fclose(file);
    return least;
}
