// SPDX-License-Identifier: Apache-2.0
// nook features: what this build can do (runtime-spec, features.md and features-linux.md). Nothing here
// depends on the host.
#include "config.h"

#include "cmd/command.h"
#include "lib/capname.h"
#include "lib/json.h"
#include "lib/str.h"
#include "nook-commit.h"
#include "runtime/config/mount_options.h"
#include "runtime/config/parse.h"
#include "runtime/config/words.h"
#include "runtime/plan/finding.h"
#include "runtime/process/seccomp.h"

static void write_enabled(struct json *j, const char *name, bool enabled) {
    json_object(j, name);
    json_bool(j, "enabled", enabled);
    json_object_end(j);
}

#ifdef HAVE_SECCOMP
// Words that the parser knows only to refuse them by name.
static const char *const refused_words[] = { "SCMP_ACT_NOTIFY", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
                                             NULL };

static bool is_refused(const char *word) {
    for (const char *const *w = refused_words; *w; w++)
        if (str_eq(*w, word))
            return true;
    return false;
}

static void write_words(struct json *j, const char *name, const char *const *words) {
    json_array(j, name);
    for (; *words; words++)
        if (!is_refused(*words))
            json_string(j, NULL, *words);
    json_array_end(j);
}

static void write_seccomp(struct json *j) {
    json_object(j, "seccomp");
    json_bool(j, "enabled", true);
    write_words(j, "actions", config_seccomp_actions);
    write_words(j, "operators", config_seccomp_operators);
    write_words(j, "archs", config_seccomp_architectures);
    write_words(j, "knownFlags", config_seccomp_flags);
    write_words(j, "supportedFlags", config_seccomp_flags);
    json_object_end(j);
}
#else
static void write_seccomp(struct json *j) {
    write_enabled(j, "seccomp", false);
}
#endif

static void write_linux(struct json *j) {
    json_object(j, "linux");
    json_array(j, "namespaces");
    for (int i = 0; i < N_NAMESPACES; i++)
        json_string(j, NULL, config_namespace_names[i]);
    json_array_end(j);
    json_array(j, "capabilities");
    for (unsigned i = 0; capname_of(i); i++)
        json_string(j, NULL, capname_of(i));
    json_array_end(j);
    json_object(j, "cgroup");
    json_bool(j, "v1", true);
    json_bool(j, "v2", true);
    json_bool(j, "systemd", false);
    json_bool(j, "systemdUser", false);
    json_bool(j, "rdma", false);
    json_object_end(j);
    write_seccomp(j);
#ifdef HAVE_APPARMOR
    write_enabled(j, "apparmor", true);
#else
    write_enabled(j, "apparmor", false);
#endif
    write_enabled(j, "selinux", true);
    write_enabled(j, "intelRdt", false);
    json_object(j, "mountExtensions");
    write_enabled(j, "idmap", false);
    json_object_end(j);
    write_enabled(j, "netDevices", false);
    json_object_end(j);
}

// The codes of what a weaker isolation may not give: docs/isolation.md. Annotations are strings.
static const char *loss_codes(struct arena *a, bool refused_only) {
    const char *text = "";
    for (int i = 0; i < N_PLAN_LOSSES; i++)
        if (plan_loss_kinds[i].refused || !refused_only)
            text = arena_printf(a, "%s%s%s", text, *text ? "," : "", plan_loss_kinds[i].code);
    return text;
}

static int cmd_features(struct command *c, struct error *err) {
    struct json j;

    json_init(&j, c->arena, true);
    json_object(&j, NULL);
    json_string(&j, "ociVersionMin", "1.0.0");
    json_string(&j, "ociVersionMax", "1.3.0");
    json_array(&j, "hooks");
    for (int i = 0; i < N_HOOK_KINDS; i++)
        json_string(&j, NULL, config_hook_names[i]);
    json_array_end(&j);
    json_array(&j, "mountOptions");
    for (size_t i = 0; config_mount_option_name(i); i++)
        json_string(&j, NULL, config_mount_option_name(i));
    json_array_end(&j);
    write_linux(&j);
    json_object(&j, "annotations");
#ifdef HAVE_SECCOMP
    json_string(&j, "io.github.seccomp.libseccomp.version", seccomp_library_version());
#endif
    json_string(&j, "nook.version", PACKAGE_VERSION);
    json_string(&j, "nook.commit", NOOK_COMMIT);
    json_string(&j, "nook.isolation.levels", "oci,chroot,bare");
    json_string(&j, "nook.isolation.codes", loss_codes(c->arena, false));
    json_string(&j, "nook.isolation.codes.refused", loss_codes(c->arena, true));
    // Engines look for runc's name of this before they offer checkpoints.
    json_string(&j, "org.opencontainers.runc.checkpoint.enabled", "false");
    json_object_end(&j);
    // No annotation of config.json changes what nook does.
    json_array(&j, "potentiallyUnsafeConfigAnnotations");
    json_array_end(&j);
    json_object_end(&j);
    return command_print(arena_printf(c->arena, "%s\n", j.text), err);
}

const struct verb verb_features = {
    .name = "features",
    .args = "",
    .summary = "Show what this build supports, as JSON",
    .run = cmd_features,
};
