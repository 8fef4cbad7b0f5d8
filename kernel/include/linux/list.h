/* SPDX-License-Identifier: MIT */
/* The books' names for what kernel/lib/list.h calls otherwise. */
#pragma once

#include <kernel/lib/list.h>

#define LIST_HEAD(name)	     struct list_head name = LIST_HEAD_INIT(name)
#define INIT_LIST_HEAD(head) list_init(head)
#define list_empty(head)     list_is_empty(head)

static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	list_splice(list, head);
	list_init(list);
}

static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	list_splice_tail(list, head);
	list_init(list);
}

static inline void list_replace(struct list_head *old, struct list_head *replacement)
{
	list_insert_between(replacement, old->prev, old->next);
}

static inline bool list_is_last(const struct list_head *node, const struct list_head *head)
{
	return node->next == head;
}

static inline bool list_is_singular(const struct list_head *head)
{
	return !list_is_empty(head) && head->next == head->prev;
}

#define list_first_entry_or_null(head, type, member)                                                         \
	(list_is_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member)  list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member)  list_entry((pos)->member.prev, __typeof__(*(pos)), member)

#define list_for_each(pos, head)      for (pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_prev(pos, head) for (pos = (head)->prev; pos != (head); pos = pos->prev)
#define list_for_each_safe(pos, tmp, head)                                                                   \
	for (pos = (head)->next, tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

#define list_for_each_entry_reverse(pos, head, member)                                                       \
	for (pos = list_entry((head)->prev, __typeof__(*pos), member); &pos->member != (head);               \
	     pos = list_entry(pos->member.prev, __typeof__(*pos), member))
