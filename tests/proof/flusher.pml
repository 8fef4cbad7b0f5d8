/* SPDX-License-Identifier: MIT */
/* A flusher, and who needs it, as mm/cache/writeback.c does it, reduced to what can go wrong.
 *
 * There is one mapping. A writer makes it dirty, twice; two threads sync; then one of them destroys the mapping and stops the
 * flusher, while the other may still wait. The flusher takes the mapping from its list, writes it when somebody syncs, and
 * otherwise when it likes (its age, and what reclaim needs), takes it off its list when it is clean, and parks. Every atomic {} is a
 * stretch with writeback's lock held, or the mapping's too.
 *
 * Faults to plant (-D...): KICKED_LATE: that it was woken is forgotten as the turn ends, not as it begins. NO_KICK: a sync wakes
 * nobody. SYNC_LATE: a turn counts for the syncs that came before its end. UNLIST_DIRTY: a mapping leaves the list whatever became
 * dirty meanwhile. FREE_BUSY: the mapping goes while its flusher is at it. LEAVER_LATE: who destroys looks whether the flusher is at it,
 * and says later that it waits. END_ALONE: the flusher's end wakes nobody who syncs.
 *
 * Claims, each an assert() or an invalid end state:
 *   no lost wake-up   nobody sleeps for ever (invalid end state)
 *   a sync is one     what was dirty as it began is written when it ends
 *   WB1               a dirty mapping is in the list; the flusher is at none that has gone */

#define FLUSHER 0
#define ENDER   1
#define SYNCER  2
#define NR      3

bool is_dirty = false, is_listed = false, is_empty = false, is_gone = false;
byte nr_made = 0, nr_written = 0;         /* times it became dirty; up to which it was written */
byte nr_syncs = 0, nr_synced = 0;
bool is_kicked = false, is_busy = false, has_leaver = false;
bool should_end = false, has_ended = false;
bool is_waiting[NR];                      /* in writeback_sync() */
bool is_parked[NR], is_unparked[NR];
bool writer_is_done = false, syncer_is_done = false;

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

inline kick()
{
	if
	:: !is_kicked -> is_kicked = true; unpark(FLUSHER)
	:: else
	fi
}

inline wake_syncers()
{
	if
	:: is_waiting[ENDER] -> unpark(ENDER)
	:: else
	fi;
	if
	:: is_waiting[SYNCER] -> unpark(SYNCER)
	:: else
	fi
}

/* flusher_turn() */
inline turn(seen, synced)
{
	atomic {
#ifndef KICKED_LATE
		is_kicked = false;
#endif
		seen = nr_syncs;
		synced = nr_synced
	};
	atomic { is_busy = is_listed };           /* begin_mapping() */
	if
	:: is_busy ->
		if
		:: atomic { assert(!is_gone); is_dirty = false; nr_written = nr_made }
		:: seen == synced                 /* not due */
		fi;
		atomic {                          /* end_mapping() */
			assert(!is_gone);
			if
#ifdef UNLIST_DIRTY
			:: true -> is_listed = false
#else
			:: !is_dirty -> is_listed = false
#endif
			:: else
			fi;
			assert(!is_dirty || is_listed)
		};
		atomic {
			is_busy = false;
			if
			:: has_leaver -> unpark(ENDER)
			:: else
			fi;
			has_leaver = false
		}
	:: else
	fi;
	atomic {                                  /* end_turn() */
#ifdef SYNC_LATE
		nr_synced = nr_syncs;
#else
		nr_synced = seen;
#endif
#ifdef KICKED_LATE
		is_kicked = false;
#endif
		wake_syncers()
	}
}

proctype flusher()
{
	byte seen = 0, synced = 0;

	do
	:: should_end -> break
	:: else ->
		turn(seen, synced);
		if
		:: should_end
		:: !should_end && is_listed       /* parks for a while only */
		:: !should_end && !is_listed -> park(FLUSHER)
		fi
	od;
	atomic {                                  /* end_life() */
#ifndef END_ALONE
		wake_syncers();
#endif
		has_ended = true;
		unpark(ENDER)
	}
}

proctype writer()
{
	byte n = 0;

	do
	:: n < 2 ->
		n++;
		atomic {                          /* set_dirty_locked() */
			is_dirty = true;
			nr_made++;
			if
			:: !is_listed -> is_listed = true; kick()
			:: else
			fi
		}
	:: else -> break
	od;
	writer_is_done = true
}

/* writeback_sync() */
inline sync(me, number, made)
{
	atomic {
		made = nr_made;
		nr_syncs++;
		number = nr_syncs;
		is_waiting[me] = true;
#ifndef NO_KICK
		kick()
#endif
	};
	do
	:: atomic { nr_synced >= number || has_ended -> break }
	:: atomic { nr_synced < number && !has_ended -> skip }; park(me)
	od;
	is_waiting[me] = false;
	assert(nr_written >= made || is_empty)
}

proctype syncer()
{
	byte number = 0, made = 0;

	sync(SYNCER, number, made);
	syncer_is_done = true
}

proctype ender()
{
	byte number = 0, made = 0;
	bool goes_on = true;

	sync(ENDER, number, made);
	writer_is_done;
	atomic { is_empty = true; is_dirty = false; is_listed = false };         /* its pages have gone, then flusher_forget() */
#ifdef LEAVER_LATE
	do
	:: goes_on = is_busy;
		if
		:: !goes_on -> break
		:: else -> has_leaver = true; park(ENDER)
		fi
	od;
#else
#ifndef FREE_BUSY
	do
	:: atomic { goes_on = is_busy; has_leaver = is_busy };
		if
		:: !goes_on -> break
		:: else -> park(ENDER)
		fi
	od;
#endif
#endif
	is_gone = true;
	atomic { should_end = true; is_kicked = false; kick() };         /* flusher_stop() */
	do
	:: has_ended -> break
	:: !has_ended -> park(ENDER)
	od
}

init {
	atomic {
		run flusher();
		run writer();
		run syncer();
		run ender()
	};
	(has_ended && writer_is_done && syncer_is_done);
	assert(is_gone && !is_busy)
}
