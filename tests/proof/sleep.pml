/* SPDX-License-Identifier: MIT */
/* How threads sleep for memory, as mm/reclaim/wait.c, mm/reclaim/retry.c and thread_park() of kernel/core/thread.c do it, reduced
 * to what can go wrong.
 *
 * There is one zone; `free` counts its free pages. Sleepers queue, try, and park until they are served, killed, or
 * their time is over; a freeing thread frees; a taker takes without queueing, as GFP_ATOMIC does; an interrupt
 * frees. Every atomic {} is a stretch with interrupts off (a lock held); between them anything may
 * come in. A free looks for the longest waiting without the lock, looks again under it, and serves one; who
 * enters or leaves serves all.
 *
 * What takes part (-D...): SLEEPERS=2 or 3, TIMEOUT, KILL, NO_TAKER, BLOCK: the pages come free at once,
 * and sleepers keep theirs.
 * Faults to plant (-D...): NO_MEMORY: an unpark that comes before the park is forgotten. TRY_FIRST: a
 * sleeper tries before it is in the queue, and not again. NO_RECHECK: who leaves does not look whether it was
 * served meanwhile. LAST_FIRST: the youngest waiter is served first. NO_SECOND_LOOK: who was found is served
 * without a look under the lock. NO_PASSING_ON: who leaves serves nobody. tests/proof/models demands that each
 * is found.
 *
 * Claims, each an assert() or an invalid end state:
 *   no lost wake-up   nobody sleeps for ever: as many pages come free as there are sleepers (invalid end state)
 *   in order          who is served waits longest
 *   no page is lost   at the end, each page is free or somebody's
 *   served once       nobody is served when already served */

#ifndef SLEEPERS
#define SLEEPERS 2
#endif

/* FREES + 1 pages come free: as many as there are sleepers; the taker gives its page back. */
#define FREES (SLEEPERS - 1)

byte free = 0;                    /* pages */
byte nr_owned = 0;                /* pages that served or atomic requests hold */
byte nr_freed = 0;                /* pages that came from outside */
byte queue[SLEEPERS];             /* ids of waiters, the longest waiting first */
byte nr_waiting = 0;
bool is_served[SLEEPERS];         /* waiter->is_served */
bool is_parked[SLEEPERS];         /* state == TASK_PARKED */
bool is_unparked[SLEEPERS];       /* thread->is_unparked: remembers an early unpark */
bool is_killed[SLEEPERS];
byte nr_done = 0;

/* thread_unpark(), interrupts off */
inline unpark(id)
{
	if
	:: is_parked[id] -> is_parked[id] = false
	:: else
	fi;
#ifndef NO_MEMORY
	is_unparked[id] = true
#endif
}

/* Takes the i-th waiter out of the queue. */
inline unlink_at(i)
{
	do
	:: i + 1 < nr_waiting -> queue[i] = queue[i + 1]; i++
	:: else -> break
	od;
	nr_waiting--;
	queue[nr_waiting] = 0;
	i = 0
}

/* serve_longest_waiting(): all want one page, so whoever is asked first gets what is there. goes_on: there may be
 * more to do. */
inline serve_one(i, id, goes_on)
{
	goes_on = false;
	if
	:: atomic { free > 0 && nr_waiting > 0 ->
#ifdef LAST_FIRST
		i = nr_waiting - 1;
#else
		i = 0;
#endif
		id = queue[i]; goes_on = true }
	:: else
	fi;
	atomic {
		if
#ifndef NO_SECOND_LOOK
		:: goes_on && nr_waiting > i && queue[i] == id && free > 0 ->
#else
		:: goes_on && free > 0 ->
#endif
			assert(id == queue[0]);        /* in order */
			assert(!is_served[id]);        /* served once */
			unlink_at(i);
			free--;
			nr_owned++;
			is_served[id] = true;
			unpark(id)
		:: goes_on && free == 0 -> goes_on = false
		:: else
		fi;
		i = 0;
		id = 0
	}
}

/* wait_serve_all() */
inline serve_all(i, id, goes_on)
{
	do
	:: serve_one(i, id, goes_on);
		if
		:: goes_on
		:: else -> break
		fi
	od
}

