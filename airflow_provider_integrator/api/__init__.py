"""The Integrator's HTTP API. Knows nothing of Airflow."""
