// SPDX-License-Identifier: Apache-2.0
// Which isolation a container gets, and what is said of it.
#include "config.h"

#include "cmd/isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/str.h"

// ---------------------------------------------------------------- the place

// Does anything suggest that the place refuses something? If not, the probe's milliseconds are saved.
static bool is_restricted(const struct host *h, const struct host_place *p) {
    uint64_t needed =
        1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_SYS_CHROOT;
    return !h->in_initial_userns || (h->permitted & needed) != needed || p->seccomp_mode != 0 ||
           p->no_new_privs;
}

static int probe(struct host *host, bool userns, bool always, struct arena *a, struct error *err) {
    struct host_place *place = arena_alloc(a, sizeof(*place));
    if (place_probe_cheap(place, a, err) < 0)
        return -1;
    host->place = place;
    return always || is_restricted(host, place) ? place_probe(place, userns, &host->cgroups, a, err) : 0;
}

// Without CAP_SYS_ADMIN the chroot isolation lives in a user namespace of its own.
static bool chroot_wants_userns(const struct spec *spec, const struct host *host) {
    bool joins = spec->linux_.namespaces[NS_USER].present && spec->linux_.namespaces[NS_USER].path;
    return plan_wants_userns(spec) || (!joins && !(host->permitted & (1ULL << CAP_SYS_ADMIN)));
}

// ---------------------------------------------------------------- planning

struct choice {
    const struct command *c;
    const struct spec *spec;
    const struct plan_request *request;
    struct host *host;
    struct arena *a;
};

static int use(struct isolation *out, struct plan *plan) {
    out->plan = plan;
    return plan ? 0 : -1;
}

static int plan_in_chroot(const struct choice *ch, bool always, struct isolation *out, struct error *err) {
    if (probe(ch->host, chroot_wants_userns(ch->spec, ch->host), always, ch->a, err) < 0)
        return -1;
    return use(out, plan_chroot(ch->spec, ch->request, ch->host, ch->a, err));
}

// No isolation but bare is left, and that is never chosen for anybody.
static int nothing_fits(const struct isolation *out, const struct host_place *place, struct error *err) {
    const struct place_answer *mount = &place->can[PLACE_MOUNT_NS];
    const struct place_answer *user = &place->can[PLACE_USER_NS];
    const struct place_answer *why = user->errnum ? user : mount;
    error_set_at(err, "isolation.unavailable", why->errnum,
                 out->n_unmet ? out->unmet[0].field : "/linux/namespaces",
                 "neither oci nor chroot isolation is possible here: mount namespaces are refused (%s)",
                 why->cause ? why->cause : "unknown");
    return error_hint(err, "%s%s--isolation=bare needs only chroot(2), but is no security boundary",
                      why->unlock ? why->unlock : "", why->unlock ? "; " : "");
}

// An error that is about the place, not about the config: another isolation may do.
static bool is_about_place(const struct error *err) {
    static const char *const codes[] = { "cgroup.", "namespace.", "idmap." };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (str_starts(err->code, codes[i]))
            return true;
    return false;
}

static int plan_auto(const struct choice *ch, struct isolation *out, struct error *err) {
    if (isolation_probe_unmet(ch->c, ch->spec, ch->request, ch->host, out, err) < 0)
        return -1;
    if (out->n_unmet == 0) {
        struct plan *plan = plan_oci(ch->spec, ch->request, ch->host, ch->a, err);
        if (plan || !is_about_place(err))
            return use(out, plan);
        out->oci_error = *err;
    }
    bool userns = chroot_wants_userns(ch->spec, ch->host);
    if (ch->host->place->new_userns != userns && probe(ch->host, userns, true, ch->a, err) < 0)
        return -1;
    if (ch->host->place->can[PLACE_MOUNT_NS].errnum || ch->host->place->can[PLACE_BIND].errnum)
        return nothing_fits(out, ch->host->place, err);
    return use(out, plan_chroot(ch->spec, ch->request, ch->host, ch->a, err));
}

int isolation_probe_unmet(const struct command *c, const struct spec *spec,
                          const struct plan_request *request, struct host *host, struct isolation *out,
                          struct error *err) {
    *out = (struct isolation){ .asked = c->isolation, .warn = c->chroot_warn };
    if (probe(host, plan_wants_userns(spec), true, c->arena, err) < 0)
        return -1;
    plan_unmet_needs(spec, request, host, c->arena, &out->unmet, &out->n_unmet);
    return 0;
}

int isolation_plan(const struct command *c, const struct spec *spec, const struct plan_request *request,
                   struct host *host, struct isolation *out, struct error *err) {
    struct choice ch = { c, spec, request, host, c->arena };
    *out = (struct isolation){ .asked = c->isolation, .warn = c->chroot_warn };
    if (str_eq(c->isolation, "oci"))
        return use(out, plan_oci(spec, request, host, c->arena, err));
    if (str_eq(c->isolation, "auto"))
        return plan_auto(&ch, out, err);
    if (str_eq(c->isolation, "chroot"))
        return plan_in_chroot(&ch, false, out, err);
    return probe(host, false, false, c->arena, err) < 0
               ? -1
               : use(out, plan_bare(spec, request, host, c->arena, err));
}

// ---------------------------------------------------------------- the policy