inline free_page(i, id, goes_on)
{
	free++;                   /* under zone->lock; then anybody may come in */
	serve_one(i, id, goes_on)
}

proctype sleeper(byte me)
{
	byte i = 0, id = 0;
	bool has_page = false, gives_up = false, goes_on = false;

#ifdef TRY_FIRST
	if
	:: atomic { free > 0 -> free--; nr_owned++; has_page = true }; goto use
	:: else
	fi;
#endif
	atomic {                  /* wait_enter() */
		queue[nr_waiting] = me;
		nr_waiting++
	};
#ifndef TRY_FIRST
	serve_all(i, id, goes_on);        /* everybody in the queue may try, me too */
#endif

	/* wait_sleep(): look, then park; between the two anything may happen. */
	do
	:: is_served[me] -> break
	:: else ->
		if
		:: is_killed[me] -> gives_up = true; break
		:: else
		fi;
		/* thread_park() */
		atomic {
			if
			:: is_unparked[me] -> is_unparked[me] = false
			:: else -> is_parked[me] = true
			fi
		};
		if
		:: !is_parked[me]
#ifdef TIMEOUT
		:: atomic { is_parked[me] -> is_parked[me] = false }; gives_up = true    /* its time is over */
#endif
		fi;
		is_unparked[me] = false;
		if
		:: gives_up -> break
		:: else
		fi
	od;

	/* wait_leave() */
	atomic {
#ifdef NO_RECHECK
		if
		:: gives_up -> has_page = false
		:: else -> has_page = is_served[me]
		fi;
#else
		has_page = is_served[me];
#endif
		if
		:: !is_served[me] ->
			i = 0;
			do
			:: queue[i] != me -> i++
			:: else -> break
			od;
			unlink_at(i)
		:: else
		fi
	};
#ifndef NO_PASSING_ON
	serve_all(i, id, goes_on);
#endif
#ifdef TRY_FIRST
use:
#endif
#ifndef BLOCK
	if
	:: has_page -> nr_owned--; free_page(i, id, goes_on)        /* done with it */
	:: else
	fi;
#endif
	nr_done++
}

proctype freer()
{
	byte i = 0, id = 0, n = 0;
	bool goes_on = false;

#ifdef BLOCK
	atomic { nr_freed = nr_freed + FREES; free = free + FREES };
	serve_one(i, id, goes_on);
#else
	do
	:: n < FREES -> atomic { nr_freed++; n++ }; free_page(i, id, goes_on)
	:: else -> break
	od;
#endif
	nr_done++
}

/* GFP_ATOMIC: takes what is there and never queues; gives it back later. */
proctype taker()
{
	byte i = 0, id = 0;
	bool has_page = false, goes_on = false;

	atomic {
		if
		:: free > 0 -> free--; nr_owned++; has_page = true
		:: else
		fi
	};
	if
	:: has_page -> nr_owned--; free_page(i, id, goes_on)
	:: else
	fi;
	nr_done++
}

/* An interrupt runs to its end: free and serve are one stretch. */
proctype interrupt()
{
	byte i = 0, id = 0;
	bool goes_on = false;

	atomic {
		nr_freed++;
		free_page(i, id, goes_on)
	};
	nr_done++
}

#ifdef KILL
#define NR_KILLERS 1
proctype killer()
{
	atomic {
		is_killed[0] = true;
		unpark(0)
	};
	nr_done++
}
#else
#define NR_KILLERS 0
#endif

#ifdef NO_TAKER
#define NR_TAKERS 0
#else
#define NR_TAKERS 1
#endif

#define NR_PROCESSES (SLEEPERS + 2 + NR_TAKERS + NR_KILLERS)

init {
	byte n = 0;

	atomic {
		do
		:: n < SLEEPERS -> run sleeper(n); n++
		:: else -> break
		od;
		run freer();
		run interrupt();
#ifndef NO_TAKER
		run taker();
#endif
#ifdef KILL
		run killer();
#endif
	};

	/* All that come to an end have: a sleeper that is left is lost, for every page was freed. */
	(nr_done == NR_PROCESSES);
	assert(nr_waiting == 0);
#ifndef BLOCK
	assert(nr_owned == 0);
#endif
	assert(nr_owned + free == nr_freed)        /* no page is lost */
}
