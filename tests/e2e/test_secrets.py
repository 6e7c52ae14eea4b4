"""Password and tokens stand nowhere. This runs after all other end-to-end tests: see conftest.py."""

from __future__ import annotations

import base64
import json
from contextlib import closing, suppress
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.e2e.stage import PASSWORD, Run, Stage

pytestmark = pytest.mark.e2e


@pytest.fixture
def secrets(stage: Stage, runs: dict[str, Run]) -> list[bytes]:
    """List what must not be found; the runs are asked for since there'd be nothing to find without any."""
    tokens = stage.tokens
    assert tokens
    return sorted({form for secret in (PASSWORD, *tokens) for form in forms(secret)})


def forms(secret: str) -> set[bytes]:
    """Write a secret as a server, a library or Airflow may: encoded, escaped, in other digits."""
    plain = secret.encode()
    written = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        escape(secret),
        repr(secret)[1:-1],
    }
    written |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], plain.hex()}
    # Base64 in any position of a longer text: without the digits that its neighbours share.
    digits = [base64.b64encode(b"\0" * shift + plain)[-(-shift * 8 // 6) : -3] for shift in range(3)]
    return {text.encode() for text in written} | {part for part in digits if len(part) > 8}


def holders(files: list[Path], secrets: list[bytes]) -> list[Path]:
    found = []
    for file in files:
        with suppress(FileNotFoundError):  # a journal of the database, gone since
            content = file.read_bytes()
            found += [file] * any(secret in content for secret in secrets)
    return found


def test_no_log_file_holds_any(stage: Stage, secrets: list[bytes]):
    files = [file for file in (stage.airflow.home / "logs").rglob("*") if file.is_file()]
    assert any(b"status Failed" in file.read_bytes() for file in files)
    assert holders(files, secrets) == []


def test_the_processes_print_none(stage: Stage, secrets: list[bytes]):
    assert stage.airflow.output.stat().st_size
    assert holders([stage.airflow.output], secrets) == []


def test_the_database_holds_none_in_the_clear(stage: Stage, secrets: list[bytes]):
    # deleted rows included, such as those of triggers that have fired
    files = list(stage.airflow.home.glob("airflow.db*"))
    assert files
    assert holders(files, secrets) == []
    with closing(stage.database()) as database:
        dump = "\n".join(database.iterdump()).encode()
    assert b"e2e_wait_poke" in dump
    assert [secret for secret in secrets if secret in dump] == []


def test_the_database_holds_the_password_encrypted(stage: Stage):
    with closing(stage.database()) as database:
        query = "SELECT is_encrypted, password FROM connection WHERE conn_id = 'integrator_default'"
        ((is_encrypted, password),) = database.execute(query)
    assert is_encrypted
    assert password
