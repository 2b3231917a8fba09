/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Circular doubly linked lists with the link inside the element. An element that is in no list is its own neighbour, so
 * list_del() may be called on it and list_empty() answers "is it queued" for an element as for a head.
 */
#ifndef LWK_LIST_H
#define LWK_LIST_H

#include "types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)		{ &(name), &(name) }

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_between(struct list *l, struct list *prev, struct list *next)
{
	l->prev = prev;
	l->next = next;
	prev->next = l;
	next->prev = l;
}

static inline void list_add_tail(struct list *l, struct list *head)
{
	list_add_between(l, head->prev, head);
}

static inline void list_add(struct list *l, struct list *head)
{
	list_add_between(l, head, head->next);
}

static inline void list_del(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#define list_entry(p, type, member)	container_of(p, type, member)
#define list_first(head, type, member)	list_entry((head)->next, type, member)
#define list_for_each(pos, head)	for (pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_safe(pos, n, head) \
	for (pos = (head)->next, n = pos->next; pos != (head); pos = n, n = pos->next)

#endif
