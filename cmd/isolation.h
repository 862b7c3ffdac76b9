// SPDX-License-Identifier: Apache-2.0
// Which isolation a container gets: --isolation, --chroot-policy, --chroot-dev, --report.
#ifndef NOOK_CMD_ISOLATION_H
#define NOOK_CMD_ISOLATION_H

#include "cmd/command.h"
#include "runtime/plan/needs.h"
#include "runtime/plan/plan.h"

// What was asked for and what came of it.
struct isolation {
    const char *asked;        // "oci", "chroot", "bare", "auto"
    bool warn;                // --chroot-policy=warn
    struct plan *plan;        // NULL: there is none; *err of isolation_plan says why
    struct plan_unmet *unmet; // auto and check: why it is not oci
    size_t n_unmet;
    struct error oci_error; // the same, when planning oci failed for another reason; code "" otherwise
};

// Plans the container in the isolation that c asks for. host: probed but for its place, which is done here as
// far as it is needed. Nothing is refused or printed yet. 0, or -1 with *err: no isolation that may be used
// can run the config.
int isolation_plan(const struct command *c, const struct spec *spec, const struct plan_request *request,
                   struct host *host, struct isolation *out, struct error *err);

// For `check --isolation=oci`: probes the place and holds what the config needs against it: out->unmet.
int isolation_probe_unmet(const struct command *c, const struct spec *spec,
                          const struct plan_request *request, struct host *host, struct isolation *out,
                          struct error *err);

// The policy: refuses a plan with findings that are to be refused, or logs them; says what `auto` chose, in
// one line on stderr. 0, or -1 with *err.
int isolation_settle(const struct command *c, const struct isolation *i, struct error *err);

// The report as JSON text, or NULL when there is nothing to report: oci was asked for.
const char *isolation_report(const struct isolation *i, struct arena *a);

// Writes a report to "FILE" or "fd:N". 0, or -1 with *err.
int isolation_write_report(const char *target, const char *text, struct error *err);
// The N of "fd:N", or -1; -2 with *err when it is none that can be used beside `preserve` passed descriptors.
int isolation_report_fd(const char *target, unsigned preserve, struct error *err);

#endif
