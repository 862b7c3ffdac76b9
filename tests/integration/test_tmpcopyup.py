# SPDX-License-Identifier: Apache-2.0
"""The mount option tmpcopyup, which podman sends with every --tmpfs (MO-34): a tmpfs begins with what the directory held."""

import hashlib
import os
import socket
import stat

import pytest


@pytest.fixture
def data(box):
    path = box.rootfs / "data"
    path.mkdir()
    return path


def copied(box, *options, at="/data"):
    return box.mount(at, "tmpfs", "tmpfs", ["tmpcopyup", *options])


def test_mo34_content(box, data):
    (data / "a").write_text("text")
    (data / "sub/deep").mkdir(parents=True)
    (data / "sub/deep/b").write_text("below")
    copied(box, "rw", "nosuid", "nodev", "noexec")
    assert box.sees("cat /data/a /data/sub/deep/b; echo new > /data/new; rm /data/a; grep ' /data ' /proc/self/mountinfo") \
        .startswith("textbelow")
    assert sorted(os.listdir(data)) == ["a", "sub"] and (data / "a").read_text() == "text"


def test_mount_options_stay(box, data):
    copied(box, "nosuid", "nodev", "noexec", "noatime", "size=2m").sleep().up()
    m = box.proc.mount("/data")
    assert m.fstype == "tmpfs" and {"nosuid", "nodev", "noexec", "noatime", "rw"} <= m.opts and "size=2048k" in m.sopts


def test_in_features(box):
    assert "tmpcopyup" in box.nook("features").ok().json()["mountOptions"]


def test_modes_owners_times(box, data):
    (data / "f").write_text("x")
    (data / "sub").mkdir()
    for path, uid, gid, mode in ((data / "f", 5, 6, 0o6751), (data / "sub", 7, 8, 0o3711), (data, 0, 12, 0o2755)):
        os.chown(path, uid, gid)
        os.chmod(path, mode)
        os.utime(path, (1000, 2000))
    copied(box)
    assert box.sees("stat -c '%n %a %u %g %Y' /data /data/f /data/sub") == (
        "/data 2755 0 12 2000\n/data/f 6751 5 6 2000\n/data/sub 3711 7 8 2000\n")


@pytest.mark.parametrize("options, want", [([], "751 3 4"), (["mode=1777"], "1777 3 4"), (["uid=9"], "751 9 4"),
                                           (["gid=9", "mode=700"], "700 3 9")])
def test_root_is_the_directorys_unless_the_options_say(box, data, options, want):
    os.chown(data, 3, 4)
    os.chmod(data, 0o751)
    copied(box, *options)
    assert box.sees("stat -c '%a %u %g' /data") == want + "\n"


def test_symlinks_are_copied_never_followed(box, data, tmp):
    (tmp / "secret").write_text("the host's")
    (tmp / "dir").mkdir()
    (tmp / "dir/secret").write_text("the host's")
    os.symlink(tmp / "secret", data / "absolute")
    os.symlink(tmp / "dir", data / "directory")
    os.symlink("../../../../../../../../.." + str(tmp / "secret"), data / "up")
    os.symlink("nowhere", data / "dangling")
    os.symlink("/data", data / "loop")
    os.lchown(data / "dangling", 3, 4)
    copied(box)
    out = box.sees("cd /data; for l in absolute directory up dangling loop; do readlink $l; done; cat absolute up directory/secret;"
                   "stat -c '%F %u %g' dangling; true")
    assert out.splitlines() == [str(tmp / "secret"), str(tmp / "dir"), "../../../../../../../../.." + str(tmp / "secret"),
                                "nowhere", "/data", "symbolic link 3 4"]
    assert sorted(os.listdir(tmp / "dir")) == ["secret"]


@pytest.mark.parametrize("text", ["{tmp}/host", "../../../../../../../../..{tmp}/host"])
def test_destination_is_a_link_to_the_host(box, tmp, text):
    (tmp / "host").mkdir()
    (tmp / "host/secret").write_text("the host's")
    os.symlink(text.format(tmp=tmp), box.rootfs / "data")
    copied(box)
    assert box.sees("ls /data; touch /data/x; ls /data/.") == "x\n"
    assert os.listdir(tmp / "host") == ["secret"]


def test_destination_is_a_link_inside(box, data):
    (data / "a").write_text("text")
    os.symlink("data", box.rootfs / "link")
    copied(box, at="/link")
    assert box.sees("cat /data/a; grep -c ' /data ' /proc/self/mountinfo") == "text1\n"


def test_nodes(box, data):
    os.mkfifo(data / "fifo", 0o620)
    os.chmod(data / "fifo", 0o620)
    os.mknod(data / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(data / "socket"))
        copied(box)
        assert box.sees("stat -c '%n %F %a' /data/*") == \
            "/data/fifo fifo 620\n/data/null character special file 644\n".replace("644", f"{os.stat(data / 'null').st_mode & 0o777:o}")


