/* SPDX-License-Identifier: MIT */
/* How threads sleep for memory, as mm/reclaim/wait.c, mm/reclaim/retry.c and thread_park() of kernel/core/thread.c do it, reduced
 * to what can go wrong.
 *
 * There is one zone; `free` counts its free pages. Sleepers queue, try, and park until they are served, killed, or
 * their time is over; a freeing thread frees; a taker takes without queueing, as GFP_ATOMIC does; an interrupt
 * frees. Every atomic {} is a stretch with interrupts off (a lock held); between them anything may
 * come in.
 *
 * What takes part (-D...): SLEEPERS=2 or 3, TIMEOUT, KILL, NO_TAKER.
 * Faults to plant (-D...): NO_MEMORY: an unpark that comes before the park is forgotten. TRY_FIRST: a
 * sleeper tries before it is in the queue, and not again. NO_RECHECK: who leaves does not look whether it was
 * served meanwhile. LAST_FIRST: the youngest waiter is served first. tests/proof/models demands that each is found.
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

/* wait_serve(): all want one page, so whoever is asked first gets what is there. */
inline serve(i, id)
{
	atomic {
		do
		:: free > 0 && nr_waiting > 0 ->
#ifdef LAST_FIRST
			i = nr_waiting - 1;
#else
			i = 0;
#endif
			id = queue[i];
			assert(id == queue[0]);        /* in order */
			assert(!is_served[id]);        /* served once */
			unlink_at(i);
			free--;
			nr_owned++;
			is_served[id] = true;
			unpark(id)
		:: else -> break
		od;
		i = 0;
		id = 0
	}
}

inline free_page(i, id)
{
	free++;                   /* under zone->lock; then anybody may come in */
	serve(i, id)
}

proctype sleeper(byte me)
{
	byte i = 0, id = 0;
	bool has_page = false, gives_up = false;

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
	serve(i, id);             /* everybody in the queue may try, me too */
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
use:
	if
	:: has_page -> nr_owned--; free_page(i, id)        /* done with it */
	:: else
	fi;
	nr_done++
}

proctype freer()
{
	byte i = 0, id = 0, n = 0;

	do
	:: n < FREES -> atomic { nr_freed++; n++ }; free_page(i, id)
	:: else -> break
	od;
	nr_done++
}

/* GFP_ATOMIC: takes what is there and never queues; gives it back later. */
proctype taker()
{
	byte i = 0, id = 0;
	bool has_page = false;

	atomic {
		if
		:: free > 0 -> free--; nr_owned++; has_page = true
		:: else
		fi
	};
	if
	:: has_page -> nr_owned--; free_page(i, id)
	:: else
	fi;
	nr_done++
}

/* An interrupt runs to its end: free and serve are one stretch. */
proctype interrupt()
{
	byte i = 0, id = 0;

	atomic {
		nr_freed++;
		free_page(i, id)
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
	assert(nr_owned == 0 && free == nr_freed)        /* no page is lost */
}
