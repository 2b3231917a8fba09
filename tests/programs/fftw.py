# SPDX-License-Identifier: GPL-2.0
"""FFTW in two threads through its C interface: a real signal, and a plane forth and back."""
import cmath
import ctypes

threads = ctypes.CDLL("libfftw3_threads.so.3", mode=ctypes.RTLD_GLOBAL)
fftw = ctypes.CDLL("libfftw3.so.3")
for name in ("fftw_plan_dft_1d", "fftw_plan_dft_2d"):
    getattr(fftw, name).restype = ctypes.c_void_p
print("threads", threads.fftw_init_threads() != 0)
threads.fftw_plan_with_nthreads(2)
ESTIMATE, FORWARD, BACKWARD = 64, -1, 1


def run(plan):
    fftw.fftw_execute(ctypes.c_void_p(plan))
    fftw.fftw_destroy_plan(ctypes.c_void_p(plan))


length = 4096
signal, spectrum = (ctypes.c_double * (2 * length))(), (ctypes.c_double * (2 * length))()
plan = fftw.fftw_plan_dft_1d(length, signal, spectrum, FORWARD, ESTIMATE)
for n in range(length):
    value = 3 * cmath.exp(2j * cmath.pi * 100 * n / length) + cmath.exp(-2j * cmath.pi * 7 * n / length)
    signal[2 * n], signal[2 * n + 1] = value.real, value.imag
run(plan)
peaks = {k: round(abs(complex(spectrum[2 * k], spectrum[2 * k + 1])) / length, 6) for k in range(length)}
print({k: peak for k, peak in peaks.items() if peak > 0.001})

side = 96
plane = (ctypes.c_double * (2 * side * side))()
there = fftw.fftw_plan_dft_2d(side, side, plane, plane, FORWARD, ESTIMATE)
back = fftw.fftw_plan_dft_2d(side, side, plane, plane, BACKWARD, ESTIMATE)
before = [n * 7919 % 1000 / 1000 for n in range(2 * side * side)]
plane[:] = before
run(there)
run(back)
print("same", max(abs(plane[n] / side ** 2 - before[n]) for n in range(2 * side * side)) < 1e-9)
