"""Tests of the API client: by hand without a network, and over real HTTP against the embedded Integrator."""
