/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Basic types of the LWK. Addresses are told apart by name: paddr_t is physical, uaddr_t is a program's virtual address and
 * never dereferenced outside mm/usercopy.c, and only real pointers are kernel virtual addresses.
 */
#ifndef LWK_TYPES_H
#define LWK_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 paddr_t;
typedef u64 uaddr_t;

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096ULL
#define LARGE_SHIFT	21
#define LARGE_SIZE	(1ULL << LARGE_SHIFT)
#define LARGE_ORDER	(LARGE_SHIFT - PAGE_SHIFT)

#define ALIGN_UP(x, a)		(((x) + (a) - 1) & ~((typeof(x))(a) - 1))
#define ALIGN_DOWN(x, a)	((x) & ~((typeof(x))(a) - 1))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define min(a, b)		({ typeof(a) a_ = (a); typeof(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b)		({ typeof(a) a_ = (a); typeof(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define container_of(p, type, member)	((type *)((char *)(p) - offsetof(type, member)))
#define __printf(f, a)		__attribute__((format(printf, f, a)))
#define __aligned(n)		__attribute__((aligned(n)))
#define __noreturn		__attribute__((noreturn))

/* States in a header which lock the caller must hold; read by people. */
#define REQUIRES(lock)

#endif