def test_read_only(box, data):
    (data / "a").write_text("text")
    copied(box, "ro")
    assert box.sees("cat /data/a; touch /data/x || echo refused") == "textrefused\n"


def test_empty(box, data):
    data.chmod(0o711)
    copied(box)
    assert box.sees("ls -A /data; stat -c %a /data; touch /data/x") == "711\n"


@pytest.mark.parametrize("options", [[], ["ro"]])
def test_missing(box, options):
    copied(box, *options, at="/new/dir")
    assert box.sees("ls -A /new/dir; stat -c '%a %u %g' /new/dir") == "1777 0 0\n"


def test_read_only_root_and_its_directories(box, data):
    (data / "a").write_text("text")
    box.config["root"]["readonly"] = True
    copied(box)
    assert box.sees("cat /data/a; touch /data/x && echo fine; touch /x || true") == "textfine\n"


def test_dev_from_the_image(box):
    """/dev is filled with what every container gets after the image's own files, and read-only last."""
    (box.rootfs / "dev/extra").write_text("of the image")
    for m in box.config["mounts"]:
        if m["destination"] == "/dev":
            m["options"] += ["tmpcopyup", "ro"]
    assert box.sees("cat /dev/extra; echo x > /dev/null && echo fine; touch /dev/x || true") == "of the imagefine\n"


def test_large_file(box, data):
    block = os.urandom(1 << 20)
    with open(data / "big", "wb") as f:
        for _ in range(20):
            f.write(block)
    with open(data / "sparse", "wb") as f:
        f.truncate(1 << 34)
        f.seek(1 << 30)
        f.write(b"middle")
    copied(box, "size=24m")
    assert box.sees("cd /data; sha256sum < big; stat -c %s sparse; dd if=sparse bs=1M skip=1024 count=1 2>/dev/null | head -c 6").split() \
        == [*hashlib.sha256(block * 20).hexdigest().split(), "-", str(1 << 34), "middle"]


def test_too_small(box, data):
    (data / "sub").mkdir()
    (data / "sub/big").write_bytes(b"x" * 100_000)
    index = len(box.config["mounts"])
    copied(box, "size=16k").args("/bin/true")
    box.run().fails("/data/sub/big", "No space left on device", "size=16k", f"/mounts/{index}")
    box.nothing_left(patience=0)


def test_too_few_inodes(box, data):
    for i in range(20):
        (data / f"f{i}").write_text("")
    copied(box, "nr_inodes=5").args("/bin/true").run().fails("/data/f", "No space left on device", "nr_inodes=5")


def test_newline_in_a_name_leaves_one_line(box, data):
    (data / "a\nb\x1b[31m").write_bytes(b"x" * 10_000)
    r = copied(box, "size=4k").args("/bin/true").run().fails("/data/a?b?[31m")
    assert "\x1b" not in r.err


def test_bind_takes_no_notice_but_says_so(box, tmp):
    (tmp / "src").mkdir()
    (tmp / "src/a").write_text("source")
    box.mount("/mnt", "bind", tmp / "src", ["bind", "tmpcopyup"])
    box.nook.globals = ["--log-level", "warning", "--log", str(tmp / "log")]
    assert box.sees("cat /mnt/a") == "source"
    assert "tmpcopyup" in (tmp / "log").read_text()


# -- user namespaces ---------------------------------------------------------------------------------------------------
def test_userns(box, data):
    box.userns()
    (data / "own").write_text("own")
    os.chown(data / "own", 100005, 100006)
    os.chmod(data / "own", 0o4755)
    (data / "foreign").write_text("foreign")  # of the host's root, which has no id in there
    os.chmod(data / "foreign", 0o6755)
    (data / "sub").mkdir()
    (data / "sub/b").write_text("below")
    os.symlink("own", data / "link")
    os.mkfifo(data / "fifo")
    os.mknod(data / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chmod(data, 0o755)
    copied(box)
    out = box.sees("cat /data/own /data/foreign /data/sub/b; echo; stat -c '%n %a %u %g' /data /data/own; stat -c '%n %a' /data/foreign;"
                   "ls /data").splitlines()
    assert out[0] == "ownforeignbelow"
    assert out[1].startswith("/data 755 ") and out[2] == "/data/own 4755 5 6"
    assert out[3] == "/data/foreign 755"  # its set-id bits would be another's
    assert out[4:] == ["fifo", "foreign", "link", "own", "sub"]


def test_userns_unreadable(box, data):
    box.userns()
    (data / "secret").write_text("the host's")
    os.chmod(data / "secret", 0o600)
    copied(box).args("/bin/true").run().fails("/data/secret", "Permission denied", "user namespace")
