"""Tests of the embedded Integrator over real HTTP, against what the vendor's documents say."""
