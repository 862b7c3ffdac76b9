// SPDX-License-Identifier: Apache-2.0
// Terminals: the container's pty, the console socket, and the foreground loop.
#include "config.h"

#include "tests/unit/process_test.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include "lib/fd.h"
#include "lib/str.h"
#include "lib/sys.h"
#include "runtime/process/attributes.h"
#include "runtime/process/foreground.h"
#include "runtime/process/terminal.h"

static struct error err;

// ---------------------------------------------------------------- the pty

static int mount_devpts(void) {
    return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
           mount("devpts", in_dir("dev/pts"), "devpts", MS_NOSUID | MS_NOEXEC,
                 "newinstance,ptmxmode=0666,mode=0620,gid=5") < 0;
}

static int in_own_devpts(void *arg) {
    (void)arg;
    struct spec_process p = {
        .has_console_size = true, .console_height = 33, .console_width = 101, .user = { .uid = 1000 }
    };
    int master;
    int slave;
    int number;
    struct stat st;
    struct winsize size;
    if (mount_devpts())
        return 0; // not allowed here
    cleanup_fd int root = open(test_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(terminal_open(root, -1, &p, &master, &slave, &err) == 0);
    CHECK(isatty(slave) && ioctl(master, TIOCGPTN, &number) == 0 && number == 0);
    CHECK(fstat(slave, &st) == 0 && st.st_uid == 1000 && st.st_gid == 5);
    CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 33 && size.ws_col == 101);
    CHECK(fcntl(master, F_GETFD) == FD_CLOEXEC && fcntl(slave, F_GETFD) == FD_CLOEXEC);
    CHECK(setsid() > 0);
    CHECK(terminal_attach(slave, &err) == 0);
    CHECK(isatty(0) && isatty(1) && isatty(2) && fcntl(0, F_GETFD) == 0);
    CHECK(fcntl(slave, F_GETFD) < 0);
    CHECK(tcgetsid(0) == getpid());
    // After the change of root, by the own root.
    CHECK(chroot(test_dir) == 0 && chdir("/") == 0);
    CHECK(terminal_open(AT_FDCWD, -1, &p, &master, &slave, &err) == 0);
    CHECK(ioctl(master, TIOCGPTN, &number) == 0 && number == 1);
    // Without a consoleSize: the caller's, if it has a terminal.
    struct spec_process plain = { 0 };
    CHECK(terminal_open(AT_FDCWD, slave, &plain, &master, &slave, &err) == 0);
    CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 33 && size.ws_col == 101);
    CHECK(terminal_open(AT_FDCWD, root, &plain, &master, &slave, &err) == 0);
    CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 0 && size.ws_col == 0);
    return 0;
}

