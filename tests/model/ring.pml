/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The completion ring of shm/ring.h, for spin. Each statement, or each
 * atomic { }, is one access to shared memory by one process; between any two
 * of them anyone may run and anyone may die. README.md says which step is
 * which C function; ./run has the configurations and runs them.
 *
 * Names in capitals are the configuration, the words NO_..., and others that
 * #ifdef asks for, each take one protection away: spin must then find fault.
 */

#ifndef P
#define P 2		/* producers: other threads or processes, 1 to 3 */
#endif
#ifndef N
#define N 2		/* records */
#endif
#ifndef R
#define R 4		/* entries of the ring */
#endif
#ifndef OPS
#define OPS 3		/* operations in all, each of its own generation */
#endif
#ifndef TRIES
#define TRIES 3		/* tickets before the bitmap */
#endif
#ifndef DEATHS
#define DEATHS 1	/* producers that may die */
#endif
#ifndef CANCELS
#define CANCELS 1	/* operations that may be cancelled */
#endif
#ifndef REARMS
#define REARMS 1	/* operations that may be rearmed */
#endif
#ifndef WORD
#define WORD 1		/* records for each word of the bitmap */
#endif
#ifndef SUMMARY
#define SUMMARY 1	/* bits in the summary: word w has bit w % SUMMARY */
#endif
/* BATCH: a producer may complete two at once, by ring_publish_batch(). */
#if defined(BATCH) && (defined(RACE) || defined(PAIR) || defined(THREADS))
#error "batches are of sole holders, and by processes"
#endif
#ifndef H0
#define H0 (R - 1)	/* the first ticket: laps end soon */
#endif
/* Who may be given an operation, and how: at least one of these. */
#if !defined(LANE) && !defined(SOLE) && !defined(RACE) && !defined(PAIR)
#define LANE		/* the dispatch thread's own engine */
#define SOLE		/* a producer, by ring_publish() */
#define RACE		/* a producer, by ring_try_publish(): cancellable */
#define PAIR		/* two producers: the first wins */
#endif

#define WORDS ((N + WORD - 1) / WORD)
#define BIT(n) (1 << (n))
#define LOWEST(b) \
	((b) & 1 -> 0 : ((b) & 2 -> 1 : ((b) & 4 -> 2 : 3)))

/* Record states. */
#define FREE 0
#define INFLIGHT 1
#define CLAIMED 2
#define DONE 3
#define DISPATCHING 4

/* A result that isn't written whole. */
#define TORN 255

/* ---- Shared memory ---------------------------------------------------- */

/* ctl is one word: its three parts are only touched in one step. */
byte state[N];
byte generation[N];
byte owner[N];
#define SET_CTL(i, g, o, s) \
	generation[i] = g; owner[i] = o; state[i] = s

byte result[N];		/* the generation that it is the result of */
byte sequence[N];	/* its producer's count */

byte entry_cycle[R];
byte entry_full[R];	/* 0: free; else index + 1 */
byte tail = H0;
byte bitmap[WORDS];
byte summary;
bool sleeping;
#ifdef THREADS
byte abandoned;		/* mask of producers that ended while publishing */
byte unswept;		/* those whose id isn't free again yet */
#endif

/* ---- The kernel ------------------------------------------------------- */

bool eventfd;		/* an edge that the engine hasn't collected */
byte dead;		/* mask of producers: their pidfds are readable */
byte deaths;
#ifdef CONSUMER_DIES
bool consumer_dead;
#endif

/* References on their way to who shall complete them: no part of the ring. */
chan work[P] = [OPS] of { byte, byte, bool };

/* ---- What only the proof knows ---------------------------------------- */

byte done;		/* mask of records: their result is final */
byte in_ring;		/* mask of records: a full entry names them */
byte todo;		/* references that the living still have to use */

/* ---- A producer ------------------------------------------------------- */

/* Die here, before the step beside it. */
#define OR_DIE_OUTSIDE :: atomic { deaths < DEATHS -> deaths++; goto killed }

/* The same in the middle of a publication. */
#ifdef HELD_OFF
#define OR_DIE :: false	/* a thread without an id: hold_off() */
#else
#define OR_DIE OR_DIE_OUTSIDE
#endif

