// SPDX-License-Identifier: Apache-2.0
// mounts[].options: every word of the specification's table, alone and against others.
#include "config.h"

#include "lib/sys.h"
#include "runtime/config/mount_options.h"
#include "tests/unit/config_test.h"

// The first mount of a configuration with these options; kind "" is a tmpfs, else a bind mount.
static struct spec_mount *options(bool bind, const char *words) {
    const char *more = words[0] ? "," : "";
    return parse_good(arena_printf(&arena,
                                   MOUNT("'destination':'/x','type':'%s','source':'/y','options':[%s%s%s]"),
                                   bind ? "none" : "tmpfs", bind ? "'bind'" : "'defaults'", more, words))
        ->mounts;
}

static void test_flags(void **state) {
    (void)state;
    static const struct {
        const char *set, *clear;
        unsigned long flag;
    } rows[] = {
        { "ro", "rw", MS_RDONLY },
        { "nosuid", "suid", MS_NOSUID },
        { "nodev", "dev", MS_NODEV },
        { "noexec", "exec", MS_NOEXEC },
        { "sync", "async", MS_SYNCHRONOUS },
        { "dirsync", NULL, MS_DIRSYNC },
        { "noatime", "atime", MS_NOATIME },
        { "nodiratime", "diratime", MS_NODIRATIME },
        { "relatime", "norelatime", MS_RELATIME },
        { "strictatime", "nostrictatime", MS_STRICTATIME },
        { "iversion", "noiversion", MS_I_VERSION },
        { "lazytime", "nolazytime", MS_LAZYTIME },
        { "silent", "loud", MS_SILENT },
        { "mand", "nomand", MS_MANDLOCK },
        { "nosymfollow", "symfollow", MS_NOSYMFOLLOW },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spec_mount *m = options(i % 2, arena_printf(&arena, "'%s'", rows[i].set));
        assert_int_equal(m->flags, rows[i].flag);
        assert_int_equal(m->cleared, 0);
        assert_null(m->data);
        if (!rows[i].clear)
            continue;
        m = options(i % 2, arena_printf(&arena, "'%s'", rows[i].clear));
        assert_int_equal(m->flags, 0);
        assert_int_equal(m->cleared, rows[i].flag);
        // The last word wins.
        m = options(i % 2, arena_printf(&arena, "'%s','%s'", rows[i].set, rows[i].clear));
        assert_int_equal(m->flags, 0);
        assert_int_equal(m->cleared, rows[i].flag);
        m = options(i % 2, arena_printf(&arena, "'%s','%s'", rows[i].clear, rows[i].set));
        assert_int_equal(m->flags, rows[i].flag);
        assert_int_equal(m->cleared, 0);
    }
}

static void test_access_times_exclude_one_another(void **state) {
    (void)state;
    assert_int_equal(options(false, "'strictatime','noatime'")->flags, MS_NOATIME);
    assert_int_equal(options(false, "'noatime','strictatime','nodiratime'")->flags,
                     MS_STRICTATIME | MS_NODIRATIME);
    assert_int_equal(options(false, "'noatime','relatime'")->flags, MS_RELATIME);
}

static void test_recursive(void **state) {
    (void)state;
    static const struct {
        const char *set, *clear;
        uint64_t attr;
    } rows[] = {
        { "rro", "rrw", MOUNT_ATTR_RDONLY },
        { "rnosuid", "rsuid", MOUNT_ATTR_NOSUID },
        { "rnodev", "rdev", MOUNT_ATTR_NODEV },
        { "rnoexec", "rexec", MOUNT_ATTR_NOEXEC },
        { "rnodiratime", "rdiratime", MOUNT_ATTR_NODIRATIME },
        { "rnosymfollow", "rsymfollow", MOUNT_ATTR_NOSYMFOLLOW },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spec_mount *m = options(true, arena_printf(&arena, "'%s'", rows[i].set));
        assert_int_equal(m->rec_attr_set, rows[i].attr);
        assert_int_equal(m->rec_attr_clr, 0);
        assert_int_equal(m->flags | m->cleared, 0);
        m = options(true, arena_printf(&arena, "'%s','%s'", rows[i].set, rows[i].clear));
        assert_int_equal(m->rec_attr_set, 0);
        assert_int_equal(m->rec_attr_clr, rows[i].attr);
        m = options(true, arena_printf(&arena, "'%s','%s'", rows[i].clear, rows[i].set));
        assert_int_equal(m->rec_attr_set, rows[i].attr);
        assert_int_equal(m->rec_attr_clr, 0);
    }
}

// mount_setattr(2): to set one way of keeping access times, the whole field is cleared.
static void test_recursive_access_times(void **state) {
    (void)state;
    static const struct {
        const char *word;
        uint64_t set;
    } rows[] = {
        { "rnoatime", MOUNT_ATTR_NOATIME },         { "ratime", MOUNT_ATTR_RELATIME },
        { "rrelatime", MOUNT_ATTR_RELATIME },       { "rnorelatime", MOUNT_ATTR_RELATIME },
        { "rstrictatime", MOUNT_ATTR_STRICTATIME }, { "rnostrictatime", MOUNT_ATTR_RELATIME },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spec_mount *m = options(true, arena_printf(&arena, "'rnoatime','rro','%s'", rows[i].word));
        assert_int_equal(m->rec_attr_set, rows[i].set | MOUNT_ATTR_RDONLY);
        assert_int_equal(m->rec_attr_clr, MOUNT_ATTR__ATIME);
    }
}

