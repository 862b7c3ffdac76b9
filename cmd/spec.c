// SPDX-License-Identifier: Apache-2.0
// nook spec: a config.json to begin with.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "lib/fd.h"
#include "lib/json.h"
#include "lib/str.h"

struct spec_options {
    const char *bundle;
    bool rootless;
};

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct default_mount {
    const char *destination, *type, *source;
    const char *const *options;
    const char *const *rootless_options; // NULL: the same
    bool rootless_out;                   // not for a rootless container
} mounts[] = {
    { "/proc", "proc", "proc", NULL, NULL, false },
    { "/dev", "tmpfs", "tmpfs", WORDS("nosuid", "strictatime", "mode=755", "size=65536k"), NULL, false },
    // Group 5 (tty) is not mapped in a rootless container.
    { "/dev/pts", "devpts", "devpts",
      WORDS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
      WORDS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"), false },
    { "/dev/shm", "tmpfs", "shm", WORDS("nosuid", "noexec", "nodev", "mode=1777", "size=65536k"), NULL,
      false },
    { "/dev/mqueue", "mqueue", "mqueue", WORDS("nosuid", "noexec", "nodev"), NULL, false },
    { "/sys", "sysfs", "sysfs", WORDS("nosuid", "noexec", "nodev", "ro"), NULL, true },
    { "/sys/fs/cgroup", "cgroup", "cgroup", WORDS("nosuid", "noexec", "nodev", "relatime", "ro"), NULL,
      true },
};

static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL };
static const char *const capability_sets[] = { "bounding", "effective", "permitted", NULL };
static const char *const namespaces[] = { "pid", "network", "ipc", "uts", "mount", "cgroup", NULL };

static const char *const masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    NULL,
};
static const char *const readonly[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static void write_strings(struct json *j, const char *name, const char *const *words) {
    json_array(j, name);
    for (; words && *words; words++)
        json_string(j, NULL, *words);
    json_array_end(j);
}

static void write_process(struct json *j) {
    json_object(j, "process");
    json_bool(j, "terminal", true);
    json_object(j, "user");
    json_int(j, "uid", 0);
    json_int(j, "gid", 0);
    json_object_end(j);
    write_strings(j, "args", WORDS("sh"));
    write_strings(j, "env",
                  WORDS("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"));
    json_string(j, "cwd", "/");
    json_object(j, "capabilities");
    for (const char *const *set = capability_sets; *set; set++)
        write_strings(j, *set, capabilities);
    json_object_end(j);
    json_array(j, "rlimits");
    json_object(j, NULL);
    json_string(j, "type", "RLIMIT_NOFILE");
    json_int(j, "hard", 1024);
    json_int(j, "soft", 1024);
    json_object_end(j);
    json_array_end(j);
    json_bool(j, "noNewPrivileges", true);
    json_object_end(j);
}

static void write_mount(struct json *j, const struct default_mount *m, const char *const *words) {
    json_object(j, NULL);
    json_string(j, "destination", m->destination);
    json_string(j, "type", m->type);
    json_string(j, "source", m->source);
    if (words)
        write_strings(j, "options", words);
    json_object_end(j);
}

static void write_mounts(struct json *j, bool rootless) {
    // A user namespace without its own network may not mount sysfs: the host's is bound instead, read-only
    // with all that is mounted in it (security.md, CVE-2023-25809).
    static const struct default_mount host_sys = { "/sys", "none", "/sys", NULL, NULL, false };
    json_array(j, "mounts");
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        const struct default_mount *m = &mounts[i];
        if (!rootless || !m->rootless_out)
            write_mount(j, m, rootless && m->rootless_options ? m->rootless_options : m->options);
    }
    if (rootless)
        write_mount(j, &host_sys, WORDS("rbind", "nosuid", "noexec", "nodev", "rro"));
    json_array_end(j);
}

static void write_id_mapping(struct json *j, const char *name, unsigned id) {
    json_array(j, name);
    json_object(j, NULL);
    json_int(j, "containerID", 0);
    json_uint(j, "hostID", id);
    json_int(j, "size", 1);
    json_object_end(j);
    json_array_end(j);
}

static void write_namespace(struct json *j, const char *type) {
    json_object(j, NULL);
    json_string(j, "type", type);
    json_object_end(j);
}

static void write_linux(struct json *j, bool rootless) {
    json_object(j, "linux");
    if (rootless) {
        write_id_mapping(j, "uidMappings", geteuid());
        write_id_mapping(j, "gidMappings", getegid());
    } else {
        json_object(j, "resources");
        json_array(j, "devices");
        json_object(j, NULL);
        json_bool(j, "allow", false);
        json_string(j, "access", "rwm");
        json_object_end(j);
        json_array_end(j);
        json_object_end(j);
    }
    json_array(j, "namespaces");
    for (const char *const *type = namespaces; *type; type++)
        if (!rootless || !str_eq(*type, "network"))
            write_namespace(j, *type);
    if (rootless)
        write_namespace(j, "user");
    json_array_end(j);
    write_strings(j, "maskedPaths", masked);
    write_strings(j, "readonlyPaths", readonly);
    json_object_end(j);
}

static const char *default_config(struct arena *a, bool rootless) {
    struct json j;
    json_init(&j, a, true);
    json_object(&j, NULL);
    json_string(&j, "ociVersion", "1.3.0");
    write_process(&j);
    json_object(&j, "root");
    json_string(&j, "path", "rootfs");
    json_bool(&j, "readonly", true);
    json_object_end(&j);
    json_string(&j, "hostname", "nook");
    write_mounts(&j, rootless);
    write_linux(&j, rootless);
    json_object_end(&j);
    return arena_printf(a, "%s\n", j.text);
}

static int cmd_spec(struct command *c, struct error *err) {
    const struct spec_options *o = c->options;
    const char *bundle = o->bundle && *o->bundle ? o->bundle : ".";
    const char *text = default_config(c->arena, o->rootless);

    cleanup_fd int dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return error_set(err, "spec.failed", errno, "open the bundle %s", bundle);
    cleanup_fd int fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return error_set(err, "spec.exists", 0, "File config.json exists. Remove it first");
    if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0)
        return error_set(err, "spec.failed", errno, "write %s/config.json", bundle);
    return 0;
}

static const struct option options[] = {
    { .name = "bundle",
      .short_name = 'b',
      .kind = OPTION_STRING,
      .offset = offsetof(struct spec_options, bundle),
      .arg = "DIR",
      .help = "the bundle (default: the current directory)" },
    { .name = "rootless",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct spec_options, rootless),
      .help = "for a container in a user namespace of the user who calls this" },
    { .name = NULL },
};

const struct verb verb_spec = {
    .name = "spec",
    .args = "",
    .summary = "Write a config.json to begin with",
    .options = options,
    .values_size = sizeof(struct spec_options),
    .run = cmd_spec,
};
