/*
 * Rules P1-P5 and V1-V4 of PROTOCOL.md (sections 4 to 6): four replicas, one of them Byzantine. README.md says what is
 * checked, with which bounds, and what this abstraction leaves out.
 *
 * The fourth replica is Byzantine, leads every view, and votes for everything, so a certificate needs one honest vote
 * less than a quorum. Nothing is lost or late as a fact: whatever exists may be used by a step, or never be used.
 *
 * Views run one after the other. A step in a view rests on that view and on lower ones only, and each replica's own
 * steps never go back to a lower view, so any run can be put into this order with the same certificates. Within a view
 * all Prepares go before all Commits: no Prepare rests on a Commit. What is left of a view, once all have left it, is
 * a summary: its certificates, the highest claim of each replica, and the highest block that it accepted in the last view
 * in which it accepted any: a block's number tells its ancestors, so that is what its next ViewChange lists.
 *
 * Blocks are numbered as in a heap: 1 is the starting block, a block has KIDS possible children. The view is no part
 * of a block, so a later view can propose the same block again.
 */
#ifndef VIEWS
#define VIEWS 3
#endif
#ifndef SEQS
#define SEQS 3
#endif
#ifndef KIDS
#define KIDS 2          /* different blocks that a parent can have as children; at most 31 blocks in all */
#endif

#define LEVEL1  2       /* the first block of each sequence */
#define LEVEL2  (LEVEL1 + KIDS)
#define LEVEL3  (LEVEL2 + KIDS * KIDS)
#define LEVEL4  (LEVEL3 + KIDS * KIDS * KIDS)
#if SEQS == 1
#define BLOCKS  LEVEL2
#elif SEQS == 2
#define BLOCKS  LEVEL3
#elif SEQS == 3
#define BLOCKS  LEVEL4
#else
#define BLOCKS  (LEVEL4 + KIDS * KIDS * KIDS * KIDS)
#endif
#define PARENT(b)   (((b) - 2) / KIDS + 1)
#define SEQ(b)      (((b) >= LEVEL1) + ((b) >= LEVEL2) + ((b) >= LEVEL3) + ((b) >= LEVEL4))

/* Planted mistakes; none is defined for the protocol itself. */
#if defined(BASE_BY_SEQUENCE) || defined(NO_PARENT_RULE) || defined(LATE_COMMIT) || defined(VOTE_BELOW) || defined(WRONG_HIGHEST) \
 || defined(SUM_VIEWS) || defined(NOT_DURABLE) || defined(JUMP_ANY_VIEW) || defined(JUMP_BACK) || defined(TWO_NEWVIEWS) \
 || defined(QUORUM_LOW) || defined(LEADER_TWICE) || defined(FAST_QUORUM) || defined(NO_LISTS) || defined(TOP_ALONE) \
 || defined(LIST_LOST) || defined(FIRST_LIST) || defined(EQUAL_VIEWS) || defined(VIEW_FIRST) || defined(LIAR_ALONE) || defined(LIST_WINS) \
 || defined(CERTIFICATE_WINS) || defined(EXTENDS_LATER) || defined(APART_SAME_VIEW)
#define MUTANT
#endif

#define HONEST 3
#ifdef QUORUM_LOW
#define QUORUM 2
#else
#define QUORUM 3
#endif
#define COMMITS (QUORUM - 1)            /* honest votes for a commit certificate */
#ifdef LEADER_TWICE
#define PREPARES (QUORUM - 2)           /* its PrePrepare and a Prepare */
#else
#define PREPARES (QUORUM - 1)
#endif
#define VIEWCHANGES (QUORUM - 1)        /* honest ViewChanges in a NewView */

#define SLOTS (VIEWS * SEQS)            /* (view, sequence) in ascending order: what "highest" means in V3 and V4 */
#define SLOT(v, s) ((v) * SEQS + (s) - 1)
#define BIT(b) (1 << (b))

/* What a replica accepted in this view, 6 bits per sequence. */
#define ACCEPTED(r, s) ((word[r] >> (6 * ((s) - 1))) & 63)
#define NOTHING_FROM(r, s) ((word[r] >> (6 * ((s) - 1))) == 0)