static void test_kinds(void **state) {
    (void)state;
    struct spec_mount *m = options(false, "");
    assert_int_equal(m->kind, MOUNT_NEW);
    assert_false(m->recursive);
    m = options(true, "");
    assert_int_equal(m->kind, MOUNT_BIND);
    assert_false(m->recursive);
    m = options(false, "'rbind'");
    assert_int_equal(m->kind, MOUNT_BIND);
    assert_true(m->recursive);
    m = options(false, "'rbind','bind'");
    assert_true(m->recursive);
    m = options(false, "'remount','ro'");
    assert_int_equal(m->kind, MOUNT_REMOUNT);
    assert_false(m->remount_bind);
    assert_int_equal(m->flags, MS_RDONLY);
    m = options(false, "'remount','bind'");
    assert_int_equal(m->kind, MOUNT_REMOUNT);
    assert_true(m->remount_bind);
    m = options(false, "'rbind','remount'");
    assert_int_equal(m->kind, MOUNT_REMOUNT);
    assert_true(m->remount_bind);
    // The type is a dummy for a bind mount, but says enough alone.
    m = parse_good(MOUNT("'destination':'/x','type':'bind','source':'y'"))->mounts;
    assert_int_equal(m->kind, MOUNT_BIND);
    m = parse_good(MOUNT("'destination':'/x','source':'y','options':['bind']"))->mounts;
    assert_int_equal(m->kind, MOUNT_BIND);
    assert_null(m->type);
    // Nothing but a remount can do without type and source.
    m = parse_good(MOUNT("'destination':'/x','options':['remount','ro']"))->mounts;
    assert_int_equal(m->kind, MOUNT_REMOUNT);
}

static void test_propagation(void **state) {
    (void)state;
    static const struct {
        const char *word;
        unsigned long flag;
    } rows[] = {
        { "private", MS_PRIVATE },       { "rprivate", MS_PRIVATE | MS_REC },
        { "shared", MS_SHARED },         { "rshared", MS_SHARED | MS_REC },
        { "slave", MS_SLAVE },           { "rslave", MS_SLAVE | MS_REC },
        { "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spec_mount *m = options(i % 2, arena_printf(&arena, "'%s','%s'", rows[i].word, rows[i].word));
        assert_int_equal(m->n_propagation, 1);
        assert_int_equal(m->propagation[0], rows[i].flag);
        assert_int_equal(m->flags, 0);
    }
    struct spec_mount *m = options(true, "'unbindable','rshared'");
    assert_int_equal(m->n_propagation, 2);
    assert_int_equal(m->propagation[0], MS_UNBINDABLE);
    assert_int_equal(m->propagation[1], MS_SHARED | MS_REC);
}

static void test_data(void **state) {
    (void)state;
    assert_null(options(false, "")->data);
    assert_string_equal(options(false, "'mode=755','ro','size=65536k'")->data, "mode=755,size=65536k");
    assert_string_equal(options(false, "'context=\\'a:b,c\\''")->data, "context=\"a:b,c\"");
    // Words that are case-sensitive, or only begin like an option, are the filesystem's.
    assert_string_equal(options(false, "'RO','rox','r'")->data, "RO,rox,r");
    // Words that mount(8) keeps to itself.
    assert_null(
        options(false, "'auto','noauto','nofail','_netdev','user','nouser','x-systemd.automount','comment=x'")
            ->data);
    assert_string_equal(warnings, "");
}

static void test_data_on_bind_is_left_out(void **state) {
    (void)state;
    assert_null(options(true, "'mode=755','ro'")->data);
    assert_string_equal(warnings,
                        "/mounts/0/options: \"mode=755\" means nothing to a bind mount and is left out\n");
    assert_null(options(false, "'remount','bind','size=1k'")->data);
    assert_non_null(strstr(warnings, "size=1k"));
    assert_string_equal(options(false, "'remount','size=1k'")->data, "size=1k");
    assert_string_equal(warnings, "");
}

static void test_destination(void **state) {
    (void)state;
    assert_string_equal(parse_good(MOUNT("'destination':'data','type':'tmpfs'"))->mounts->destination,
                        "/data");
    assert_string_equal(parse_good(MOUNT("'destination':'/d/../e','type':'tmpfs'"))->mounts->destination,
                        "/d/../e");
}

// `nook features` lists what works, once each, and nothing that is refused.
static void test_features(void **state) {
    (void)state;
    size_t n = 0;
    for (const char *a; (a = config_mount_option_name(n)); n++) {
        assert_string_not_equal(a, "idmap");
        assert_string_not_equal(a, "nofail");
        for (size_t k = 0; k < n; k++)
            assert_string_not_equal(a, config_mount_option_name(k));
    }
    assert_int_equal(n, 61);
}

static void test_source_nofollow(void **state) {
    (void)state;
    struct spec_mount *m = options(true, "'src-nofollow'");
    assert_true(m->source_nofollow);
    assert_null(m->data);
    assert_false(options(true, "'ro'")->source_nofollow);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_flags, free_arena),
        cmocka_unit_test_teardown(test_access_times_exclude_one_another, free_arena),
        cmocka_unit_test_teardown(test_recursive, free_arena),
        cmocka_unit_test_teardown(test_recursive_access_times, free_arena),
        cmocka_unit_test_teardown(test_kinds, free_arena),
        cmocka_unit_test_teardown(test_propagation, free_arena),
        cmocka_unit_test_teardown(test_data, free_arena),
        cmocka_unit_test_teardown(test_data_on_bind_is_left_out, free_arena),
        cmocka_unit_test_teardown(test_source_nofollow, free_arena),
        cmocka_unit_test_teardown(test_destination, free_arena),
        cmocka_unit_test_teardown(test_features, free_arena),
    };
    return cmocka_run_group_tests_name("config: mount options", tests, NULL, NULL);
}
