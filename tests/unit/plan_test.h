// SPDX-License-Identifier: Apache-2.0
// What the unit tests of plan share: configurations written with ' for ", hosts that do not exist, questions
// about the order of steps, and a checker of the origins, which must lead to something in the configuration.
#ifndef NOOK_TESTS_UNIT_PLAN_TEST_H
#define NOOK_TESTS_UNIT_PLAN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// after those
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "lib/str.h"
#include "runtime/config/parse.h"
#include "runtime/plan/plan.h"

// For the analyzer: fail_msg() does not return, which its header does not say.
void _fail(const char *const file, const int line) __attribute__((noreturn));

#define CONFIG(more)  "{'ociVersion':'1.3.0','root':{'path':'rootfs'}" more "}"
#define PROCESS(more) ",'process':{'cwd':'/','args':['sh'],'user':{'uid':0,'gid':0}" more "}"
#define NAMESPACES \
    "'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'mount'}]"
#define LINUX(members) ",'linux':{" NAMESPACES members "}"
#define USER_NAMESPACE                                                \
    "'namespaces':[{'type':'user'},{'type':'mount'},{'type':'pid'}]," \
    "'uidMappings':[{'containerID':0,'hostID':1000,'size':10}],"      \
    "'gidMappings':[{'containerID':0,'hostID':2000,'size':10}]"

static struct arena arena;
static struct error error;
static const char *config_json; // of the last plan
static struct plan_request request;
static struct host host;
// Which planner the tests are about; `fresh` makes it oci's.
static struct plan *(*planner)(const struct spec *, const struct plan_request *, const struct host *,
                               struct arena *, struct error *);

// ---------------------------------------------------------------- hosts

static struct host_hierarchy v1_hierarchies[] = {
    { .controllers = "name=systemd",
      .available = "",
      .mount_point = "/sys/fs/cgroup/systemd",
      .own_path = "/" },
    { .controllers = "memory", .available = "", .mount_point = "/sys/fs/cgroup/memory", .own_path = "/" },
    { .controllers = "cpu,cpuacct",
      .available = "",
      .mount_point = "/sys/fs/cgroup/cpu,cpuacct",
      .own_path = "/" },
    { .controllers = "devices", .available = "", .mount_point = "/sys/fs/cgroup/devices", .own_path = "/" },
    { .controllers = "pids", .available = "", .mount_point = "/sys/fs/cgroup/pids", .own_path = "/" },
    { .controllers = "",
      .available = "",
      .mount_point = "/sys/fs/cgroup/unified",
      .own_path = "/",
      .v2 = true },
};
static struct host_hierarchy v2_hierarchies[] = {
    { .controllers = "",
      .available = "cpuset cpu io memory hugetlb pids",
      .mount_point = "/sys/fs/cgroup",
      .own_path = "/",
      .v2 = true },
};

static inline void use_host(enum host_cgroup_layout layout) {
    host = (struct host){ .in_initial_userns = true, .permitted = ~0ULL };
    host.cgroups = (struct host_cgroups){ .layout = layout, .unmounted = "" };
    bool v2 = layout == HOST_CGROUP_V2;
    host.cgroups.hierarchies = v2 ? v2_hierarchies : v1_hierarchies;
    host.cgroups.n_hierarchies = layout == HOST_CGROUP_NONE ? 0 : v2 ? 1 : layout == HOST_CGROUP_V1 ? 5 : 6;
}

static inline int fresh(void **state) {
    (void)state;
    request = (struct plan_request){ .id = "c1", .bundle = "/b", .wait_start = true, .detach = true };
    error = (struct error){ 0 };
    planner = plan_oci;
    use_host(HOST_CGROUP_V1);
    return 0;
}