byte view;
byte final = 1;         /* the highest block under a commit certificate, itself or by a descendant */
int word[HONEST];
byte top[HONEST];       /* the highest block accepted in the last view in which any was */
byte last[HONEST];      /* 1 + that view; 0: none */
byte claim[HONEST];     /* 1 + the slot of the highest prepared certificate that a Commit of this replica rests on; 0: none */
int prepared[SLOTS];    /* blocks with a prepared certificate, by slot, of views that are over */
int committed[SLOTS];
int permitted;          /* blocks that some NewView of this view allows as its first block */
bool committing;        /* this view's Prepares are over */
#ifdef SUM_VIEWS
int voted[HONEST], committedTo[HONEST];
#define PREPARED_BY(r, s, b) (ACCEPTED(r, s) == (b) || (voted[r] & BIT(b)) != 0)
#else
#define PREPARED_BY(r, s, b) (ACCEPTED(r, s) == (b))
#endif
#ifdef LIST_LOST
byte forgets;           /* replicas that a crash lets forget what they accepted in this view */
#endif
#ifdef VOTE_BELOW
byte gone;              /* replicas that sent a ViewChange above this view before they voted in it */
#endif

#define CERTIFIED_HERE(s, b) (PREPARED_BY(0, s, b) + PREPARED_BY(1, s, b) + PREPARED_BY(2, s, b) >= PREPARES)
#ifdef JUMP_ANY_VIEW
#define OLDER(v, s, b) (view > (v) && (prepared[SLOT(v, s)] & BIT(b)) != 0)
#define CERTIFIED(s, b) (CERTIFIED_HERE(s, b) || OLDER(0, s, b) || OLDER(1, s, b))
#else
#define CERTIFIED(s, b) CERTIFIED_HERE(s, b)
#endif

/* Rule P2. Lines: increasing sequence; (a), (b), (c). */
#define INCREASING(r, b) NOTHING_FROM(r, SEQ(b))
#ifdef TWO_NEWVIEWS
#define RULE_A(r, b) ((permitted & BIT(b)) != 0)
#else
#define RULE_A(r, b) (word[r] == 0 && (permitted & BIT(b)) != 0)
#endif
#ifdef NO_PARENT_RULE
#define RULE_B(r, b) (word[r] != 0)
#else
#define RULE_B(r, b) (SEQ(b) > 1 && ACCEPTED(r, SEQ(b) - 1) == PARENT(b))
#endif
#define RULE_C(r, b) (SEQ(b) > 1 && CERTIFIED(SEQ(b) - 1, PARENT(b)))
#ifdef JUMP_BACK
#define MAY_ACCEPT(r, b) ((INCREASING(r, b) && (RULE_A(r, b) || RULE_B(r, b))) || (ACCEPTED(r, SEQ(b)) == 0 && RULE_C(r, b)))
#else
#define MAY_ACCEPT(r, b) (INCREASING(r, b) && (RULE_A(r, b) || RULE_B(r, b) || RULE_C(r, b)))
#endif

/* Honest replicas are alike: keep them sorted. */
inline order(p, q) {
    if
    :: claim[p] > claim[q] || (claim[p] == claim[q] && (last[p] > last[q]
        || (last[p] == last[q] && (top[p] > top[q] || (top[p] == top[q] && word[p] > word[q]))))) ->
        i = claim[p]; claim[p] = claim[q]; claim[q] = i;
        i = last[p]; last[p] = last[q]; last[q] = i;
        i = top[p]; top[p] = top[q]; top[q] = i;
        x = word[p]; word[p] = word[q]; word[q] = x
    :: else
    fi
}

inline sort() {
#if !defined(SUM_VIEWS) && !defined(VOTE_BELOW)
    order(0, 1); order(1, 2); order(0, 1);
#endif
    i = 0; x = 0
}

/* j = 1 if block m is n or descends from it. */
inline descends(m, n) {
    i = m;
    do :: SEQ(i) > SEQ(n) -> i = PARENT(i) :: else -> break od;
    j = (i == n);
    i = 0
}

/*
 * V4: f is 1 + the highest view such that enough of the NewView's senders list block z in it or in a later one, without the
 * liar; o the same with it, who may list what it likes. The three highest of the honest ones are x1 >= x2 >= x3.
 */
inline rank(z) {
    x1 = 0; x2 = 0; x3 = 0;
    for (p : 0 .. HONEST - 1) {
        if
        :: (set & BIT(p)) != 0 && last[p] > 0 ->
#ifdef TOP_ALONE
            j = (top[p] == z);
#else
            descends(top[p], z);
#endif
            if
            :: j == 1 && last[p] > x1 -> x3 = x2; x2 = x1; x1 = last[p]
            :: j == 1 && last[p] <= x1 && last[p] > x2 -> x3 = x2; x2 = last[p]
            :: j == 1 && last[p] <= x2 -> x3 = last[p]
            :: else
            fi
        :: else
        fi
    }
#ifdef EQUAL_VIEWS
    if
    :: set == 7 -> f = (x1 == x3 -> x3 : 0); o = (x1 == x2 -> x1 : (x2 == x3 -> x2 : 0))
    :: else -> f = (x1 == x2 -> x2 : 0); o = x1
    fi;
#elif defined(LIAR_ALONE)
    f = (set == 7 -> x3 : x2); o = view;
#else
    if
    :: set == 7 -> f = x3; o = x2
    :: else -> f = x2; o = x1
    fi;
#endif
    x1 = 0; x2 = 0; x3 = 0; j = 0; p = 0
}

