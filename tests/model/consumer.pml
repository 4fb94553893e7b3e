/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dispatch loop: submits, consumes, cancels, sleeps, sweeps; and who reads
 * its segment when it is dead. Included by ring.pml. Variables of the process
 * are what C keeps in private memory.
 */

#if defined(NO_NOTICE) || defined(THREADS)
#define TOLD gone	/* no pidfd says who is dead */
#elif defined(SWEEP_THE_LIVING)
#define TOLD BIT(1)	/* a time-out says so */
#else
#define TOLD dead
#endif
#if defined(GIVES_TO_THE_DEAD) || defined(THREADS)
#define BURIED 0
#else
#define BURIED gone	/* mask of those who get nothing any more */
#endif
#define EVERYBODY (BIT(P + 1) - 2)

/* How a record came to be taken. */
#define BY_LANE 0
#define BY_RING 1
#define BY_BITMAP 2

/* The reference leaves for producer p. Who is dead will never look. */
#define SEND(p, r) \
	used = used | BIT(p); \
	if \
	:: dead & BIT(p) -> skip \
	:: else -> work[p - 1]!i,current[i],r; todo++ \
	fi

/* Choose who completes record i. Producers are alike: 1 is used first. */
inline hand_over()
{
	if
#ifdef LANE
	:: executor[i] = 0; engine = engine | BIT(i)
#else
	:: gone == EVERYBODY -> executor[i] = 0; engine = engine | BIT(i)
#endif
#ifdef SOLE
	:: !(BURIED & BIT(1)) -> executor[i] = 1; SEND(1, false)
#if P >= 2
	:: !(BURIED & BIT(2)) && (used & BIT(1)) -> executor[i] = 2; SEND(2, false)
#endif
#if P >= 3
	:: !(BURIED & BIT(3)) && (used & BIT(2)) -> executor[i] = 3; SEND(3, false)
#endif
#endif
#ifdef RACE
	:: !(BURIED & BIT(1)) -> executor[i] = 1; SEND(1, true);
	   raced = raced | BIT(i)
#if P >= 2
	:: !(BURIED & BIT(2)) && (used & BIT(1)) -> executor[i] = 2; SEND(2, true);
	   raced = raced | BIT(i)
#endif
#if P >= 3
	:: !(BURIED & BIT(3)) && (used & BIT(2)) -> executor[i] = 3; SEND(3, true);
	   raced = raced | BIT(i)
#endif
#endif
#if defined(PAIR) && P >= 2
	:: !(BURIED & (BIT(1) | BIT(2))) -> executor[i] = 1;
	   SEND(1, true); SEND(2, true); raced = raced | BIT(i)
#endif
	fi
}

/*
 * An operation begins: ring_reserve() or ring_rearm(), ring_assign(), and the
 * reference leaves: one step, for before that nobody knows it.
 */
inline begin()
{
	submitted++;
	assert(!(live & BIT(i)));
	live = live | BIT(i);
	hand_over();
#if defined(NO_ASSIGN) || defined(THREADS)
	SET_CTL(i, current[i], 0, INFLIGHT)
#else
	SET_CTL(i, current[i], executor[i], INFLIGHT)
#endif
}

/* It ends, as it must once: make_free(), and ring_rearm()'s first half. */
inline end_generation()
{
	assert(live & BIT(i));
	live = live & ~BIT(i);
	done = done & ~BIT(i);
	raced = raced & ~BIT(i);
	result[i] = 0;
	sequence[i] = 0;
	current[i]++
}

inline make_free()
{
	SET_CTL(i, current[i], 0, FREE);
	free_records = free_records | BIT(i);
	executor[i] = 0
}

/* lane_push() */
#define LANE_PUSH() \
	assert(lane_count < N); \
	lane_index[lane_count] = i; \
	lane_after[lane_count] = tail; \
	lane_before[lane_count] = in_ring; \
	lane_count++

/* Not DONE, and it won't be. */
#ifdef SWEEP_CLAIMED_ONLY
#define SWEEPABLE (state[i] == CLAIMED)
#else
#define SWEEPABLE (state[i] == INFLIGHT || state[i] == CLAIMED)
#endif

