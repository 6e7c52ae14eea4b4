"""The commands in a terminal: ``airflow integrator …`` (Airflow 3.2 and later) and ``airflow-integrator …``."""
