// SPDX-License-Identifier: Apache-2.0
// Unit tests of the messages between the parent, init and `start`: what is taken, and what is not.
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// after those
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "runtime/init/message.h"

static int pair[2];
static size_t open_before;

static size_t open_descriptors(void) {
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static int make_pair(void **state) {
    (void)state;
    open_before = open_descriptors();
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

// No test may leave a descriptor behind, whatever has come.
static int close_pair(void **state) {
    (void)state;
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    return open_descriptors() == open_before ? 0 : -1;
}

static const size_t head_size = offsetof(struct message, error);

static void send_bytes(const void *data, size_t size, const int *fds, size_t n) {
    assert_int_equal(fd_send(pair[0], data, size, fds, n), 0);
}

static void check_foreign(void) {
    struct message m;
    int fd;
    assert_int_equal(message_receive(pair[1], &m, &fd, 1000), -1);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(fd, -1);
}

static void plain_messages(void **state) {
    (void)state;
    struct message m;
    assert_int_equal(message_send(pair[0], MESSAGE_CLONED, 4711, -1), 0);
    assert_int_equal(message_send(pair[0], MESSAGE_GO, 0, -1), 0);
    assert_int_equal(message_receive(pair[1], &m, NULL, -1), 1);
    assert_int_equal(m.type, MESSAGE_CLONED);
    assert_int_equal(m.value, 4711);
    assert_int_equal(message_receive(pair[1], &m, NULL, 1000), 1);
    assert_int_equal(m.type, MESSAGE_GO);
}

static void errors_arrive_whole(void **state) {
    (void)state;
    struct error sent;
    struct message m;
    memset(&sent, 'x', sizeof(sent));
    error_set_at(&sent, "mount.failed", EPERM, "/mounts/3", "mount %s", "proc");
    error_hint(&sent, "do this");
    static const enum message_type types[] = { MESSAGE_FAILED, MESSAGE_WARNING, MESSAGE_EXEC_FAILED };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(message_send_error(pair[0], types[i], &sent), 0);
        assert_int_equal(message_receive(pair[1], &m, NULL, 1000), 1);
        assert_int_equal(m.type, types[i]);
        assert_memory_equal(&m.error, &sent, sizeof(sent));
    }
}

static void a_descriptor(void **state) {
    (void)state;
    struct message m;
    int fd = -1;
    cleanup_fd int null = open("/dev/null", O_RDONLY);
    assert_int_equal(message_send(pair[0], MESSAGE_TERMINAL, 0, null), 0);
    assert_int_equal(message_receive(pair[1], &m, &fd, 1000), 1);
    assert_true(fd >= 0 && fd != null);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    fd_close(&fd);
    // None is no error.
    fd = 99;
    assert_int_equal(message_send(pair[0], MESSAGE_READY, 0, -1), 0);
    assert_int_equal(message_receive(pair[1], &m, &fd, 1000), 1);
    assert_int_equal(fd, -1);
}

static void unexpected_descriptors_are_closed(void **state) {
    (void)state;
    struct message m;
    cleanup_fd int null = open("/dev/null", O_RDONLY);
    assert_int_equal(message_send(pair[0], MESSAGE_GO, 0, null), 0);
    assert_int_equal(message_receive(pair[1], &m, NULL, 1000), -1);
    assert_int_equal(errno, EPROTO);
    // Two fit into the room that alignment leaves behind one.
    struct message head = { .type = MESSAGE_TERMINAL };
    for (size_t n = 2; n <= 3; n++) {
        send_bytes(&head, head_size, (int[]){ null, null, null }, n);
        check_foreign();
    }
}

static void wrong_sizes(void **state) {
    (void)state;
    struct message m = { .type = MESSAGE_GO };
    char big[sizeof(m) + 1] = { 0 };
    for (size_t n = 1; n < head_size; n++) {
        send_bytes(&m, n, NULL, 0);
        check_foreign();
    }
    // A plain message with a record behind it, an error without or with half of one, one byte too much.
    send_bytes(&m, sizeof(m), NULL, 0);
    check_foreign();
    m.type = MESSAGE_FAILED;
    send_bytes(&m, head_size, NULL, 0);
    check_foreign();
    send_bytes(&m, sizeof(m) - 1, NULL, 0);
    check_foreign();
    memcpy(big, &m, sizeof(m));
    send_bytes(big, sizeof(big), NULL, 0);
    check_foreign();
    // The connection is good for the next message all the same.
    assert_int_equal(message_send(pair[0], MESSAGE_GO, 0, -1), 0);
    assert_int_equal(message_receive(pair[1], &m, NULL, 1000), 1);
}

static void wrong_message_with_a_descriptor(void **state) {
    (void)state;
    cleanup_fd int null = open("/dev/null", O_RDONLY);
    send_bytes("x", 1, &null, 1);
    check_foreign();
}

static void end_of_file(void **state) {
    (void)state;
    struct message m;
    int fd;
    assert_int_equal(message_send(pair[0], MESSAGE_READY, 0, -1), 0);
    fd_close(&pair[0]);
    assert_int_equal(message_receive(pair[1], &m, &fd, 1000), 1);
    assert_int_equal(message_receive(pair[1], &m, &fd, 1000), 0);
    assert_int_equal(message_receive(pair[1], &m, NULL, -1), 0);
    // And nobody is killed by SIGPIPE.
    assert_int_equal(message_send(pair[1], MESSAGE_GO, 0, -1), -1);
    assert_int_equal(errno, EPIPE);
}

static void time_out(void **state) {
    (void)state;
    struct message m;
    int fd = 99;
    assert_int_equal(message_receive(pair[1], &m, &fd, 20), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_int_equal(fd, -1);
    assert_int_equal(message_receive(pair[1], &m, NULL, 0), -1);
    assert_int_equal(errno, ETIMEDOUT);
}

static void not_a_socket(void **state) {
    (void)state;
    struct message m;
    cleanup_fd int null = open("/dev/null", O_RDWR);
    assert_int_equal(message_receive(null, &m, NULL, -1), -1);
    assert_int_equal(errno, ENOTSOCK);
    assert_int_equal(message_send(null, MESSAGE_GO, 0, -1), -1);
}

static void end_is_no_message(void **state) {
    (void)state;
    struct message m;
    assert_int_equal(message_send(pair[0], MESSAGE_READY, 7, -1), 0);
    assert_false(message_await_end(pair[1], 20));
    fd_close(&pair[0]);
    assert_true(message_await_end(pair[1], 10000));
    assert_int_equal(message_receive(pair[1], &m, NULL, 1000), 1);
    assert_int_equal(m.type, MESSAGE_READY);
    assert_int_equal(m.value, 7);
    assert_int_equal(message_receive(pair[1], &m, NULL, 1000), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_pair, close_pair)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(plain_messages), TEST(errors_arrive_whole),
        TEST(a_descriptor),   TEST(unexpected_descriptors_are_closed),
        TEST(wrong_sizes),    TEST(wrong_message_with_a_descriptor),
        TEST(end_of_file),    TEST(time_out),
        TEST(not_a_socket),   TEST(end_is_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
