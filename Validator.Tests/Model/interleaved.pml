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

/* j = 1 if block m is n or descends from it. */
inline descends(m, n) {
    g = m;
    do :: SEQ(g) > SEQ(n) -> g = g / 2 :: else -> break od;
    j = (g == n);
    g = 0
}

/*
 * What the honest ones of a set list in their ViewChanges of view v. f is 1 + the highest view such that enough of the NewView's
 * senders list z in it or in a later one, without the liar; o the same with it, who may list what it likes.
 */
inline rank(v, z) {
    x1 = 0; x2 = 0; x3 = 0;
    for (p : 0 .. HONEST - 1) {
        t = 0; l = 0;
        for (q : 0 .. SLOTS - 1) {
            if
            :: q < v * SEQS && (set & (1 << p)) != 0 && ACCEPTED(p, q) != 0 -> t = ACCEPTED(p, q); l = q / SEQS + 1
            :: else
            fi
        }
        if :: t != 0 -> descends(t, z) :: else -> j = 0 fi;
        if
        :: j == 1 && l > x1 -> x3 = x2; x2 = x1; x1 = l
        :: j == 1 && l <= x1 && l > x2 -> x3 = x2; x2 = l
        :: j == 1 && l <= x2 -> x3 = l
        :: else
        fi
    }
    f = (set == 7 -> x3 : x2);
    o = (set == 7 -> x2 : x1);
    x1 = 0; x2 = 0; x3 = 0; j = 0; t = 0; l = 0; p = 0; q = 0
}

/* i = 1 if b can be where view v begins, when y, certified in slot k (y = 1, k = 0: nothing), is the highest claim: V4. */
inline weigh(v, b, y, k) {
    a = 0; c = 0; e = 0;
#ifndef NO_LISTS
    for (z : 2 .. BLOCKS - 1) {
        rank(v, z);
        if
        :: o > 0 ->
            descends(z, y);
            if
            :: j == 1 && z != y && o >= (k) / SEQS + 1 ->
                if :: f >= (k) / SEQS + 1 && SEQ(z) > a -> a = SEQ(z) :: else fi;
                if :: z == b -> e = 1 :: else fi
            :: j == 0 ->
                descends(y, z);
                if
                :: j == 0 && o > (k) / SEQS + 1 ->
                    if :: f > (k) / SEQS + 1 && SEQ(z) > c -> c = SEQ(z) :: else fi;
                    if :: z == b -> e = 2 :: else fi
                :: else
                fi
            :: else
            fi;
            j = 0
        :: else
        fi
    }
#endif
    if
    :: e == 1 && SEQ(b) >= a -> i = 1
    :: e == 2 && a == 0 && SEQ(b) >= c -> i = 1
    :: else
    fi;
    if
    :: a == 0 && c == 0 && ((b == y && PREPARED(k, b)) || (b / 2 == y && (y == 1 || FINAL(k, y)))) -> i = 1
    :: else
    fi;
    a = 0; c = 0; e = 0; z = 0; f = 0; o = 0
}

/* i = 1 if a NewView of view v can permit b as the first block: V3 and V4. */
inline base_permits(v, b) {
    i = 0;
    if
    :: v == 0 -> i = (SEQ(b) == 1)
    :: else ->
        /* Each two of the honest with the liar, and all. */
        set = 3;
        do
        :: set <= 7 ->
            bound = 0;
            for (p : 0 .. HONEST - 1) {
                if
                :: (set & (1 << p)) != 0 && view[p] < v -> bound = 255
                :: (set & (1 << p)) != 0 && view[p] >= v && CLAIM(p, v) > bound -> bound = CLAIM(p, v)
                :: else
                fi
            }
            p = 0;
            if :: bound == 0 -> weigh(v, b, 1, 0) :: else fi;
            h = 0;
            do
            :: h < v * SEQS && i == 0 && bound != 255 ->
                if
                :: h + 1 >= bound ->
                    for (y : 2 .. BLOCKS - 1) {
                        if
                        :: SEQ(y) == h % SEQS + 1 && (PREPARED(h, y) || FINAL(h, y)) -> weigh(v, b, y, h)
                        :: else
                        fi
                    }
                    y = 0
                :: else
                fi;
                h++
            :: else -> break
            od;
            set = (set == 3 -> 5 : set + 1)
        :: else -> break
        od
    fi;
    k = 0; p = 0; q = 0; bound = 0; set = 0; h = 0
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

/* All final blocks lie on one chain. */
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
    byte v, b, s, i, j, k, p, q, f, bound, set, h, y, z, a, c, e, o, g, t, l, x1, x2, x3;
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
            :: i == 1 ->
                ACCEPTED(r, SLOT(v, s)) = b;
                /* P5: all have prepared it. */
                if
                :: ACCEPTED(0, SLOT(v, s)) == b && ACCEPTED(1, SLOT(v, s)) == b && ACCEPTED(2, SLOT(v, s)) == b -> agree(b)
                :: else
                fi;
                break
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