/* Of a batch, the one that is looked at, and the one behind it. */
#ifdef BATCH
#define LEFT (1 + more)
#define HELD held
#define SWAP() \
	expected = i; i = i2; i2 = expected; \
	expected = g; g = g2; g2 = expected; expected = 0
#define FORGET() i2 = 0; g2 = 0; held = 0; more = false; second = false
#else
#define LEFT 1
#define HELD 1
#define FORGET() skip
#endif

#ifdef NO_ID
#define OWN_ID 0	/* as is that of the dispatch thread, here */
#else
#define OWN_ID me
#endif

#ifdef NO_GENERATION
#define IS_CURRENT true
#else
#define IS_CURRENT (generation[i] == g)
#endif

proctype Producer(byte me)
{
	byte i, g, expected, ticket, left, tries, count;
	bool race, claimed;
#ifdef BATCH
	byte i2, g2, held;
	bool more;	/* behind i is i2, not told of yet */
	bool second;	/* they are swapped */
#endif

end_idle:
	if
	:: atomic { work[me - 1]?i,g,race -> tries = 0; ticket = 0 }
	OR_DIE_OUTSIDE
	fi;
#ifdef BATCH
	if
	:: atomic { work[me - 1]?i2,g2,race -> more = true; held = 2 }
	:: atomic { held = 1 }
	fi;
#endif

	if
	/* ring_try_publish(): what is there, which is claim()'s first try */
	:: atomic { race && state[i] == INFLIGHT && IS_CURRENT ->
	       expected = owner[i] }
	:: atomic { race && !(state[i] == INFLIGHT && IS_CURRENT) ->
	       goto finished }		/* -ESTALE */
	:: !race
	OR_DIE_OUTSIDE
	fi;

write:	/* claim(), claim_alone() */
	if
	:: atomic { race ->
	       if
#ifdef CLAIM_BY_STORE
	       :: SET_CTL(i, g, me, CLAIMED)
#else
	       :: state[i] == INFLIGHT && IS_CURRENT &&
		  owner[i] == expected ->
		  SET_CTL(i, g, OWN_ID, CLAIMED); expected = 0;
		  claimed = true
	       :: else -> goto finished	/* -ESTALE */
#endif
	       fi }
	/* ring_publish(): nobody else may have touched it */
	:: atomic { !race ->
	       assert(state[i] == INFLIGHT && generation[i] == g);
#ifndef NO_CLAIM_ALONE
	       SET_CTL(i, g, OWN_ID, CLAIMED); claimed = true
#endif
	   }
	OR_DIE
	fi;

	/* write_result() */
#ifdef DONE_EARLY
	atomic { SET_CTL(i, g, OWN_ID, DONE); done = done | BIT(i) };
#endif
	if
	:: atomic { result[i] = TORN }
	OR_DIE
	fi;
	if
	:: atomic { result[i] = g; count++; sequence[i] = count }
	OR_DIE
	fi;
#ifndef DONE_EARLY
	if
	:: atomic { SET_CTL(i, g, OWN_ID, DONE); done = done | BIT(i);
	       claimed = true }
	OR_DIE
	fi;
#endif

#ifdef BATCH
	if
	:: atomic { more && !second -> SWAP(); second = true; goto write }
	:: atomic { second -> SWAP(); second = false }
	:: !more
	fi;
#endif

	/* notify(), notify_batch() */
	do
	:: tries == TRIES -> break
	:: tries < TRIES ->
		if
		:: atomic { ticket = tail; left = LEFT; tail = tail + left }
		OR_DIE
		fi;
		do
		:: atomic { left == 0 -> tries++; break }
		:: atomic { left > 0 ->
			left--;
			if
#ifdef NO_CYCLE
			:: entry_full[ticket % R] == 0 ->
				entry_cycle[ticket % R] = ticket / R;
#else
			:: entry_full[ticket % R] == 0 &&
			   entry_cycle[ticket % R] == ticket / R ->
#endif
				entry_full[ticket % R] = i + 1;
				in_ring = in_ring | BIT(i);
				ticket++;
				if
#ifdef BATCH
				:: more -> SWAP(); more = false
				:: !more ->
#else
				::
#endif
					goto wake
				fi
			:: else ->
				ticket++;
#if defined(BATCH) && defined(OUT_OF_ORDER)
				/* the second where the first would be */
				if
				:: more -> SWAP()
				:: !more
				fi
#endif
			fi }
		OR_DIE
		od
	od;

flag:	/* notify_by_bitmap() */
#ifdef SUMMARY_FIRST
	summary = summary | BIT((i / WORD) % SUMMARY);
#endif
	if
	:: atomic { bitmap[i / WORD] = bitmap[i / WORD] | BIT(i % WORD) }
	OR_DIE
	fi;
#ifndef SUMMARY_FIRST
	if
	:: atomic { summary = summary | BIT((i / WORD) % SUMMARY) }
	OR_DIE
	fi;
#endif
#ifdef BATCH
	if
	:: atomic { more -> SWAP(); more = false; goto flag }
	:: !more
	fi;
#endif

wake:	/* wake_consumer() */
	if
#ifdef NO_WAKE
	:: atomic { goto finished }
#endif
	:: atomic { sleeping ->
#ifdef PRODUCER_CLEARS
	       sleeping = false
#endif
	   }
	:: atomic { !sleeping -> goto finished }
	OR_DIE
	fi;
	if
	:: atomic { eventfd = true }
	OR_DIE
	fi;

finished:
	atomic { todo = todo - HELD; i = 0; g = 0; race = false; ticket = 0;
	    left = 0; tries = 0; claimed = false; expected = 0; FORGET();
	    goto end_idle };

killed:
#ifdef THREADS
	/* ring_producer_fini(), by the thread's destructor */
	atomic {
		if
		:: g == 0 -> goto end_idle	/* not publishing: another's turn */
		:: g != 0 && claimed
#ifdef NO_CLAIM_ALONE
		/* begun, and nobody can see it */
		:: g != 0 && !claimed && !race && result[i] != 0 ->
			claimed = true
		:: g != 0 && !claimed && (race || result[i] == 0) ->
#else
		:: g != 0 && !claimed ->
#endif
			/* whoever gave it the reference has it still */
			work[me - 1]!i,g,race
		fi;
#ifdef NO_ID
		if
		:: claimed -> goto finished	/* no id, nothing to tell by */
		:: else -> todo++; goto finished
		fi;
#endif
		i = 0; g = 0; race = false; ticket = 0; left = 0; tries = 0;
		expected = 0
	};
	atomic { abandoned = abandoned | BIT(me); unswept = unswept | BIT(me) };
	if
	:: sleeping -> eventfd = true
	:: !sleeping
	fi;
	atomic { todo = todo - claimed; claimed = false };
	/* The next thread with this id, and all that this one had not begun. */
end_unswept:
#ifndef ID_BEFORE_SWEEP
	!(unswept & BIT(me));
#endif
	goto end_idle
#else
	/* Whatever it had been given stays as it is; the kernel knows. */
	atomic {
		if
		:: g == 0 -> skip
		:: else -> todo = todo - HELD
		fi;
		do
		:: work[me - 1]?i,g,race -> todo--
		:: empty(work[me - 1]) -> break
		od;
		i = 0; g = 0; race = false; ticket = 0; left = 0; tries = 0;
		count = 0; expected = 0; claimed = false; FORGET();
		dead = dead | BIT(me)
	}
#endif
}

/* ---- The dispatch loop: the consumer ---------------------------------- */

#include "consumer.pml"

init
{
	atomic {
		byte k = H0;
		do
		:: k < H0 + R ->
			entry_cycle[k % R] = k / R; k++
		:: else -> k = 0; break
		od;
		do
		:: k < N -> generation[k] = 1; k++
		:: else -> k = 0; break
		od;
		run Consumer();
		run Producer(1);
#if P >= 2
		run Producer(2);
#endif
#if P >= 3
		run Producer(3);
#endif
#ifdef CONSUMER_DIES
		run Fate();
#endif
	}
}
