"""The Integrator's HTTP API, without any dependency on Airflow."""
