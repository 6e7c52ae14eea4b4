"""The page's app with Airflow's own guards, over a database of its own, against the embedded Integrator."""

from __future__ import annotations

import airflow
import pytest

from airflow_provider_integrator.ui.plugin import is_supported

if not is_supported(airflow.__version__):
    collect_ignore_glob = ["test_app*.py"]


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """Airflow's database with its tables and nothing in them."""
    from airflow import settings
    from airflow.models.base import Base
    from airflow.utils.db import import_all_models

    folder = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{folder / 'airflow.db'}")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(folder / "passwords.json"))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "of-the-tests-and-long-enough-for-every-hash-there-is-" * 2
        )
        patch.setenv("AIRFLOW__API_AUTH__JWT_ISSUER", "airflow")
        settings.configure_vars()
        settings.configure_orm()
        import_all_models()
        Base.metadata.create_all(settings.engine)
        yield
        settings.dispose_orm(do_log=False)
    settings.configure_vars()
    settings.configure_orm()


@pytest.fixture
def session(database):
    """A session of the database, whose rows are gone after the test."""
    from airflow import settings
    from airflow.models.base import Base

    with settings.Session() as session:
        yield session
        session.rollback()
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
        session.commit()


@pytest.fixture
def source():
    """What is asked of the Integrator, without what an earlier test has asked."""
    from airflow_provider_integrator.ui.source import Source

    return Source()


@pytest.fixture
def browse(simulator, session, source):
    """A browser of the app, mounted as Airflow mounts it; signed in as a user of a role, or as nobody."""
    from airflow.api_fastapi.app import init_auth_manager, purge_cached_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from airflow_provider_integrator.ui.app import build_app

    purge_cached_app()
    manager = init_auth_manager()
    airflow_app = FastAPI(root_path="/airflow")
    airflow_app.mount("/integrator", build_app(source))

    def browse(role="op"):
        cookies = {}
        if role is not None:
            user = SimpleAuthManagerUser(username=role, role=role)
            cookies["_token"] = manager.generate_jwt(user)
        return TestClient(
            airflow_app, "http://testserver/airflow/integrator", cookies=cookies, follow_redirects=False
        )

    yield browse
    purge_cached_app()