#ifdef VIEW_FIRST
#define RANKED(u, z) ((u) * 8 + SEQ(z))     /* the trap: a liar claims a late view for an ancestor */
#else
#define RANKED(u, z) SEQ(z)
#endif
#ifdef EXTENDS_LATER
#define OVER_EXTENDED(u, v) ((u) > (v) + 1)
#else
#define OVER_EXTENDED(u, v) ((u) >= (v) + 1)
#endif
#ifdef APART_SAME_VIEW
#define OVER_APART(u, v) ((u) >= (v) + 1)
#else
#define OVER_APART(u, v) ((u) > (v) + 1)
#endif

/*
 * V4: what this NewView may begin with if y, certified in slot k, is the highest it claims (y = 1, k = 0: nothing). a and b: the
 * highest rank of what must be chosen, extending y and apart from it; 0: nothing must. Permitted is, of what may be listed with the
 * liar's help, all that no such one is above; and y, where the lists need not say anything.
 */
inline weigh(y, k) {
    a = 0; b = 0; extend = 0; apart = 0;
#ifndef NO_LISTS
    for (z : 2 .. BLOCKS - 1) {
        rank(z);
#ifdef LIST_WINS
        f = (f > 0 -> VIEWS + 1 : 0); o = (o > 0 -> VIEWS + 1 : 0);
#endif
        if
        :: o > 0 ->
            descends(z, y);
            if
            :: j == 1 && z != y && OVER_EXTENDED(o, (k) / SEQS) ->
                extend = extend | BIT(z);
                a = (f > 0 && OVER_EXTENDED(f, (k) / SEQS) && RANKED(f, z) > a -> RANKED(f, z) : a)
            :: j == 0 ->
                descends(y, z);
                if
#ifndef CERTIFICATE_WINS
                :: j == 0 && OVER_APART(o, (k) / SEQS) ->
                    apart = apart | BIT(z);
                    b = (f > 0 && OVER_APART(f, (k) / SEQS) && RANKED(f, z) > b -> RANKED(f, z) : b)
#endif
                :: else
                fi
            :: else
            fi;
            j = 0
        :: else
        fi
    }
    for (z : 2 .. BLOCKS - 1) {
        if
        :: (extend & BIT(z)) != 0 -> rank(z); permitted = (RANKED(o, z) >= a -> permitted | BIT(z) : permitted)
        :: (extend & BIT(z)) == 0 && a == 0 && (apart & BIT(z)) != 0 ->
            rank(z); permitted = (RANKED(o, z) >= b -> permitted | BIT(z) : permitted)
        :: else
        fi
    }
#endif
    if
    :: a == 0 && b == 0 && y > 1 && (prepared[k] & BIT(y)) != 0 -> permitted = permitted | BIT(y)
    :: else
    fi;
    if
    :: a == 0 && b == 0 && SEQ(y) < SEQS && (y == 1 || (committed[k] & BIT(y)) != 0) ->
        for (p : 0 .. KIDS - 1) { permitted = permitted | BIT((y - 1) * KIDS + 2 + p) }
    :: else
    fi;
    a = 0; b = 0; extend = 0; apart = 0; f = 0; o = 0; z = 0; p = 0; j = 0
}

#ifdef BASE_BY_SEQUENCE
#define ORDER(c) ((c) == 0 -> 0 : ((c) - 1) % SEQS + 1)
#define BOUNDED(k) ((k) % SEQS + 1 >= bound)
#else
#define ORDER(c) (c)
#define BOUNDED(k) ((k) + 1 >= bound)
#endif
#define HIGHER(m, n) ((m) > (n) -> (m) : (n))

/*
 * V3, V4: ViewChanges of q, or of all; honest ones among them bound the highest claim from below, and the Byzantine one can claim any
 * certificate that exists, and list any blocks as of any view. Three honest ones without it are nothing new: it can say what the
 * third would. So: each two of the honest, and all three.
 */
