"""``make airflow``: which page it opens, for whom."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import standalone

URL = "http://localhost:9090"
INTEGRATOR = "http://127.0.0.1:40123"


@pytest.fixture
def opened(mocker, tmp_path, monkeypatch):
    """Run the script without its Airflow and its Integrator, as somebody at a desktop: the addresses it opens."""
    for name in ("LocalAirflow", "demo_integrator", "add_showcase", "DemoActivity", "end_by_signals"):
        mocker.patch.object(standalone, name)
    airflow = standalone.LocalAirflow.return_value.__enter__.return_value
    airflow.url, airflow.password = URL, None
    world = standalone.demo_integrator.return_value.__enter__.return_value
    world.integrator.url = INTEGRATOR
    mocker.patch.object(standalone, "CHECKOUT", tmp_path)
    mocker.patch.object(standalone, "is_watched", return_value=True)
    mocker.patch.object(standalone.time, "sleep", side_effect=KeyboardInterrupt)
    browser = mocker.patch.object(standalone.webbrowser, "open")

    def run(*arguments):
        assert standalone.main(["--port", "0", *arguments]) == 0
        return [call.args[0] for call in browser.call_args_list]

    return run


def test_it_opens_the_page(opened, mocker, tmp_path):
    mocker.patch.object(standalone, "HAS_PAGE", new=True)

    assert opened() == [f"{URL}/plugin/integrator"]
    (settings,) = tmp_path.glob(".airflow/*/config/airflow_local_settings.py")
    assert "(/plugin/integrator)" in settings.read_text()


def test_below_airflow_3_1_1_it_opens_the_start_page(opened, mocker, tmp_path):
    mocker.patch.object(standalone, "HAS_PAGE", new=False)

    assert opened() == [URL]
    assert list(tmp_path.rglob("*.py")) == []


def test_no_open_opens_nothing(opened):
    assert opened("--no-open") == []


def test_nobody_is_there_to_see_it(opened):
    standalone.is_watched.return_value = False

    assert opened() == []


def test_links_of_the_last_run_lead_to_the_same_port(opened, mocker):
    is_taken = mocker.patch.object(standalone, "_is_taken", return_value=False)
    for ports in ([0], [0, 40123]):
        opened()
        assert [call.kwargs["port"] for call in standalone.demo_integrator.call_args_list] == ports
    is_taken.side_effect = lambda port: port == 40123
    opened()
    assert standalone.demo_integrator.call_args.kwargs["port"] == 0


def test_what_is_no_port_is_refused(opened, capsys):
    with pytest.raises(SystemExit, match="2"):
        opened("--port", "99999")
    assert "99999" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "platform", "is_terminal", "is_watched"),
    [
        ({"DISPLAY": ":0"}, "linux", True, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True, True),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, "linux", True, True),
        ({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, "linux", True, False),
        ({}, "linux", True, False),
        ({"DISPLAY": ":0"}, "linux", False, False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", True, False),
        ({}, "darwin", True, True),
        ({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, "darwin", True, False),
    ],
)
def test_who_watches(environment, platform, is_terminal, is_watched):
    assert standalone.is_watched(environment, platform, is_terminal=is_terminal) == is_watched