proctype Consumer()
{
	byte head = H0;
	byte current[N];	/* generations */
	byte executor[N];	/* who shall complete it; 0: our own engine */
	byte last[P + 1];	/* ghost: the last sequence taken by the ring */
	byte free_records = BIT(N) - 1;
	byte lane_index[N], lane_after[N];
	byte lane_before[N];	/* ghost: published before it, by the ring */
	byte lane_count;
	byte engine;		/* mask of records: the engine's to complete */
	byte gone, swept;	/* masks of producers: told of, swept */
	byte told, sweeper, was;	/* of ring_sweep() */
	byte i, how, bits, word, k;
	byte submitted, cancelled, rearmed;
	byte raced;		/* mask of records: may be cancelled */
	byte used = 1;
	byte live, begun;	/* ghosts: masks of records */
	byte verdicts;

#ifdef CONSUMER_DIES
	{
#endif
	d_step {
		do
		:: i < N -> current[i] = 1; i++
		:: else -> i = 0; break
		od
	};

turn:	/* Everything that there is credit for is submitted. */
	atomic {
		do
		:: submitted < OPS && free_records != 0 ->
			i = LOWEST(free_records);
			free_records = free_records & ~BIT(i);
			begin()
		:: else -> break
		od;
		i = 0
	};

	/* ring_cancel(), perhaps */
	if
	:: atomic { cancelled < CANCELS && (raced & live) != 0 ->
		if
		:: (raced & live) & 1 -> i = 0
#if N >= 2
		:: (raced & live) & 2 -> i = 1
#endif
#if N >= 3
		:: (raced & live) & 4 -> i = 2
#endif
		fi;
		if
		:: state[i] != INFLIGHT -> i = 0; goto consume
		:: else
		fi
#ifdef CANCEL_BY_STORE
	   }; atomic {
#else
		;
#endif
		assert(!(done & BIT(i)));
		cancelled++; end_generation(); make_free(); i = 0;
		goto turn }
	:: true
	fi;

consume: /* ring_consume() */
	if
	:: atomic { summary == 0 -> goto lane }
	:: atomic { summary != 0 -> bits = summary }
	fi;

	/* take_from_bitmap() */
	do
	:: bits == 0 -> break
	:: bits != 0 ->
#ifdef SUMMARY_LATE
		word = LOWEST(bits);
#else
		atomic { word = LOWEST(bits); summary = summary & ~BIT(word) };
#endif
		do
		:: word >= WORDS -> break
		:: atomic { word < WORDS && bitmap[word] == 0 ->
			word = word + SUMMARY }
		:: atomic { word < WORDS && bitmap[word] != 0 ->
			i = word * WORD + LOWEST(bitmap[word]) };
			atomic { bitmap[word] =
			    bitmap[word] & ~BIT(i % WORD);
			    how = BY_BITMAP; word = 0;
			    goto take }
		od;
#ifdef SUMMARY_LATE
		summary = summary & ~BIT(LOWEST(bits));
#endif
		atomic { bits = bits & (bits - 1); word = 0 }
	od;

lane:	/* is_lane_next(), take_from_lane() */
	if
#ifdef NO_AFTER
	:: atomic { lane_count > 0 ->
#else
	:: atomic { lane_count > 0 && lane_after[0] <= head ->
#endif
		assert(lane_before[0] == 0);
		i = lane_index[0];
		lane_count--;
		k = 0;
		do
		:: k < lane_count ->
			lane_index[k] = lane_index[k + 1];
			lane_after[k] = lane_after[k + 1];
			lane_before[k] = lane_before[k + 1];
			k++
		:: else -> break
		od;
		lane_index[k] = 0; lane_after[k] = 0; lane_before[k] = 0;
		k = 0;
		how = BY_LANE;
		goto take }
	/* take_from_ring(): the entry at head */
	:: atomic { !(lane_count > 0 && lane_after[0] <= head) &&
		entry_full[head % R] != 0 ->
		assert(entry_cycle[head % R] == head / R);
		i = entry_full[head % R] - 1;
		how = BY_RING };
		atomic { entry_full[head % R] = 0;
		    entry_cycle[head % R] = head / R + 1;
		    head++;
		    in_ring = in_ring & ~BIT(i);
		    do
		    :: k < lane_count ->
			    lane_before[k] = lane_before[k] & ~BIT(i); k++
		    :: else -> k = 0; break
		    od;
		    goto take }
	:: atomic { !(lane_count > 0 && lane_after[0] <= head) &&
		entry_full[head % R] == 0 ->
		/* nobody else moves it on */
		assert(entry_cycle[head % R] == head / R) }
	fi;
	/* pass_unfilled() */
	if
#ifdef THREADS
	:: tail == head ->
		/* ring_sweep_abandoned() */
		if
		:: atomic { abandoned == 0 -> goto none }
		:: atomic { abandoned != 0 ->
			gone = abandoned; abandoned = 0; goto woken }
		fi
#else
	:: atomic { tail == head -> goto none }
#endif
	:: atomic { tail != head ->
		/* so is_empty() never has to mend the tail */
		assert(tail > head && tail - head <= R) }
	fi;
#ifdef NO_POISON
	goto none;
#endif
#ifdef POISON_BY_STORE
	if
	:: atomic { entry_full[head % R] != 0 -> goto lane }
	:: atomic { entry_full[head % R] == 0 }
	fi;
	atomic { entry_full[head % R] = 0;
	    entry_cycle[head % R] = head / R + 1; head++;
	    goto lane };
#else
	atomic {
		if
		:: entry_full[head % R] == 0 ->
			entry_cycle[head % R] = head / R + 1; head++
		:: else
		fi;
		goto lane
	};
#endif

take:	/* take_record() */
	atomic {
		/* what C counts as corrupt */
		assert(state[i] == DONE);
		assert(generation[i] == current[i]);
		/* and what it could not see */
		assert(done & BIT(i));
		assert(result[i] == current[i]);
		if
		:: how == BY_RING ->
			assert(sequence[i] > last[owner[i]]);
			last[owner[i]] = sequence[i]
		:: else
		fi
	};
#ifndef MARK_LATE
	state[i] = DISPATCHING;
#endif
	if
#ifndef NO_RESUMMARY
	:: atomic { how == BY_BITMAP ->
		summary = summary | BIT((i / WORD) % SUMMARY) }
#endif
	:: else
	fi;

	/* Its handler runs, and ends in ring_release() or ring_rearm(). */
	atomic { begun = begun | BIT(i); how = 0; bits = 0 };
#ifdef MARK_LATE
	state[i] = DISPATCHING;
#endif
	atomic {
		begun = begun & ~BIT(i);
		end_generation();
		if
		:: make_free()
		:: rearmed < REARMS && submitted < OPS ->
			rearmed++; begin()
		fi;
		i = 0;
		if
		:: goto turn
		:: engine != 0 || lane_count != 0 ->
			goto none	/* the turn's budget ends */
		fi
	};

none:	/* ring_may_sleep() */
	atomic {
		bits = 0;
		if
#ifndef NO_LANE_CHECK
		:: lane_count != 0 -> goto poll
#endif
		:: else
		fi
	};
#ifndef FLAG_LATE
	sleeping = true;
#endif
#ifndef NO_RECHECK
#ifdef RECHECK_ENTRY
	if
	:: atomic { entry_full[head % R] != 0 -> goto stay }
	:: atomic { entry_full[head % R] == 0 }
	fi;
#else
	if
	:: atomic { tail != head -> goto stay }
	:: atomic { tail == head }
	fi;
#endif
#ifndef RECHECK_TAIL_ONLY
	if
	:: atomic { summary != 0 -> goto stay }
	:: atomic { summary == 0 }
	fi;
#endif
#if defined(THREADS) && !defined(RECHECK_NOT_ABANDONED)
	if
	:: atomic { abandoned != 0 -> goto stay }
	:: atomic { abandoned == 0 }
	fi;
#endif
#endif
#ifdef FLAG_LATE
	sleeping = true;
#endif

	/* engine_poll(), for ever */
	if
	:: atomic { eventfd || TOLD != gone ->
		eventfd = false; gone = TOLD };
	   atomic { sleeping = false; goto woken }	/* ring_awake() */
	:: atomic { engine != 0 -> goto publish }
	:: atomic { todo == 0 && !eventfd && engine == 0 && TOLD == gone ->
		/* Nothing will ever move again. */
		do
		:: i < N ->
#ifdef SURVIVORS
			assert(!(live & BIT(i)) || (dead & BIT(executor[i])));
#else
			assert(!(live & BIT(i)));
#endif
			i++
		:: else -> i = 0; break
		od;
		goto over }
	:: timeout -> assert(false)	/* or the model is wrong */
	fi;

stay:	sleeping = false;

poll:	/* engine_poll(), without a wait */
	atomic {
		eventfd = false; gone = TOLD;
		if
		:: engine != 0 -> goto publish
		:: true
		fi
	};

woken:
	atomic {
		i = 0; k = 0; told = 0; sweeper = 0; was = 0;
#ifdef NO_SWEEP
		swept = gone;
#endif
		if
#ifdef THREADS
		:: gone == swept ->	/* ring_producer_fini(): ids are back */
			unswept = unswept & ~gone;
			if
			:: gone != 0 -> gone = 0; swept = 0; goto lane
			:: else -> goto turn
			fi
#else
		:: gone == swept -> goto turn
#endif
		:: else -> sweeper = LOWEST(gone & ~swept)
		fi
	};

	/* ring_sweep(): note_told(), an entry at a time */
	do
	:: atomic { k < R ->
#ifndef SWEEP_ALL
		if
		:: entry_full[(head + k) % R] != 0 ->
			told = told | BIT(entry_full[(head + k) % R] - 1)
		:: else
		fi;
#endif
		k++ }
	:: atomic { k == R -> k = 0; break }
	od;
	/* then a record at a time */
	do
	:: atomic { i == N -> swept = swept | BIT(sweeper); goto woken }
	:: atomic { i < N && (owner[i] != sweeper ||
		!(SWEEPABLE || (state[i] == DONE && !(told & BIT(i))))) ->
		i++ }
	/* tell_of_done() */
	:: atomic { i < N && owner[i] == sweeper &&
		state[i] == DONE && !(told & BIT(i)) };
		atomic { assert(generation[i] == current[i]);
		    SET_CTL(i, current[i], 0, DONE) };
#ifndef SWEEP_KEEPS_BIT
		bitmap[i / WORD] = bitmap[i / WORD] & ~BIT(i % WORD);
#endif
		atomic { LANE_PUSH(); i++ }
	/* end_unfinished() */
	:: atomic { i < N && owner[i] == sweeper && SWEEPABLE ->
		assert(generation[i] == current[i]);
		was = state[i] };
		atomic {
		    if
#ifndef SWEEP_BY_STORE
		    :: state[i] != was || owner[i] != sweeper -> /* faster */
			was = 0; i++
		    :: else ->
#else
		    ::
#endif
			assert(!(done & BIT(i)));
			SET_CTL(i, current[i], 0, CLAIMED); was = 1
		    fi };
		if
		:: atomic { was != 0 -> was = 0; result[i] = current[i] };
		    atomic { SET_CTL(i, current[i], 0, DONE);
			done = done | BIT(i) };
		    atomic { LANE_PUSH(); i++ }
		:: atomic { was == 0 }
		fi
	od;

publish: /* ring_publish() by PRODUCER_DISPATCH */
	atomic {
		i = LOWEST(engine);
		engine = engine & ~BIT(i);
		result[i] = current[i];
		SET_CTL(i, current[i], 0, DONE);
		done = done | BIT(i)
	};
	atomic { LANE_PUSH(); i = 0 };
	if
	:: atomic { sleeping -> sleeping = false; goto woken }
	:: atomic { !sleeping -> goto woken }
	fi;

over:
end_over:
	false
#ifdef CONSUMER_DIES
	} unless { consumer_dead };

	/* The reader of its wreck, a record at a time; others may go on. */
	atomic { i = 0; bits = 0; word = 0; how = 0; k = 0; was = 0; told = 0 };
	do
	:: atomic { i < N ->
		if
		:: state[i] == FREE ->		/* nothing was asked of it */
			assert(!(live & BIT(i)))
		:: state[i] == INFLIGHT || state[i] == CLAIMED ->
			assert(live & BIT(i));	/* not completed */
			assert(!(begun & BIT(i)) && !(done & BIT(i)));
			verdicts++
		:: state[i] == DONE ->		/* a true result, not dispatched */
			assert(live & BIT(i));
			assert(!(begun & BIT(i)) && (done & BIT(i)));
			assert(result[i] == generation[i]);
			verdicts++
		:: state[i] == DISPATCHING ->	/* its handler may have begun */
			assert(live & BIT(i));
			verdicts++
		fi;
		live = live & ~BIT(i);
		i++ }
	:: atomic { i == N -> assert(live == 0); break }
	od
#endif
}

#ifdef CONSUMER_DIES
proctype Fate()
{
	consumer_dead = true
}
#endif