inline new_view() {
    d_step {
        permitted = 0;
        set = 1;
        do
        :: set <= 7 ->
            c = ((set & 1) != 0) + ((set & 2) != 0) + ((set & 4) != 0);
            if
            :: c >= VIEWCHANGES ->
                bound = 0;
                for (i : 0 .. HONEST - 1) {
                    if
                    :: (set & BIT(i)) != 0 -> bound = HIGHER(bound, ORDER(claim[i]))
                    :: else
                    fi
                }
                i = 0;
                if :: bound == 0 -> weigh(1, 0) :: else fi;
                n = 0;
                do
                :: n < SLOTS && n < view * SEQS ->
                    if
                    :: BOUNDED(n) && (prepared[n] | committed[n]) != 0 ->
                        for (y : 2 .. BLOCKS - 1) {
                            if
                            :: ((prepared[n] | committed[n]) & BIT(y)) != 0 -> weigh(y, n)
                            :: else
                            fi
                        }
                        y = 0
                    :: else
                    fi;
                    n++
                :: else -> break
                od;
                n = 0
            :: else
            fi;
            set++
        :: else -> break
        od;
        set = 0; c = 0; bound = 0; i = 0; j = 0; k = 0
    }
}

/* P2, P4: one replica accepts one block and sends its Prepare; or, past the last choice, nothing happens. */
inline accept() {
    b = 2;
    do
    :: b == BLOCKS -> b = 2; r++; if :: r == HONEST -> break :: else fi
    :: b < BLOCKS && MAY_ACCEPT(r, b) -> break
    :: b < BLOCKS -> b++
    od;
    d_step {
        if
        :: r < HONEST ->
            word[r] = word[r] | (b << (6 * (SEQ(b) - 1)));
#ifdef SUM_VIEWS
            voted[r] = voted[r] | BIT(b)
#endif
        :: else
        fi;
        r = 0; b = 0;
        sort()
    }
}

/* What the replica's next ViewChange lists. */
inline remember(m) {
    j = 0;
    for (k : 1 .. SEQS) { j = (ACCEPTED(m, k) != 0 -> ACCEPTED(m, k) : j) }
    if
#ifdef FIRST_LIST
    :: j != 0 && last[m] == 0 -> last[m] = view + 1; top[m] = j
#elif defined(LIST_LOST)
    :: j != 0 && (forgets & BIT(m)) == 0 -> last[m] = view + 1; top[m] = j
#else
    :: j != 0 -> last[m] = view + 1; top[m] = j
#endif
    :: else
    fi;
    j = 0; k = 0
}

/* All have left this view, or will never vote Prepare in it again. */
inline end_prepares() {
    d_step {
        for (i : 2 .. BLOCKS - 1) {
            if
            :: CERTIFIED_HERE(SEQ(i), i) -> prepared[SLOT(view, SEQ(i))] = prepared[SLOT(view, SEQ(i))] | BIT(i)
            :: else
            fi
        }
        for (c : 0 .. HONEST - 1) { remember(c) }
        c = 0;
        /* P5: all have prepared it. */
        for (b : 2 .. BLOCKS - 1) {
            if
#ifdef FAST_QUORUM
            :: CERTIFIED_HERE(SEQ(b), b) -> agree(b)
#else
            :: ACCEPTED(0, SEQ(b)) == b && ACCEPTED(1, SEQ(b)) == b && ACCEPTED(2, SEQ(b)) == b -> agree(b)
#endif
            :: else
            fi
        }
        b = 0;
        word[0] = 0; word[1] = 0; word[2] = 0; permitted = 0; committing = true;
        sort()
    }
}

/* P4: a replica commits to at most one block of a slot, and keeps its certificate. j gathers who committed. */
inline commit_slot() {
    b = 2;
    do
    :: b < BLOCKS && (prepared[SLOT(view, a)] & BIT(b)) != 0 && SEQ(b) == a ->
        r = 0;
        do
        :: r < HONEST ->
            if
            :: (j & BIT(r)) == 0 ->
                j = j | BIT(r); c++;
#ifdef SUM_VIEWS
                committedTo[r] = committedTo[r] | BIT(b);
#endif
                rest(r)
            :: true
            fi;
            r++
        :: else -> break
        od;
#ifdef SUM_VIEWS
        c = ((committedTo[0] & BIT(b)) != 0) + ((committedTo[1] & BIT(b)) != 0) + ((committedTo[2] & BIT(b)) != 0);
#endif
        if
        :: c >= COMMITS -> committed[SLOT(view, a)] = committed[SLOT(view, a)] | BIT(b); d_step { agree(b) }
        :: else
        fi;
        c = 0; b++
    :: b < BLOCKS && !((prepared[SLOT(view, a)] & BIT(b)) != 0 && SEQ(b) == a) -> b++
    :: else -> break
    od;
    j = 0; r = 0; b = 0
}

