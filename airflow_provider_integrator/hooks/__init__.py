"""An Airflow connection made into a client."""