static inline int forget(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

// ---------------------------------------------------------------- plans

static inline const char *with_quotes(const char *text) {
    char *copy = arena_strdup(&arena, text);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

static inline struct plan *try_plan(const char *text) {
    config_json = with_quotes(text);
    struct spec *spec = config_parse(config_json, strlen(config_json), &arena, &error);
    if (!spec)
        fail_msg("refused by config: %s\n%s (%s)", text, error.msg, error.origin);
    return planner(spec, &request, &host, &arena, &error);
}

// ---------------------------------------------------------------- steps

static inline const struct step *nth(const struct steps *steps, enum step_op op, size_t n) {
    for (size_t i = 0; i < steps->n; i++)
        if (steps->list[i].op == op && n-- == 0)
            return &steps->list[i];
    return NULL;
}

static inline const struct step *only(const struct steps *steps, enum step_op op) {
    const struct step *s = nth(steps, op, 0);
    if (!s)
        fail_msg("no step %s", step_name(op));
    if (nth(steps, op, 1))
        fail_msg("more than one step %s", step_name(op));
    return s;
}

static inline size_t count(const struct steps *steps, enum step_op op) {
    size_t n = 0;
    for (size_t i = 0; i < steps->n; i++)
        n += steps->list[i].op == op;
    return n;
}

// Every `a` comes before every `b`, and there is one of each.
static inline void check_order(const struct steps *steps, enum step_op a, enum step_op b) {
    size_t last_a = 0, first_b = 0;
    for (size_t i = steps->n; i > 0; i--) {
        if (steps->list[i - 1].op == a && !last_a)
            last_a = i;
        if (steps->list[i - 1].op == b)
            first_b = i;
    }
    if (!last_a || !first_b || last_a > first_b)
        fail_msg("want %s (%zu) before %s (%zu)", step_name(a), last_a, step_name(b), first_b);
}

static inline const struct step *mount_at(const struct plan *p, const char *destination) {
    for (size_t i = 0; i < p->child.n; i++)
        if (p->child.list[i].op == STEP_MOUNT && str_eq(p->child.list[i].mount->destination, destination))
            return &p->child.list[i];
    return NULL;
}

static inline const struct step *link_at(const struct plan *p, const char *path) {
    for (size_t i = 0; i < p->child.n; i++)
        if (p->child.list[i].op == STEP_LINK && str_eq(p->child.list[i].link.path, path))
            return &p->child.list[i];
    return NULL;
}

static inline const struct rootfs_device *device_at(const struct plan *p, const char *path) {
    const struct step *s = nth(&p->child, STEP_DEVICES, 0);
    for (size_t i = 0; s && i < s->devices->n; i++)
        if (str_eq(s->devices->list[i].path, path))
            return &s->devices->list[i];
    return NULL;
}

static inline bool has_variable(const struct plan *p, const char *entry) {
    for (size_t i = 0; p->env && p->env[i]; i++)
        if (str_eq(p->env[i], entry))
            return true;
    return false;
}

// ---------------------------------------------------------------- what holds for every plan

// One reference token of a JSON pointer (RFC 6901) down from `at`, or NULL.
static inline yajl_val descend(yajl_val at, char *token) {
    char *out = token;
    for (const char *in = token; *in; in++) {
        if (*in != '~') {
            *out++ = *in;
            continue;
        }
        in++;
        if (*in != '0' && *in != '1')
            return NULL;
        *out++ = *in == '0' ? '~' : '/';
    }
    *out = '\0';
    uint64_t index;
    if (YAJL_IS_ARRAY(at))
        return str_to_u64(token, SIZE_MAX, &index) && index < at->u.array.len ? at->u.array.values[index]
                                                                              : NULL;
    for (size_t i = 0; YAJL_IS_OBJECT(at) && i < at->u.object.len; i++)
        if (str_eq(at->u.object.keys[i], token))
            return at->u.object.values[i];
    return NULL;
}

static inline bool leads_somewhere(const char *json, const char *pointer) {
    yajl_val root = yajl_tree_parse(json, NULL, 0), at = root;
    char *rest = arena_strdup(&arena, pointer);
    if (*strsep(&rest, "/") != '\0')
        at = NULL;
    while (at && rest)
        at = descend(at, strsep(&rest, "/"));
    yajl_tree_free(root);
    return at != NULL;
}

static inline void check_origin(const char *origin, const char *what) {
    static const char *const elsewhere[] = { "default:", "option:", "environment:" };
    for (size_t i = 0; i < 3; i++)
        if (str_starts(origin, elsewhere[i]) && strlen(origin) > strlen(elsewhere[i]))
            return;
    // What is done by default bears the name of the member that would change it.
    static const char *const by_default[] = { "/linux/cgroupsPath",       "/linux/namespaces",
                                              "/linux/devices",           "/linux/rootfsPropagation",
                                              "/linux/uidMappings",       "/linux/gidMappings",
                                              "/linux/resources/devices", "/process/noNewPrivileges",
                                              "/process/capabilities" };
    for (size_t i = 0; i < sizeof(by_default) / sizeof(by_default[0]); i++)
        if (str_eq(origin, by_default[i]))
            return;
    if (!leads_somewhere(config_json, origin))
        fail_msg("the origin %s of %s is nowhere in %s", origin, what, config_json);
}

static inline void check_step(const struct step *s, const struct plan *p) {
    const char *name = step_name(s->op);
    if (!name || !*name)
        fail_msg("step %d has no name", (int)s->op);
    const char *what = step_describe(s, p, &arena);
    if (!what || !*what || str_eq(what, name))
        fail_msg("step %s is not described", name);
    if (s->origin)
        check_origin(s->origin, name);
    else if (s->op != STEP_SAVE_STATE && s->op != STEP_DEVICES)
        fail_msg("step %s has no origin", name);
    for (size_t i = 0; s->op == STEP_DEVICES && i < s->devices->n; i++)
        check_origin(s->devices->origins[i], s->devices->list[i].path);
}

static inline void check_finding(const struct plan_finding *f) {
    const char *code = plan_loss_kinds[f->loss].code;
    check_origin(f->field, code);
    if (!f->reason || !*f->reason)
        fail_msg("the finding %s has no reason", code);
}

static inline void check_plan(const struct plan *p) {
    const char *isolation = planner == plan_chroot ? "chroot" : planner == plan_bare ? "bare" : "oci";
    const struct steps *parts[] = { &p->parent, &p->child, &p->final };
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < parts[k]->n; i++)
            check_step(&parts[k]->list[i], p);
    for (size_t i = 0; i < p->n_findings; i++)
        check_finding(&p->findings[i]);
    assert_string_equal(p->isolation, isolation);
    // The id is claimed before anything is made, the state says who init is before it can do harm.
    check_order(&p->parent, STEP_CLAIM_ID, STEP_OPEN_ROOT);
    check_order(&p->parent, STEP_OPEN_ROOT, STEP_CLONE);
    check_order(&p->parent, STEP_CLONE, STEP_SAVE_STATE);
    if (p->process)
        assert_int_equal(p->final.list[p->final.n - 1].op, STEP_EXECVE);
}

// A plan that must come out, and keep what every plan has to.
static inline struct plan *plan(const char *text) {
    struct plan *p = try_plan(text);
    if (!p)
        fail_msg("refused: %s\n%s (%s)", text, error.msg, error.origin);
    check_plan(p);
    return p;
}

static inline void check_refused(const char *text, const char *code, const char *origin) {
    if (try_plan(text))
        fail_msg("accepted: %s", text);
    assert_string_equal(error.code, code);
    assert_string_equal(error.origin, origin);
    assert_true(leads_somewhere(config_json, origin));
}

#endif
