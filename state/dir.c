// SPDX-License-Identifier: Apache-2.0
// The entries below the root: claim, open, judge, list, remove.
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/str.h"
#include "state/state.h"

#define LOCK_FILE  "nook.lock"
#define NAMES_FILE ".names.lock"

void state_close(struct state_dir *dir) {
    fd_close(&dir->lock_fd);
    fd_close(&dir->fd);
    fd_close(&dir->root_fd);
}

// ---------------------------------------------------------------- what an entry is

enum found { FOUND_NOTHING, FOUND_EMPTY, FOUND_FOREIGN, FOUND_OURS };

static DIR *open_listing(int fd) {
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d)
        fd_close(&copy);
    return d;
}

static bool is_dot(const char *name) {
    return str_eq(name, ".") || str_eq(name, "..");
}

static bool is_empty(int fd) {
    DIR *d = open_listing(fd);
    bool empty = d != NULL;
    for (struct dirent *e; d && empty && (e = readdir(d));)
        empty = is_dot(e->d_name);
    if (d)
        closedir(d);
    return empty;
}

// Opens <root>/<id> and says whose it is. *fd is open when the answer is EMPTY or OURS. FOUND_NOTHING with
// errno other than ENOENT: it could not be opened.
static enum found find_entry(int root_fd, const char *id, int *fd) {
    struct stat st;
    *fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? FOUND_FOREIGN : FOUND_NOTHING;
    if (fstatat(*fd, LOCK_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
        return FOUND_OURS;
    if (is_empty(*fd))
        return FOUND_EMPTY;
    fd_close(fd);
    return FOUND_FOREIGN;
}

int state_open(struct arena *a, const char *root, const char *id, struct state_dir *dir, struct error *err) {
    *dir = STATE_DIR_NONE;
    if (state_check_id(id, err) < 0)
        return -1;
    dir->root_fd = state_open_root(root, false, err);
    if (dir->root_fd < 0)
        return err->err == ENOENT ? error_set(err, "state.not-found", 0, "container does not exist") : -1;
    enum found found = find_entry(dir->root_fd, id, &dir->fd);
    int saved = errno;
    if (found == FOUND_OURS) {
        dir->id = arena_strdup(a, id);
        return 0;
    }
    state_close(dir);
    if (found == FOUND_NOTHING && saved != ENOENT)
        return error_set(err, "state.open", saved, "open the state of container %s in %s", id, root);
    return error_set(err, "state.not-found", 0, "container does not exist");
}

enum state_status state_status(const struct state_dir *dir, const struct state *s) {
    if (!s->complete)
        return STATE_CREATING;
    if (proc_check(&s->init) != PROC_ALIVE)
        return STATE_STOPPED;
    return state_probe_start_socket(dir->fd) ? STATE_CREATED : STATE_RUNNING;
}

bool state_is_locked(const struct state_dir *dir) {
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (dir->lock_fd >= 0)
        return true;
    cleanup_fd int fd = openat(dir->fd, LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno != ENOENT; // in doubt, yes
    return fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

// Has the creator put nothing there but the lock and perhaps a temporary file?
static bool is_bare(int fd) {
    DIR *d = open_listing(fd);
    bool bare = d != NULL;
    for (struct dirent *e; d && bare && (e = readdir(d));)
        bare = is_dot(e->d_name) || str_eq(e->d_name, LOCK_FILE) || str_starts(e->d_name, ".state.json");
    if (d)
        closedir(d);
    return bare;
}

// state_is_dead() but for the lock.
static bool looks_dead(const struct state_dir *dir, const struct state *s, bool loaded) {
    if (!loaded)
        return is_bare(dir->fd);
    // A boot id that could not be read then or now proves nothing.
    const char *boot_id = proc_boot_id();
    if (s->init.boot_id[0] && boot_id[0] && !str_eq(s->init.boot_id, boot_id))
        return true;
    return !s->complete && (s->init.pid == 0 || proc_check(&s->init) != PROC_ALIVE);
}

bool state_is_dead(const struct state_dir *dir, const struct state *s, bool loaded) {
    return looks_dead(dir, s, loaded) && !state_is_locked(dir);
}

// ---------------------------------------------------------------- claim

static int already_exists(struct error *err) {
    return error_set(err, "state.exists", 0, "container with given ID already exists");
}

// FNV-1a. Two names with one hash would only keep each other waiting for their turn.
static off_t hash(const char *name) {
    uint64_t h = 0xcbf29ce484222325;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3;
    return (off_t)(h >> 2);
}

int state_lock_name(const struct state_dir *dir, const char *name) {
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = hash(name), .l_len = 1 };
    cleanup_fd int fd =
        openat(dir->root_fd, NAMES_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -1 : fd_steal(&fd);
}

// Locks the entry for this process. A lock of fcntl(2) is not inherited by the child, as one of flock(2)
// would be, and so ends with the creator. 1: ours; 0: somebody else has it; -1 with errno.
static int lock_entry(struct state_dir *dir) {
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    dir->lock_fd = openat(dir->fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (dir->lock_fd < 0)
        return -1;
    if (fcntl(dir->lock_fd, F_SETLK, &lock) == 0)
        return 1;
    int saved = errno;
    fd_close(&dir->lock_fd);
    errno = saved;
    return saved == EAGAIN || saved == EACCES ? 0 : -1;
}

// Is the lock that we hold on the file that others see? A lock file with a name is in a directory that is not
// empty, and so has not been removed either.
static bool lock_counts(const struct state_dir *dir) {
    struct stat st;
    return fstat(dir->lock_fd, &st) == 0 && st.st_nlink > 0;
}

// Takes what a dead creator left at <root>/<id> out of the way. 0, or -1 with *err when it is not dead.
static int reclaim_entry(struct arena *a, struct state_dir *dir, state_reclaim_fn reclaim, void *arg,
                         struct error *err) {
    struct error load_err;
    struct state old;

    enum found found = find_entry(dir->root_fd, dir->id, &dir->fd);
    if (found == FOUND_NOTHING || found == FOUND_EMPTY) {
        fd_close(&dir->fd);
        // ENOTEMPTY: another creator is quicker.
        if (found == FOUND_EMPTY && unlinkat(dir->root_fd, dir->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
            return already_exists(err);
        return 0;
    }
    if (found == FOUND_FOREIGN)
        return already_exists(err);
    bool loaded = state_load(dir, a, &old, &load_err) == 0;
    bool dead = state_is_dead(dir, &old, loaded) && lock_entry(dir) == 1 && lock_counts(dir);
    if (dead) { // once more with the lock in hand, for now nobody else changes it
        loaded = state_load(dir, a, &old, &load_err) == 0;
        dead = looks_dead(dir, &old, loaded);
    }
    if (!dead) {
        fd_close(&dir->lock_fd);
        fd_close(&dir->fd);
        return already_exists(err);
    }
    log_warning("container %s: an entry of an earlier container was left behind (%s): cleared away", dir->id,
                loaded && old.complete ? "before this boot" : "its creation was not finished");
    if (reclaim)
        reclaim(&old, arg);
    int rc = state_remove(dir, err);
    fd_close(&dir->lock_fd);
    fd_close(&dir->fd);
    return rc;
}

enum claimed { CLAIMED, CLAIM_AGAIN, CLAIM_FAILED };

static enum claimed try_claim(struct arena *a, struct state_dir *dir, state_reclaim_fn reclaim, void *arg,
                              struct error *err) {
    if (mkdirat(dir->root_fd, dir->id, 0711) < 0) {
        if (errno == EEXIST)
            return reclaim_entry(a, dir, reclaim, arg, err) < 0 ? CLAIM_FAILED : CLAIM_AGAIN;
        error_set(err, "state.claim", errno, "make the state directory of container %s", dir->id);
        return CLAIM_FAILED;
    }
    // From here to the lock the directory is empty, and another creator of the same id may take it away and
    // put its own in its place; that one may even have finished when we get the lock. Then there is a
    // state.json.
    dir->fd = openat(dir->root_fd, dir->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int locked = dir->fd < 0 ? -1 : lock_entry(dir);
    if (locked == 1 && lock_counts(dir) && !fd_exists_at(dir->fd, STATE_FILE))
        return CLAIMED;
    int saved = errno;
    fd_close(&dir->lock_fd);
    fd_close(&dir->fd);
    if (locked == 1 || (locked < 0 && saved == ENOENT))
        return CLAIM_AGAIN;
    if (locked == 0) {
        already_exists(err);
        return CLAIM_FAILED;
    }
    (void)unlinkat(dir->root_fd, dir->id, AT_REMOVEDIR);
    error_set(err, "state.claim", saved, "lock the state directory of container %s", dir->id);
    return CLAIM_FAILED;
}

int state_claim(struct arena *a, const char *root, const char *id, state_reclaim_fn reclaim, void *arg,
                struct state_dir *dir, struct error *err) {
    *dir = STATE_DIR_NONE;
    if (state_check_id(id, err) < 0)
        return -1;
    dir->root_fd = state_open_root(root, true, err);
    if (dir->root_fd < 0)
        return -1;
    dir->id = arena_strdup(a, id);
    enum claimed result = CLAIM_AGAIN;
    for (int i = 0; i < 16 && result == CLAIM_AGAIN; i++)
        result = try_claim(a, dir, reclaim, arg, err);
    if (result == CLAIMED)
        return 0;
    state_close(dir);
    return result == CLAIM_AGAIN ? already_exists(err) : -1;
}

// ---------------------------------------------------------------- remove

// Removes what is in the directory but `keep`; no link is followed. depth bounds the recursion. 0, or -1 with
// errno.
static int remove_contents(int fd, const char *keep, int depth) {
    DIR *d = open_listing(fd);
    int rc = d ? 0 : -1;
    for (struct dirent *e; rc == 0 && (e = readdir(d));) {
        if (is_dot(e->d_name) || (keep && str_eq(e->d_name, keep)))
            continue;
        if (unlinkat(fd, e->d_name, 0) == 0 || errno == ENOENT)
            continue;
        if ((errno != EISDIR && errno != EPERM) || depth == 0) {
            rc = -1;
            break;
        }
        cleanup_fd int sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (sub < 0 || remove_contents(sub, NULL, depth - 1) < 0 || unlinkat(fd, e->d_name, AT_REMOVEDIR) < 0)
            rc = -1;
    }
    int saved = errno;
    if (d)
        closedir(d);
    errno = saved;
    return rc;
}

// Does the name still lead to the directory that we have open? A new container may have got it.
static bool still_there(const struct state_dir *dir) {
    struct stat ours, now;
    return fstat(dir->fd, &ours) == 0 && fstatat(dir->root_fd, dir->id, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_dev == now.st_dev && ours.st_ino == now.st_ino;
}

int state_remove(struct state_dir *dir, struct error *err) {
    for (int i = 0; i < 4; i++) {
        // The lock file goes last: it is what makes the directory ours until it is empty.
        if (remove_contents(dir->fd, LOCK_FILE, 8) < 0 ||
            (unlinkat(dir->fd, LOCK_FILE, 0) < 0 && errno != ENOENT))
            return error_set(err, "state.remove", errno, "remove the state of container %s", dir->id);
        if (!still_there(dir) || unlinkat(dir->root_fd, dir->id, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        // Not empty: either somebody was still writing there, or a new container has taken the place.
        if (errno != ENOTEMPTY && errno != EEXIST)
            break;
        if (fd_exists_at(dir->fd, LOCK_FILE))
            return 0;
    }
    return error_set(err, "state.remove", errno, "remove the state directory of container %s", dir->id);
}

// ---------------------------------------------------------------- list

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// All names in the root that could be ids, sorted. 0, or -1 with errno.
static int read_ids(int root_fd, struct arena *a, const char ***ids, size_t *n) {
    struct error err;
    DIR *d = open_listing(root_fd);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        if ((e->d_type == DT_DIR || e->d_type == DT_UNKNOWN) && state_check_id(e->d_name, &err) == 0)
            *ARENA_PUSH(a, *ids, *n) = arena_strdup(a, e->d_name);
    closedir(d);
    if (*n > 0)
        qsort(*ids, *n, sizeof(**ids), compare_names);
    return 0;
}

int state_list(struct arena *a, const char *root, state_list_fn fn, void *arg, struct error *err) {
    const char **ids = NULL;
    size_t n = 0;

    cleanup_fd int root_fd = state_open_root(root, false, err);
    if (root_fd < 0)
        return -1;
    if (read_ids(root_fd, a, &ids, &n) < 0)
        return error_set(err, "state.list", errno, "read the state directory %s", root);
    for (size_t i = 0; i < n; i++) {
        struct state_dir dir = { .root_fd = root_fd, .fd = -1, .lock_fd = -1, .id = ids[i] };
        struct error load_err;
        struct state s;
        int rc = 0;
        if (find_entry(root_fd, ids[i], &dir.fd) == FOUND_OURS) {
            bool loaded = state_load(&dir, a, &s, &load_err) == 0;
            rc = fn(&dir, &s, loaded, arg, err);
        }
        fd_close(&dir.fd);
        if (rc < 0)
            return -1;
    }
    return 0;
}
