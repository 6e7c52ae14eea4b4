"""Tests of the embedded Integrator: over real HTTP, with requests, against what the vendor's documents say."""
