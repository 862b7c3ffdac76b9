#ifndef M_H
#define M_H
#include "state/state.h"
struct member_identity {
    int x;
};
static inline struct member_identity members_of(const struct state *s) {
    (void)s;
    return (struct member_identity){ 0 };
}
static inline int members_kill(const struct member_identity *i, int ms, struct error *e) {
    (void)i;
    (void)ms;
    (void)e;
    return 0;
}
static inline int members_find(const struct member_identity *i, struct error *e) {
    (void)i;
    (void)e;
    return 0;
}
static inline int members_identify(pid_t p, const char *r, struct member_identity *i, struct error *e) {
    (void)p;
    (void)r;
    (void)i;
    (void)e;
    return 0;
}
#endif
