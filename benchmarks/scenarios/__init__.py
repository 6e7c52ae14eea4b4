"""The benchmarks. Each module has ``measure(size, say)``, whose results JSON can hold, and ``show(results)``."""