// CVE-2025-52565: no devpts there, but what an image put in its place.
static int in_hostile_root(void *arg) {
    (void)arg;
    struct spec_process p = { 0 };
    int master;
    int slave;
    cleanup_fd int root = open(test_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(terminal_open(root, -1, &p, &master, &slave, &err) == -1);
    CHECK(strstr(err.hint, "devpts"));
    CHECK(symlink("/dev/pts/ptmx", in_dir("dev/pts/ptmx")) == 0);
    CHECK(terminal_open(root, -1, &p, &master, &slave, &err) == -1);
    CHECK(unlink(in_dir("dev/pts/ptmx")) == 0);
    CHECK(mkfifo(in_dir("dev/pts/ptmx"), 0666) == 0);
    CHECK(terminal_open(root, -1, &p, &master, &slave, &err) == -1);
    CHECK(unlink(in_dir("dev/pts/ptmx")) == 0);
    if (mknod(in_dir("dev/pts/ptmx"), S_IFCHR | 0666, (5 << 8) | 2) == 0) {
        CHECK(terminal_open(root, -1, &p, &master, &slave, &err) == -1);
        CHECK(unlink(in_dir("dev/pts/ptmx")) == 0);
    }
    CHECK(rmdir(in_dir("dev/pts")) == 0 && symlink("/dev/pts", in_dir("dev/pts")) == 0);
    CHECK(terminal_open(root, -1, &p, &master, &slave, &err) == -1);
    CHECK(unlink(in_dir("dev/pts")) == 0 && mkdir(in_dir("dev/pts"), 0755) == 0);
    return 0;
}

static void test_pty(void **state) {
    (void)state;
    in_child(in_hostile_root, NULL);
    if (geteuid() != 0)
        skip();
    in_child(in_own_devpts, NULL);
}

// ---------------------------------------------------------------- the console socket

static int listen_on(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    (void)unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

// One message of less than 4096 bytes with exactly one descriptor; returns that.
static int receive(int listener) {
    char data[4096];
    char control[256];
    struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    cleanup_fd int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    assert_int_equal(n, strlen("/dev/ptmx"));
    assert_memory_equal(data, "/dev/ptmx", (size_t)n);
    assert_int_equal(msg.msg_controllen, CMSG_SPACE(sizeof(int)));
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    assert_non_null(c);
    if (!c)
        return -1;
    assert_int_equal(c->cmsg_type, SCM_RIGHTS);
    assert_int_equal(c->cmsg_len, CMSG_LEN(sizeof(int)));
    int got;
    memcpy(&got, CMSG_DATA(c), sizeof(got));
    return got;
}

static void send_and_receive(const char *path, int listener) {
    cleanup_fd int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct stat a;
    struct stat b;
    cleanup_fd int fd = terminal_connect_console_socket(path, &err);
    assert_true(fd >= 0);
    assert_int_equal(terminal_send(fd, master, &err), 0);
    cleanup_fd int got = receive(listener);
    assert_int_equal(fstat(master, &a), 0);
    assert_int_equal(fstat(got, &b), 0);
    assert_int_equal(a.st_rdev, b.st_rdev);
}

static void test_console_socket(void **state) {
    (void)state;
    int listener = listen_on(in_dir("s"));
    send_and_receive(in_dir("s"), listener);
    // A path that does not fit into sun_path.
    char name[200];
    memset(name, 'd', 150);
    name[150] = '\0';
    assert_int_equal(mkdir(in_dir(name), 0755), 0);
    str_copy(name + 150, sizeof(name) - 150, "/s");
    assert_int_equal(rename(in_dir("s"), in_dir(name)), 0);
    assert_true(strlen(in_dir(name)) > 108);
    send_and_receive(in_dir(name), listener);
    close(listener);
    assert_int_equal(terminal_connect_console_socket(in_dir(name), &err), -1);
    assert_int_equal(err.err, ECONNREFUSED);
    assert_int_equal(terminal_connect_console_socket(in_dir("nothing"), &err), -1);
    assert_int_equal(err.err, ENOENT);
}

// ---------------------------------------------------------------- the foreground

struct job {
    const char *script;
    const char *input;  // NULL: /dev/null
    const char *output; // what fd 1 must get, or NULL
    size_t output_size; // or only how much
    int code;
    int signal; // sent to the waiting process once it has said "ready"; 0: none
    bool terminal;
};

static pid_t spawn(const char *script, int slave) {
    pid_t pid = fork();
    if (pid == 0) {
        signals_reset();
        setsid();
        if (slave >= 0 && terminal_attach(slave, &err) < 0)
            _exit(99);
        execl("/bin/sh", "sh", "-c", script, NULL);
        _exit(98);
    }
    return pid;
}

// As `nook run` does it. Its stdin, stdout are pipes or what the job says.
static int run_job(const struct job *job) {
    struct foreground f;
    int master = -1;
    int slave = -1;
    if (foreground_begin(&f, &err) < 0)
        return 250;
    if (job->terminal) {
        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (grantpt(master) || unlockpt(master))
            return 251;
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    pid_t pid = spawn(job->script, slave);
    int pidfd = sys_pidfd_open(pid, 0);
    fd_close(&slave);
    int code = foreground_wait(&f, pidfd, pid, master, &err);
    foreground_end(&f);
    foreground_end(&f);
    close(pidfd);
    return code;
}

static void check_job(const struct job *job) {
    int in[2];
    int out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(job->input ? in[0] : null_fd, 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        int code = run_job(job);
        _exit(code < 0 ? 249 : code);
    }
    close(in[0]);
    close(out[1]);
    if (job->input)
        assert_int_equal(write(in[1], job->input, strlen(job->input)), strlen(job->input));
    close(in[1]);
    static char got[1 << 20];
    size_t n = 0;
    bool sent = false;
    for (;;) {
        ssize_t k = read(out[0], got + n, sizeof(got) - n);
        if (k <= 0)
            break;
        n += (size_t)k;
        // The script says "ready" when it can take the signal.
        if (job->signal && !sent && memmem(got, n, "ready", 5)) {
            kill(pid, job->signal);
            sent = true;
        }
    }
    close(out[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), job->code);
    if (job->output) {
        got[n] = '\0';
        assert_string_equal(got, job->output);
    }
    if (job->output_size)
        assert_int_equal(n, job->output_size);
}

static void test_foreground(void **state) {
    (void)state;
    static const struct job jobs[] = {
        { .script = "exit 0", .code = 0 },
        { .script = "exit 37", .code = 37 },
        { .script = "kill -KILL $$", .code = 137 },
        { .script = "kill -TERM $$", .code = 143 },
        { .script = "cat; echo done", .input = "hello\n", .output = "hello\ndone\n" },
        // Signals go to the process, and what it makes of them is its business.
        { .script = "trap 'echo term; exit 5' TERM; echo ready; while :; do sleep 0.05; done",
          .signal = SIGTERM,
          .code = 5,
          .output = "ready\nterm\n" },
        { .script = "trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done",
          .signal = SIGUSR1,
          .code = 6 },
        { .script = "trap 'exit 7' TSTP; echo ready; while :; do sleep 0.05; done",
          .signal = SIGTSTP,
          .code = 7 },
        { .script = "echo ready; exec sleep 60", .signal = SIGINT, .code = 130 },
        { .script = "trap 'exit 8' WINCH; echo ready; while :; do sleep 0.05; done",
          .signal = SIGWINCH,
          .code = 8 },
        // With a terminal.
        { .script = "tty >/dev/null && echo yes", .terminal = true, .output = "yes\r\n" },
        { .script = "exit 9", .terminal = true, .code = 9 },
        { .script = "trap 'echo hup; exit 4' HUP; echo ready; while :; do sleep 0.05; done",
          .terminal = true,
          .signal = SIGHUP,
          .code = 4,
          .output = "ready\r\nhup\r\n" },
        // Written at the very end, more than any buffer holds: nothing is lost.
        { .script = "head -c 300000 /dev/zero", .terminal = true, .output_size = 300000 },
        // The end of our input is the end of the program's.
        { .script = "stty -echo; echo ready; cat; echo end",
          .terminal = true,
          .input = "",
          .output = "ready\r\nend\r\n" },
        // A console that is closed and opened again, as systemd does.
        { .script = "t=$(tty); exec <&- >&- 2>&-; sleep 0.3; echo again >$t",
          .terminal = true,
          .output = "again\r\n" },
        // Somebody stays behind with the terminal: we do not wait for it.
        { .script = "(trap '' HUP; sleep 3) & echo left", .terminal = true, .output = "left\r\n" },
    };
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        print_message("  %s\n", jobs[i].script);
        check_job(&jobs[i]);
    }
}

// The caller's terminal: raw while it runs, as before afterwards.
static int with_own_terminal(void *arg) {
    (void)arg;
    struct termios before;
    struct termios after;
    int outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(grantpt(outer) == 0 && unlockpt(outer) == 0);
    int tty = ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(tcgetattr(tty, &before) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (terminal_attach(tty, &err) < 0)
            _exit(97);
        struct job job = { .script = "echo ready; read line; echo got $line; exit 3", .terminal = true };
        _exit(run_job(&job));
    }
    char text[4096] = "";
    size_t n = 0;
    bool typed = false;
    bool raw = false;
    while (!strstr(text, "got hello\r\n") && n + 1 < sizeof(text)) {
        struct pollfd p = { .fd = outer, .events = POLLIN };
        CHECK(poll(&p, 1, 10000) == 1);
        ssize_t k = read(outer, text + n, sizeof(text) - 1 - n);
        if (k <= 0)
            break;
        n += (size_t)k;
        text[n] = '\0';
        if (!typed && strstr(text, "ready\r\n")) {
            CHECK(tcgetattr(tty, &after) == 0);
            raw = !(after.c_lflag & (ICANON | ECHO | ISIG));
            CHECK(write(outer, "hello\r", 6) == 6);
            typed = true;
        }
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK(typed && raw);
    CHECK(tcgetattr(tty, &after) == 0);
    CHECK(after.c_lflag == before.c_lflag && after.c_iflag == before.c_iflag &&
          after.c_oflag == before.c_oflag);
    return 0;
}

static void test_own_terminal(void **state) {
    (void)state;
    in_child(with_own_terminal, NULL);
}

static int make_dev(void **state) {
    return make_test_dir(state) || mkdir(in_dir("dev"), 0755) || mkdir(in_dir("dev/pts"), 0755);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pty),
        cmocka_unit_test(test_console_socket),
        cmocka_unit_test(test_foreground),
        cmocka_unit_test(test_own_terminal),
    };
    alarm(120); // a loop that hangs is a failure too
    return cmocka_run_group_tests_name("terminal", tests, make_dev, remove_test_dir);
}
