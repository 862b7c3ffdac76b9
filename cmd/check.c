// SPDX-License-Identifier: Apache-2.0
// nook check: a dry run. For each line of the config: does it work here, is it adapted, or refused, and what
// would change that. Touches nothing.
#include "config.h"

#include <string.h>

#include "cmd/container.h"
#include "cmd/isolation.h"
#include "lib/str.h"
#include "runtime/process/labels.h"

enum verdict { WORKS, ADAPTED, REFUSED };
static const char *const verdict_names[] = { "works", "adapted", "refused" };

struct row {
    enum verdict verdict;
    const char *field, *code, *reason, *effect, *mitigation; // code NULL: it works, effect says how
};

struct table {
    struct arena *a;
    struct row *rows;
    size_t n;
    bool refused;
};

static struct row *add(struct table *t, enum verdict verdict, const char *field) {
    struct row *r = ARENA_PUSH(t->a, t->rows, t->n);
    r->verdict = verdict;
    r->field = field;
    t->refused = t->refused || verdict == REFUSED;
    return r;
}

static bool has(const struct table *t, const char *field) {
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->rows[i].field, field))
            return true;
    return false;
}

static void add_findings(struct table *t, const struct isolation *is) {
    for (size_t i = 0; i < is->plan->n_findings; i++) {
        const struct plan_finding *f = &is->plan->findings[i];
        const struct plan_loss_kind *kind = &plan_loss_kinds[f->loss];
        struct row *r = add(t, kind->refused && !is->warn ? REFUSED : ADAPTED, f->field);
        r->code = kind->code;
        r->reason = f->reason;
        r->effect = kind->effect;
        r->mitigation = plan_finding_mitigation(f);
    }
}

static void add_unmet(struct table *t, const struct isolation *is) {
    for (size_t i = 0; i < is->n_unmet; i++) {
        const struct plan_unmet *u = &is->unmet[i];
        struct row *r = add(t, REFUSED, u->field);
        r->code = "place.refuses";
        r->reason = u->answer->cause;
        r->effect =
            arena_printf(t->a, "needs %s: %s", place_ability_name(u->ability), error_text(u->answer->errnum));
        r->mitigation = u->answer->unlock;
    }
}

static void add_error(struct table *t, const struct error *err) {
    struct row *r = add(t, REFUSED, err->origin[0] ? arena_strdup(t->a, err->origin) : "/");
    r->code = arena_strdup(t->a, err->code);
    r->reason = "config";
    r->effect = err->err ? arena_printf(t->a, "%s: %s", err->msg, error_text(err->err))
                         : arena_strdup(t->a, err->msg);
    r->mitigation = err->hint[0] ? arena_strdup(t->a, err->hint) : NULL;
}

// What is planned without a finding works as the config says.
static void add_steps(struct table *t, const struct plan *p, const struct steps *steps) {
    for (size_t i = 0; i < steps->n; i++) {
        const struct step *s = &steps->list[i];
        if (s->op == STEP_DEVICES) {
            for (size_t k = 0; k < s->devices->n; k++)
                if (!has(t, s->devices->origins[k]))
                    add(t, WORKS, s->devices->origins[k])->effect = s->devices->list[k].path;
        } else if (s->origin && s->origin[0] == '/' && !has(t, s->origin)) {
            add(t, WORKS, s->origin)->effect = step_describe(s, p, t->a);
        }
    }
}

static void add_plan(struct table *t, const struct plan *p) {
    add_steps(t, p, &p->child);
    add_steps(t, p, &p->final);
    add_steps(t, p, &p->parent);
}

// ---------------------------------------------------------------- printing

