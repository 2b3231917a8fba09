# SPDX-License-Identifier: GPL-2.0
"""Linear algebra (OpenBLAS, in threads) and transforms, checked against themselves and not against bits."""
import numpy as np

random = np.random.default_rng(1)
a, b = random.random((300, 300)), random.random((300, 300))
c = a @ b
print("product", np.allclose(c[17], sum(a[17, k] * b[k] for k in range(300))), "%.6f" % c.sum())
print("inverse", np.allclose(np.linalg.inv(a) @ a, np.eye(300)))
s = (a + a.T)[:120, :120]
values, vectors = np.linalg.eigh(s)
print("eigenvalues", np.allclose(s @ vectors, vectors * values), "%.6f" % values.sum())
u, w, v = np.linalg.svd(b[:100, :80], full_matrices=False)
print("svd", np.allclose(u * w @ v, b[:100, :80]))
x = np.linalg.solve(a, b[0])
print("solve", np.allclose(a @ x, b[0]))
signal = random.random(1 << 15)
print("fft", np.allclose(np.fft.ifft(np.fft.fft(signal)).real, signal))
print("sort", bool((np.diff(np.sort(random.random(200000))) >= 0).all()))
big = np.arange(1 << 19, dtype=np.float64)
print("sum", big.sum(), np.sqrt(big).max().round(6), (big[::3] * 2).astype(np.int32).max())
np.save("array.npy", big[:1000])
print("file", bool((np.load("array.npy", mmap_mode="r") == big[:1000]).all()))
