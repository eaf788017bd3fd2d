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
 * a summary: its certificates, and the highest claim of each replica.
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
 || defined(QUORUM_LOW) || defined(LEADER_TWICE)
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
    :: claim[p] > claim[q] || (claim[p] == claim[q] && word[p] > word[q]) ->
        i = claim[p]; claim[p] = claim[q]; claim[q] = i;
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

/*
 * V3, V4: q ViewChanges, honest ones among them, bound the base from below by the highest of their claims; the Byzantine
 * one can claim any certificate that exists. So the base is at least the claim of rank VIEWCHANGES from below.
 * Either the base is voted again, or, if it is final, a child of it comes first.
 */
inline new_view() {
    d_step {
        permitted = 0;
#ifdef BASE_BY_SEQUENCE
        a = (claim[0] == 0 -> 0 : (claim[0] - 1) % SEQS + 1);
        b = (claim[1] == 0 -> 0 : (claim[1] - 1) % SEQS + 1);
        c = (claim[2] == 0 -> 0 : (claim[2] - 1) % SEQS + 1);
#else
        a = claim[0]; b = claim[1]; c = claim[2];
#endif
        /* bound: the lowest of the three, or the middle one */
        if
        :: VIEWCHANGES == 1 -> bound = (a < b -> (a < c -> a : c) : (b < c -> b : c))
        :: else -> bound = (a < b -> (b < c -> b : (a < c -> c : a)) : (a < c -> a : (b < c -> c : b)))
        fi;
        if :: bound == 0 -> for (i : LEVEL1 .. LEVEL2 - 1) { permitted = permitted | BIT(i) } :: else fi;
        k = 0;
        do
        :: k < SLOTS && k < view * SEQS ->
#ifdef BASE_BY_SEQUENCE
            if
            :: k % SEQS + 1 >= bound ->
#else
            if
            :: k + 1 >= bound ->
#endif
                permitted = permitted | prepared[k];
                for (i : 1 .. BLOCKS - 1) {
                    if
                    :: (committed[k] & BIT(i)) != 0 && SEQ(i) < SEQS ->
                        for (j : 0 .. KIDS - 1) { permitted = permitted | BIT((i - 1) * KIDS + 2 + j) }
                    :: else
                    fi
                }
            :: else
            fi;
            k++
        :: else -> break
        od;
        a = 0; b = 0; c = 0; bound = 0; i = 0; j = 0; k = 0
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

/* All have left this view, or will never vote Prepare in it again. */
inline end_prepares() {
    d_step {
        for (i : 2 .. BLOCKS - 1) {
            if
            :: CERTIFIED_HERE(SEQ(i), i) -> prepared[SLOT(view, SEQ(i))] = prepared[SLOT(view, SEQ(i))] | BIT(i)
            :: else
            fi
        }
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
        :: c >= COMMITS -> committed[SLOT(view, a)] = committed[SLOT(view, a)] | BIT(b); agree(b)
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

/* Agreement: all blocks under a commit certificate lie on one chain. */
inline agree(m) {
    d_step {
        i = m; k = final;
        do :: SEQ(i) > SEQ(k) -> i = PARENT(i) :: else -> break od;
        do :: SEQ(k) > SEQ(i) -> k = PARENT(k) :: else -> break od;
        assert(i == k);
        final = (SEQ(m) > SEQ(final) -> m : final);
        i = 0; k = 0
    }
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
    byte r, a, b, c, i, j, k, bound;
    int x;
    atomic {
        new_view();
#ifdef VOTE_BELOW
        select(gone : 0 .. 7)
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
    }
    od;
over:
    skip
}