static int refuse(const struct isolation *i, struct error *err) {
    const struct plan_finding *first = NULL;
    size_t n = 0;
    for (size_t k = 0; k < i->plan->n_findings; k++) {
        const struct plan_finding *f = &i->plan->findings[k];
        if (!plan_loss_kinds[f->loss].refused)
            continue;
        first = first ? first : f;
        n++;
    }
    if (!first)
        return 0;
    char more[64] = "";
    if (n > 1)
        snprintf(more, sizeof(more), ", and %zu more (nook check lists them)", n - 1);
    error_set_at(err, "isolation.refused", 0, first->field,
                 "%s isolation cannot apply this here: %s: %s (%s)%s", i->plan->isolation,
                 plan_loss_kinds[first->loss].code, plan_loss_kinds[first->loss].effect, first->reason, more);
    const char *mitigation = plan_finding_mitigation(first);
    return error_hint(err, "%s%s--chroot-policy=warn goes on without", mitigation ? mitigation : "",
                      mitigation ? "; or " : "");
}

static void warn(const struct isolation *i) {
    for (size_t k = 0; k < i->plan->n_findings; k++) {
        const struct plan_finding *f = &i->plan->findings[k];
        const struct plan_loss_kind *kind = &plan_loss_kinds[f->loss];
        if (kind->refused)
            log_warning("%s isolation: %s at %s: %s (%s)", i->plan->isolation, kind->code, f->field,
                        kind->effect, f->reason);
        else
            log_info("%s isolation: %s at %s: %s (%s)", i->plan->isolation, kind->code, f->field,
                     kind->effect, f->reason);
    }
}

// `auto` never weakens anything in silence: the level, what was lost, what would unlock the next.
static void tell_choice(const struct isolation *i, struct arena *a) {
    const char *why = i->oci_error.msg, *unlock = i->oci_error.hint;
    if (i->n_unmet) {
        const struct plan_unmet *u = &i->unmet[0];
        why = arena_printf(a, "%s needs %s (%s)", u->field, place_ability_name(u->ability), u->answer->cause);
        unlock = u->answer->unlock ? u->answer->unlock : "";
    }
    const char *lost = "";
    for (size_t k = 0; k < i->plan->n_findings; k++) {
        const char *code = plan_loss_kinds[i->plan->findings[k].loss].code;
        if (!strstr(lost, code))
            lost = *lost ? arena_printf(a, "%s, %s", lost, code) : code;
    }
    log_notice("chroot isolation instead of oci: %s; weaker: %s%s%s", why,
               *lost ? lost : "nothing that the config asks for", *unlock ? "; oci needs: " : "", unlock);
}

int isolation_settle(const struct command *c, const struct isolation *i, struct error *err) {
    if (str_eq(i->plan->isolation, "oci"))
        return 0;
    if (!i->warn && refuse(i, err) < 0)
        return -1;
    if (str_eq(i->asked, "auto"))
        tell_choice(i, c->arena);
    warn(i);
    return 0;
}

// ---------------------------------------------------------------- the report

const char *isolation_report(const struct isolation *i, struct arena *a) {
    struct json j;
    if (str_eq(i->asked, "oci"))
        return NULL;
    json_init(&j, a, true);
    json_object(&j, NULL);
    json_string(&j, "level", i->plan->isolation);
    json_string(&j, "asked", i->asked);
    json_string(&j, "policy", i->warn ? "warn" : "strict");
    json_string(&j, "rootEntry", i->plan->root_entry);
    json_string(&j, "kill", i->plan->kill);
    json_array(&j, "ociUnmet");
    for (size_t k = 0; k < i->n_unmet; k++) {
        json_object(&j, NULL);
        json_string(&j, "field", i->unmet[k].field);
        json_string(&j, "needs", place_ability_name(i->unmet[k].ability));
        json_string(&j, "reason", i->unmet[k].answer->cause);
        if (i->unmet[k].answer->unlock)
            json_string(&j, "mitigation", i->unmet[k].answer->unlock);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_array(&j, "lost");
    for (size_t k = 0; k < i->plan->n_findings; k++)
        plan_finding_json(&i->plan->findings[k], &j);
    json_array_end(&j);
    json_object_end(&j);
    return j.text;
}

int isolation_report_fd(const char *target, unsigned preserve, struct error *err) {
    uint64_t n;
    if (!target || !str_starts(target, "fd:"))
        return -1;
    if (!str_to_u64(target + 3, INT32_MAX, &n) || n == STDIN_FILENO || fcntl((int)n, F_GETFD) < 0) {
        error_set(err, "usage", 0, "--report %s: that is no open descriptor", target);
        return -2;
    }
    if (n > STDERR_FILENO && n < 3 + (uint64_t)preserve) {
        error_set(err, "usage", 0,
                  "--report %s: that descriptor is passed to the container by --preserve-fds", target);
        return -2;
    }
    return (int)n;
}

int isolation_write_report(const char *target, const char *text, struct error *err) {
    struct error ignored;
    int fd = isolation_report_fd(target, 0, &ignored);
    cleanup_fd int file =
        fd >= 0 ? -1 : open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0)
        fd = file;
    if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 || fd_write_all(fd, "\n", 1) < 0)
        return error_set(err, "report.failed", errno, "write the report to %s", target);
    return 0;
}
