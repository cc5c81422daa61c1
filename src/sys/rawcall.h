/*
 * rawcall - system calls that touch no errno
 *
 * A child that shares berthd's memory must not write berthd's errno (it is in the thread's storage, which
 * both use).  Returns the kernel's value: -errno on failure.  See syscall(2) for the registers.
 */
#ifndef BERTH_RAWCALL_H
#define BERTH_RAWCALL_H

#include <sys/syscall.h>

#if defined(__x86_64__)
static inline __attribute__((always_inline)) long
rawcall(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline __attribute__((always_inline)) long
rawcall(long n, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}
#else
#error "rawcall: add the system call convention of this architecture (syscall(2))"
#endif

#endif