/* What the replica's next ViewChange claims after this Commit. */
inline rest(n) {
#ifdef LATE_COMMIT
    if :: claim[n] = SLOT(view, a) + 1 :: true fi       /* the ViewChange had gone out before */
#elif defined(VOTE_BELOW)
    if :: (gone & BIT(n)) == 0 -> claim[n] = SLOT(view, a) + 1 :: else fi
#elif defined(WRONG_HIGHEST)
    if :: claim[n] == 0 -> claim[n] = SLOT(view, a) + 1 :: else fi      /* the first one it had, not the highest */
#elif defined(NOT_DURABLE)
    if :: claim[n] = SLOT(view, a) + 1 :: claim[n] = 0 fi       /* sent, then a crash */
#else
    claim[n] = SLOT(view, a) + 1        /* slots ascend, so this is the highest */
#endif
}

/* Agreement: all final blocks lie on one chain. */
inline agree(m) {
    i = m; k = final;
    do :: SEQ(i) > SEQ(k) -> i = PARENT(i) :: else -> break od;
    do :: SEQ(k) > SEQ(i) -> k = PARENT(k) :: else -> break od;
    assert(i == k);
    final = (SEQ(m) > SEQ(final) -> m : final);
    i = 0; k = 0
}

/*
 * States that differ in nothing that can matter are made one: certificates below every possible base, claims below the
 * bound (claims only grow), and the names of siblings.
 */
inline forget() {
#ifdef MUTANT
    skip
#else
    d_step {
        sort();
        bound = claim[1];
        claim[0] = (claim[0] < bound -> 0 : claim[0]);
        /* A list of a view below each certificate that can be the highest goes over none. */
        for (k : 0 .. HONEST - 1) {
            if
            :: bound > 0 && last[k] > 0 && last[k] - 1 < (bound - 1) / SEQS -> last[k] = 0; top[k] = 0
            :: else
            fi
        }
        k = 0;
        do
        :: k + 1 < bound -> prepared[k] = 0; committed[k] = 0; k++
        :: else -> break
        od;
        bound = 0; k = 0
    }
    rename()
#endif
}

/* Siblings are numbered in the order of: the final chain, then certificates by slot. swap[n]: child that n's 0 stands for. */
inline rename() {
    d_step {
        x = 0; bound = final; i = SEQ(final);
        translate(); final = a;
        for (k : 0 .. SLOTS - 1) {
            if
            :: prepared[k] != 0 ->
                b = 2;
                do :: (prepared[k] & BIT(b)) == 0 -> b++ :: else -> break od;
                bound = b;
                translate();
                prepared[k] = BIT(a);
                committed[k] = (committed[k] != 0 -> BIT(a) : 0)
            :: else
            fi
        }
        for (k : 0 .. HONEST - 1) {
            if
            :: top[k] != 0 -> bound = top[k]; translate(); top[k] = a
            :: else
            fi
        }
        x = 0; a = 0; b = 0; c = 0; i = 0; j = 0; k = 0; r = 0; bound = 0
    }
}

/* a = new name of block bound. x: bit 2n says that n's children are named, bit 2n + 1 that they change places. KIDS is 2. */
inline translate() {
#if KIDS == 2
    a = 1; c = 1; r = SEQ(bound);
    do
    :: r > 0 ->
        j = (bound >> (r - 1)) & 1;
        if
        :: (x & BIT(2 * c)) == 0 -> x = x | BIT(2 * c); x = x | (j << (2 * c + 1))
        :: else
        fi;
        a = 2 * a + (j ^ ((x >> (2 * c + 1)) & 1));
        c = 2 * c + j;
        r--
    :: else -> break
    od
#else
    a = bound
#endif
}

active proctype protocol() {
    byte r, a, b, c, i, j, k, bound, set, n, y, z, p, f, o, x1, x2, x3;
    int x, extend, apart;
    atomic {
        new_view();
#ifdef VOTE_BELOW
        select(gone : 0 .. 7)
#endif
#ifdef LIST_LOST
        select(forgets : 0 .. 7)
#endif
    }
end:
    do
    :: atomic { !committing -> accept() }
    :: atomic { !committing -> end_prepares() }
    :: atomic {
        committing ->
        for (a : 1 .. SEQS) { commit_slot() }
        a = 0; committing = false;
        view++;
        if
        :: view == VIEWS -> goto over
        :: else -> forget(); new_view()
        fi;
#ifdef VOTE_BELOW
        select(gone : 0 .. 7)
#endif
#ifdef LIST_LOST
        select(forgets : 0 .. 7)
#endif
    }
    od;
over:
    skip
}
