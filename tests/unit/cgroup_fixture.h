// SPDX-License-Identifier: Apache-2.0
// Hosts that do not exist, and look-ups in a plan, for the cgroup tests.
#ifndef NOOK_TESTS_UNIT_CGROUP_FIXTURE_H
#define NOOK_TESTS_UNIT_CGROUP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/str.h"
#include "runtime/cgroup/cgroup.h"

#define UNUSED __attribute__((unused)) // each test takes what it needs

static struct arena arena;
static struct error err;

static struct host_hierarchy UNUSED v1_list[] = {
    { "cpu,cpuacct", "", "/sys/fs/cgroup/cpu,cpuacct", "/own", false },
    { "cpuset", "", "/sys/fs/cgroup/cpuset", "/own", false },
    { "memory", "", "/sys/fs/cgroup/memory", "/own", false },
    { "devices", "", "/sys/fs/cgroup/devices", "/own", false },
    { "pids", "", "/sys/fs/cgroup/pids", "/own", false },
    { "hugetlb", "", "/sys/fs/cgroup/hugetlb", "/own", false },
    { "name=systemd", "", "/sys/fs/cgroup/systemd", "/own", false },
};
static struct host_hierarchy UNUSED hybrid_list[] = {
    { "memory", "", "/sys/fs/cgroup/memory", "/", false },
    { "devices", "", "/sys/fs/cgroup/devices", "/", false },
    { "", "hugetlb", "/sys/fs/cgroup/unified", "/", true },
};
static struct host_hierarchy UNUSED v2_list[] = {
    { "", "cpuset cpu io memory hugetlb pids", "/sys/fs/cgroup", "/user.slice/me.scope", true },
};
static const char *UNUSED page_sizes[] = { "2MB", "1GB" };

#define HOST(kind, list)                                                                          \
    {                                                                                             \
        .layout = (kind), .hierarchies = (list), .n_hierarchies = sizeof(list) / sizeof(*(list)), \
        .hugepage_sizes = page_sizes, .n_hugepage_sizes = 2, .unmounted = ""                      \
    }
static struct host_cgroups UNUSED host_v1 = HOST(HOST_CGROUP_V1, v1_list);
static struct host_cgroups UNUSED host_hybrid = HOST(HOST_CGROUP_HYBRID, hybrid_list);
static struct host_cgroups UNUSED host_v2 = HOST(HOST_CGROUP_V2, v2_list);
static struct host_cgroups UNUSED host_none = { .layout = HOST_CGROUP_NONE, .unmounted = "" };

static inline struct cgroup_plan translate(const struct spec *spec, const struct host_cgroups *host) {
    struct cgroup_plan plan;
    int rc = cgroup_translate(spec, "c1", host, &arena, &plan, &err);
    if (rc < 0)
        print_error("%s\n", err.msg);
    assert_int_equal(rc, 0);
    return plan;
}

static inline void refuse(const struct spec *spec, const struct host_cgroups *host, const char *code,
                          const char *origin, const char *text) {
    struct cgroup_plan plan;
    assert_int_equal(cgroup_translate(spec, "c1", host, &arena, &plan, &err), -1);
    assert_string_equal(err.code, code);
    assert_string_equal(err.origin, origin);
    if (!strstr(err.msg, text))
        fail_msg("\"%s\" is not in \"%s\"", text, err.msg);
}

static inline const struct cgroup_write *find_write(const struct cgroup_plan *plan, const char *file) {
    for (size_t i = 0; i < plan->n_writes; i++)
        if (str_eq(plan->writes[i].file, file))
            return &plan->writes[i];
    return NULL;
}

// What the plan writes to the file, "(none)" when nothing.
static inline const char *value_of(const struct cgroup_plan *plan, const char *file) {
    const struct cgroup_write *w = find_write(plan, file);
    return w ? w->value : "(none)";
}

static inline int fixture_teardown(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

#endif
