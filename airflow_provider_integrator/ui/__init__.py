"""The page "Integrator" in Airflow's UI: every flow's health, without a DAG."""
