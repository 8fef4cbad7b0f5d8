/* SPDX-License-Identifier: MIT */
/* How threads wait for a page: its lock, and the end of its writing, as mm/cache/cache_page.c and page_write() and
 * page_end_write() of mm/cache/mapping.c do it, reduced to what can go wrong.
 *
 * There is one page, dirty at first. Lockers lock it, write to it, and unlock it; a flusher locks it, marks it as being written,
 * unlocks it and hands it to the disk, whose interrupt ends that at any moment; a waiter wants it locked and not being
 * written, as truncation does. Who waits queues first and looks at the flag then; who lets go clears the flag first and looks
 * into the queue then. Every atomic {} is one locked operation, or a stretch with the queue's lock held and interrupts off.
 *
 * Faults to plant (-D...): LOOK_FIRST: who waits looks at the flag before it queues, and parks. QUEUE_FIRST: who lets go looks
 * into the queue before it clears the flag. TWO_STEPS: the lock is a look, then a store. DIRTY_LATE: the page is marked clean
 * when its writing ends, not when it begins. WAKE_NOBODY: the end of a writing wakes nobody. UNLOCKED_WRITE: the flusher
 * begins to write without the page's lock. FAILED_CLEAN: a writing that failed leaves the page clean.
 *
 * Claims, each an assert() or an invalid end state:
 *   one at a time     at most one has the page locked
 *   no lost wake-up   nobody sleeps for ever (invalid end state)
 *   nothing is lost   at the end the page is dirty, or the disk has the last that was written to it
 *   it stays          nobody takes the page out while it is being written */

#ifndef LOCKERS
#define LOCKERS 2
#endif

#define FLUSHER LOCKERS
#define REMOVER (LOCKERS + 1)
#define NR      (LOCKERS + 2)

bool is_locked = false, is_dirty = true, is_written = false;
bool is_gone = false;             /* out of its file */
byte content = 1;                 /* of the page; of what was handed to the disk; of the disk */
byte in_flight = 0, on_disk = 0;
bool wants_lock[NR], wants_written[NR];    /* in the queue, for which flag */
bool is_parked[NR], is_unparked[NR];
byte nr_inside = 0, nr_done = 0, nr_tries = 0;    /* nr_tries: writings begun */

inline unpark(id)
{
	is_parked[id] = false;
	is_unparked[id] = true
}

inline park(id)
{
	atomic {
		if
		:: is_unparked[id] -> is_unparked[id] = false
		:: else -> is_parked[id] = true
		fi
	};
	!is_parked[id];
	is_unparked[id] = false
}

/* All who look on, and one of those who want the lock. */
inline wake_lock(i)
{
	atomic {
		i = 0;
		do
		:: i < NR && !wants_lock[i] -> i++
		:: i < NR && wants_lock[i] -> unpark(i); break
		:: i == NR -> break
		od;
		i = 0
	}
}

inline wake_written(i)
{
#ifdef WAKE_NOBODY
	skip
#else
	atomic {
		i = 0;
		do
		:: i < NR ->
			if
			:: wants_written[i] -> unpark(i)
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
#endif
}

inline trylock(got)
{
#ifdef TWO_STEPS
	got = !is_locked;
	if
	:: got -> is_locked = true
	:: else
	fi
#else
	atomic {
		got = !is_locked;
		is_locked = true
	}
#endif
}

inline lock(me, got)
{
	trylock(got);
	if
	:: !got ->
#ifdef LOOK_FIRST
		do
		:: trylock(got);
			if
			:: got -> break
			:: else
			fi;
			wants_lock[me] = true;
			park(me);
			wants_lock[me] = false
		od;
#else
		wants_lock[me] = true;
		do
		:: trylock(got);
			if
			:: got -> break
			:: else
			fi;
			park(me)
		od;
		wants_lock[me] = false;
#endif
	:: else
	fi;
	nr_inside++;
	assert(nr_inside == 1)
}

inline unlock(i)
{
	nr_inside--;
#ifdef QUEUE_FIRST
	wake_lock(i);
	is_locked = false
#else
	is_locked = false;
	wake_lock(i)
#endif
}

inline wait_written(me)
{
	wants_written[me] = true;
	do
	:: !is_written -> break
	:: else -> park(me)
	od;
	wants_written[me] = false
}

/* The disk's interrupt: it ends well, or fails the first time. */
proctype disk()
{
	byte i = 0;

	if
	:: atomic {
		on_disk = in_flight;                 /* mapping->lock */
#ifdef DIRTY_LATE
			is_dirty = false;
#endif
			is_written = false
		}
	:: atomic {
#ifndef FAILED_CLEAN
			is_dirty = true;
#endif
			is_written = false
		}
	fi;
	wake_written(i);
	nr_done++
}

/* page_write(): the page is locked. */
inline begin_write(begins)
{
	atomic {                          /* mapping->lock */
		begins = is_dirty && !is_written && !is_gone;
		if
		:: begins ->
			is_written = true;
#ifndef DIRTY_LATE
			is_dirty = false
#endif
		:: else
		fi
	}
}

proctype locker(byte me)
{
	byte i = 0;
	bool got = false;

	lock(me, got);
	if
	:: !is_gone -> content++; is_dirty = true
	:: else
	fi;
	unlock(i);
	nr_done++
}

proctype flusher()
{
	byte i = 0, n = 0;
	bool got = false, begins = false;

	do
	:: n < 2 ->
		n++;
#ifdef UNLOCKED_WRITE
		begin_write(begins);
#else
		trylock(got);                   /* a page that somebody has locked is passed by */
		if
		:: got ->
			nr_inside++;
			assert(nr_inside == 1);
			begin_write(begins);
			unlock(i)
		:: else
		fi;
#endif
		if
		:: begins ->
			begins = false;
			in_flight = content;
			atomic { run disk(); nr_tries++ }
		:: else
		fi
	:: else -> break
	od;
	nr_done++
}

/* mapping_remove_from(), of a page behind the new end; TRUNCATES: there is such a one. */
proctype remover()
{
	byte i = 0;
	bool got = false;

	lock(REMOVER, got);
	wait_written(REMOVER);
	atomic {
		assert(!is_written);              /* it stays */
		is_gone = true;
		is_dirty = false
	};
	unlock(i);
	nr_done++
}

#ifdef TRUNCATES
#define NR_REMOVERS 1
#else
#define NR_REMOVERS 0
#endif

init {
	byte n = 0;

	atomic {
		do
		:: n < LOCKERS -> run locker(n); n++
		:: else -> break
		od;
		run flusher();
#ifdef TRUNCATES
		run remover()
#endif
	};
	(nr_done == LOCKERS + 1 + NR_REMOVERS + nr_tries && nr_inside == 0 && !is_written);
	assert(is_gone || is_dirty || on_disk == content)        /* nothing is lost */
}
