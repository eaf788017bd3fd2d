/*
 * The same rules as ordering.pml without its reductions: three honest processes whose steps mix freely over all views,
 * every vote kept. It checks, in small bounds, that running views one after the other loses nothing; and it has the
 * two planted mistakes that are about order in time as they would happen.
 *
 * The fourth replica is Byzantine, leads every view, votes for everything and claims any certificate that exists.
 */
#ifndef VIEWS
#define VIEWS 2
#endif
#ifndef SEQS
#define SEQS 2
#endif
#define HONEST 3
#define VOTES 2                         /* honest votes for a certificate */
#define BLOCKS (4 << (SEQS - 1))        /* heap numbering: 1 is the starting block, b has the children 2b and 2b + 1 */
#define SEQ(b) (((b) >= 2) + ((b) >= 4) + ((b) >= 8))
#define SLOTS (VIEWS * SEQS)
#define SLOT(v, s) ((v) * SEQS + (s) - 1)

#define ACCEPTED(r, k) accepted[(r) * SLOTS + (k)]
#define COMMITTED(r, k) committed[(r) * SLOTS + (k)]
#define CLAIM(r, v) claim[(r) * VIEWS + (v)]
#define PREPARED(k, b) ((ACCEPTED(0, k) == (b)) + (ACCEPTED(1, k) == (b)) + (ACCEPTED(2, k) == (b)) >= VOTES)
#define FINAL(k, b) ((COMMITTED(0, k) == (b)) + (COMMITTED(1, k) == (b)) + (COMMITTED(2, k) == (b)) >= VOTES)

byte view[HONEST];
byte accepted[HONEST * SLOTS];          /* block, 0: none */
byte committed[HONEST * SLOTS];
byte claim[HONEST * VIEWS];             /* in the ViewChange of each view: 1 + slot of the highest certificate, 0: none */
byte final = 1;

/* i = 1 if a NewView of view v can permit b as the first block: V3 and V4. */
inline base_permits(v, b) {
    i = 0;
    if
    :: v == 0 -> i = (SEQ(b) == 1)
    :: else ->
        /* The lowest bound that two honest ViewChanges give. */
        bound = 255;
        for (p : 0 .. HONEST - 1) {
            for (q : 0 .. HONEST - 1) {
                if
                :: p < q && view[p] >= v && view[q] >= v ->
                    k = (CLAIM(p, v) > CLAIM(q, v) -> CLAIM(p, v) : CLAIM(q, v));
                    bound = (k < bound -> k : bound)
                :: else
                fi
            }
        }
        i = (bound == 0 && SEQ(b) == 1);
        k = 0;
        do
        :: k < v * SEQS ->
            if
            :: k + 1 >= bound && (PREPARED(k, b) || (FINAL(k, b / 2) && b > 1)) -> i = 1
            :: else
            fi;
            k++
        :: else -> break
        od
    fi;
    k = 0; p = 0; q = 0; bound = 0
}

/* i = 1 if replica r may accept b in view v: P2. s is the block's sequence; j counts what was accepted at it or above. */
inline judge(r, v, b) {
    s = SEQ(b); j = 0; f = 0;
    for (k : 1 .. SEQS) {
        if
        :: ACCEPTED(r, SLOT(v, k)) != 0 -> f = 1; j = j + (k >= s)
        :: else
        fi
    }
    if
    :: j > 0 -> i = 0
    :: j == 0 && s > 1 && (ACCEPTED(r, SLOT(v, s - 1)) == b / 2 || PREPARED(SLOT(v, s - 1), b / 2)) -> i = 1
    :: j == 0 && f == 0 && !(s > 1 && (ACCEPTED(r, SLOT(v, s - 1)) == b / 2 || PREPARED(SLOT(v, s - 1), b / 2))) ->
        base_permits(v, b)
    :: else -> i = 0
    fi;
    j = 0; k = 0; f = 0
}

/* All blocks under a commit certificate lie on one chain. */
inline agree(m) {
    d_step {
        i = m; k = final;
        do :: SEQ(i) > SEQ(k) -> i = i / 2 :: else -> break od;
        do :: SEQ(k) > SEQ(i) -> k = k / 2 :: else -> break od;
        assert(i == k);
        final = (SEQ(m) > SEQ(final) -> m : final);
        i = 0; k = 0
    }
}

proctype honest(byte r) {
    byte v, b, s, i, j, k, p, q, f, bound;
end:
    do
    :: view[r] < VIEWS -> atomic {
        /* Prepare */
        v = view[r];
#ifdef VOTE_BELOW
        do :: v > 0 -> v-- :: break od;
#endif
        b = 2;
        do
        :: b < BLOCKS ->
            d_step { judge(r, v, b) }
            if
            :: i == 1 -> ACCEPTED(r, SLOT(v, s)) = b; break
            :: true
            fi;
            b++
        :: else -> break
        od;
        v = 0; b = 0; s = 0; i = 0
    }
    :: view[r] < VIEWS -> atomic {
        /* Commit */
        v = view[r];
#if defined(LATE_COMMIT) || defined(VOTE_BELOW)
        do :: v > 0 -> v-- :: break od;
#endif
        b = 2;
        do
        :: b < BLOCKS ->
            s = SEQ(b);
            if
            :: PREPARED(SLOT(v, s), b) && COMMITTED(r, SLOT(v, s)) == 0 ->
                COMMITTED(r, SLOT(v, s)) = b;
                if :: FINAL(SLOT(v, s), b) -> agree(b) :: else fi;
                break
            :: true
            fi;
            b++
        :: else -> break
        od;
        v = 0; b = 0; s = 0
    }
    :: view[r] < VIEWS - 1 -> d_step {
        /* ViewChange of the next view */
        view[r] = view[r] + 1;
        for (k : 0 .. SLOTS - 1) {
            if
            :: k < view[r] * SEQS && COMMITTED(r, k) != 0 -> CLAIM(r, view[r]) = k + 1
            :: else
            fi
        }
        k = 0
    }
    od
}

init {
    atomic { run honest(0); run honest(1); run honest(2) }
}