static const char *as_text(const struct table *t, const char *level, const char *asked) {
    struct arena *a = t->a;
    const char *text = str_eq(level, asked) ? arena_printf(a, "isolation %s: ", level)
                                            : arena_printf(a, "isolation %s (asked for: %s): ", level, asked);
    text = arena_printf(a, "%s%s\n", text,
                        t->refused ? "create would refuse this bundle" : "create would go on");
    for (int verdict = REFUSED; verdict >= WORKS; verdict--)
        for (size_t i = 0; i < t->n; i++) {
            const struct row *r = &t->rows[i];
            if ((int)r->verdict != verdict)
                continue;
            text = arena_printf(a, "%s  %-8s %-30s %s", text, verdict_names[verdict], r->field,
                                r->code ? r->code : r->effect);
            if (r->code)
                text = arena_printf(a, "%s: %s (%s)%s%s", text, r->effect, r->reason ? r->reason : "unknown",
                                    r->mitigation ? "; way out: " : "", r->mitigation ? r->mitigation : "");
            text = arena_printf(a, "%s\n", text);
        }
    return text;
}

static const char *as_json(const struct table *t, const char *level, const char *asked) {
    struct json j;
    json_init(&j, t->a, true);
    json_object(&j, NULL);
    json_string(&j, "isolation", level);
    json_string(&j, "asked", asked);
    json_bool(&j, "refused", t->refused);
    json_array(&j, "lines");
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->rows[i];
        json_object(&j, NULL);
        json_string(&j, "field", r->field);
        json_string(&j, "verdict", verdict_names[r->verdict]);
        if (r->code) {
            json_string(&j, "code", r->code);
            json_string(&j, "reason", r->reason ? r->reason : "unknown");
        }
        json_string(&j, "effect", r->effect);
        if (r->mitigation)
            json_string(&j, "mitigation", r->mitigation);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    return arena_printf(t->a, "%s\n", j.text);
}

// oci is held against a probe of the place, too: it would find out only when it is at work.
static int check_oci(const struct command *c, const struct spec *spec, const struct plan_request *request,
                     struct host *host, struct isolation *is, struct error *err) {
    if (isolation_probe_unmet(c, spec, request, host, is, err) < 0)
        return -1;
    is->plan = plan_oci(spec, request, host, c->arena, &is->oci_error);
    return 0;
}

static int cmd_check(struct command *c, struct error *err) {
    bool json = container_begin_dry(c);
    struct launch_request request;
    struct host host = { 0 };
    struct isolation is;
    struct table t = { .a = c->arena };
    struct spec *spec = container_read(c, true, &request, &host, err);
    if (!spec)
        return -1;
    bool oci = str_eq(c->isolation, "oci");
    struct error why;
    int planned = oci ? check_oci(c, spec, &request.plan, &host, &is, err)
                      : isolation_plan(c, spec, &request.plan, &host, &is, &why);
    if (oci && planned < 0)
        return -1;
    if (planned < 0)
        add_error(&t, &why);
    const struct spec_process *p = spec->process;
    if (p && labels_check(p->apparmor_profile, p->selinux_label, &why) < 0)
        add_error(&t, &why);
    if (oci || planned < 0)
        add_unmet(&t, &is);
    if (oci && is.oci_error.code[0])
        add_error(&t, &is.oci_error);
    if (planned == 0 && is.plan) {
        if (container_report(c, &is, &request, err) < 0)
            return -1;
        add_findings(&t, &is);
        add_plan(&t, is.plan);
    }
    const char *level = is.plan ? is.plan->isolation : "none";
    if (oci)
        level = "oci";
    if (command_print(json ? as_json(&t, level, c->isolation) : as_text(&t, level, c->isolation), err) < 0)
        return -1;
    return t.refused ? 1 : 0;
}

static const struct option check_options[] = {
    CONTAINER_DRY_OPTIONS,
    { .name = NULL },
};

const struct verb verb_check = {
    .name = "check",
    .args = "[CONTAINER]",
    .summary = "Say for each line of a config whether it works here; nothing is done",
    .details = "With --isolation before the command: whether that isolation could run the bundle. The exit "
               "code is 1\n"
               "when create would refuse it.",
    .options = check_options,
    .values_size = sizeof(struct container_options),
    .min_args = 0,
    .max_args = 1,
    .run = cmd_check,
};
