"""The commands about one execution."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from airflow_provider_integrator.api.enums import Status
from airflow_provider_integrator.cli.parallel import CONCURRENT
from airflow_provider_integrator.simulator import Fault

COMMANDS = ("execution", "errors", "lines", "log")
LOG = {"errors": [{"row": 2, "sku": "A"}, "\x1b[31mtext\nof two lines"], "rows": [1.5, "é"]}


@pytest.fixture
def failed(simulator, flow):
    """A failed execution of the flow price, which isn't the project's only one."""
    for number in range(20):
        simulator.add_flow(simulator.projects[0], f"Flow {number}")
    return simulator.add_execution(flow, status=Status.FAILED, lasts=0, log=LOG, id="e1")


@pytest.fixture(autouse=True)
def _slug(simulator, connect):
    connect(project_slug="acme", project_id=simulator.projects[0].id)


@pytest.mark.parametrize("name", COMMANDS)
class TestOfAll:
    def test_flow_is_found(self, name, command, failed, simulator):
        assert command(f"{name} e1").code == 0

    def test_one_progress_is_shown_at_a_time(self, name, command, failed, mocker):
        shown = []

        @contextmanager
        def progress(title, total=None):
            assert shown == [], title
            shown.append(title)
            yield lambda steps: None
            shown.remove(title)

        for module in ("execution", "lookup"):
            mocker.patch(f"airflow_provider_integrator.cli.{module}.progress", progress)
        assert command(f"{name} e1").code == 0

    def test_flow_is_named(self, name, command, failed, simulator):
        assert command(f"{name} e1 --flow price").code == 0
        assert simulator.count("logs") <= 3

    def test_unknown_id(self, name, command, failed):
        done = command(f"{name} nobodys")
        assert (done.code, done.out) == (2, "")
        assert "None of the 21 flows of project" in done.err
        assert done.err.startswith(f"{name}: ")

    def test_id_of_another_flow(self, name, command, failed):
        done = command(f"{name} e1 --flow flow_1")
        assert (done.code, done.out) == (2, "")
        assert "Flow flow_1 has no execution 'e1'." in done.err

    def test_unknown_flow(self, name, command, failed):
        done = command(f"{name} e1 --flow prices")
        assert (done.code, done.out) == (2, "")
        assert "has no flow 'prices'" in done.err

    def test_server_is_down(self, name, command, failed, simulator):
        simulator.stop()
        done = command(f"{name} e1")
        assert (done.code, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert "no usable answer" in line


class TestLookup:
    def refusal(self, simulator):
        refused = simulator.add_flow(simulator.projects[0], "Refused")
        return Fault.status(
            403, on="logs", body="not this one", where=lambda request: ("flowId", refused.id) in request.query
        )

    def test_asks_each_flow_at_most_once(self, command, failed, simulator):
        command("execution nobodys")
        assert simulator.count("logs") == 21
        assert simulator.logins == 1

    def test_asks_no_more_once_it_is_found(self, command, simulator, failed):
        for number in range(20, 100):
            simulator.add_flow(simulator.projects[0], f"Flow {number}")
        command("execution e1")
        assert simulator.count("logs") <= 21 + 2 * CONCURRENT

    def test_flow_that_is_refused_hides_no_other(self, command, failed, simulator):
        simulator.inject(self.refusal(simulator))
        assert command("execution e1").code == 0

    def test_refusal_is_the_answer_if_it_is_in_no_other(self, command, failed, simulator):
        simulator.inject(self.refusal(simulator))
        done = command("execution nobodys")
        assert done.code == 2
        assert "not this one" in done.err


class TestExecution:
    @pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
    def test_values(self, form, read, command, failed):
        found = read(command(f"execution e1 -o {form}").out)
        assert (found["execution_id"], found["flow"], found["status"]) == ("e1", "price", "failed")
        assert isinstance(found["fail_count"], int)
        assert found["steps"][0]["slug"] == "login"
        assert found["link"] is None

    @pytest.mark.parametrize("form", ["table", "plain"])
    def test_text(self, form, command, failed):
        lines = command(f"execution e1 -o {form}").lines
        assert lines[0] == "execution e1"
        assert "status failed" in lines
        assert [line for line in lines if line.startswith("Login success ")]

    def test_link(self, command, failed, connect):
        connect(ui_url="https://ui.example/{flow_id}/{execution_id}")
        lines = command("execution e1").lines
        assert f"page https://ui.example/{failed.flow.id}/e1" in lines

    def test_running(self, command, simulator, flow):
        simulator.add_execution(flow, id="e2")
        lines = command("execution e2").lines
        assert "status in_progress" in lines
        assert "finished -" in lines


class TestErrors:
    def test_text(self, command, failed):
        heading, _, *errors = command("errors e1").lines
        assert heading == "error"
        assert errors == ['{"row": 2, "sku": "A"}', "\\x1b[31mtext of two lines"]

    @pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
    def test_values(self, form, read, command, failed):
        done = command(f"errors e1 -o {form}")
        assert read(done.out) == LOG["errors"]
        assert "\x1b" not in done.out

    def test_none(self, command, simulator, flow):
        simulator.add_execution(flow, lasts=0, log={"errors": []}, id="e2")
        done = command("errors e2")
        assert (done.code, done.out) == (0, "")
        assert done.err == "The log has no errors.\n"
        assert command("errors e2 -o json").json == []

    def test_one_that_is_nested_too_deeply(self, command, simulator, flow):
        deep = b'{"errors": [' + b"[" * 700 + b"]" * 700 + b"]}"
        simulator.add_execution(flow, lasts=0, log=deep, id="e2")
        done = command("errors e2 -o json")
        assert done.code in (0, 2)
        assert "Traceback" not in done.err

    @pytest.mark.parametrize(
        ("partner", "word"), [(None, "(400: "), ("partner-1", "has the slug acme in List projects")]
    )
    def test_wrong_slug(self, partner, word, command, failed, connect):
        connect(project_slug="another", partner_id=partner)
        done = command("errors e1 --flow price")
        assert (done.code, done.out) == (2, "")
        assert word in done.err


class TestLines:
    @pytest.fixture
    def lines(self, simulator, failed):
        good = [{"sku": f"SKU-{number}"} for number in range(150)]
        simulator.add_lines(failed, good)
        return simulator.add_lines(failed, [{"sku": "SKU-7"}, {"sku": "BAD"}], status=Status.FAILED)

    def ids(self, done):
        return {each["id"] for each in done.json}

    def test_failed(self, command, lines):
        done = command("lines e1 --status failed -o json")
        assert self.ids(done) == {str(line.log_id) for line in lines}
        assert {each["status"] for each in done.json} == {"failed"}

    def test_search(self, command, lines):
        assert len(command("lines e1 --search sku=SKU-7 -o json").json) == 2
        assert len(command("lines e1 --status failed --search sku=SKU-7 -o json").json) == 1
        assert command("lines e1 --search sku=nothing -o json").json == []

    def test_limit(self, command, lines):
        done = command("lines e1 -o json")
        assert len(done.json) == 100
        assert done.err == "There are more lines than 100; raise --limit to see them.\n"
        done = command("lines e1 --limit 152 -o json")
        assert len(done.json) == 152
        assert done.err == ""

    def test_status_that_is_unknown(self, command, simulator, failed):
        simulator.add_lines(failed, [{"sku": "ODD"}], status=77)
        done = command("lines e1 --status failed -o json")
        assert (done.code, done.out) == (2, "")
        assert done.err == "lines: No line has a status that can be read; see --status unknown.\n"
        simulator.add_lines(failed, [{"sku": "GOOD"}])
        done = command("lines e1 --status failed -o json")
        assert (done.code, done.json) == (0, [])
        assert done.err == "The status of 1 line can't be read; see --status unknown.\n"
        assert len(command("lines e1 --status unknown -o json").json) == 1

    def test_filter_that_is_not_applied(self, command, simulator, lines):
        change = Fault.mutate(
            lambda page: page["results"][0].update(original_filename_uuid="another"),
            on="logs",
            where=lambda request: ("log_type", "3") in request.query,
        )
        simulator.inject(change)
        done = command("lines e1")
        assert (done.code, done.out) == (2, "")
        assert "the filter was not applied" in done.err

    def test_of_no_other_execution(self, command, lines, simulator, flow):
        other = simulator.add_execution(flow, lasts=0, id="e2")
        simulator.add_lines(other, [{"sku": "SKU-7"}])
        assert len(command("lines e2 -o json").json) == 1

    @pytest.mark.parametrize("form", ["table", "plain"])
    def test_text(self, form, command, lines):
        heading, *rows = command(f"lines e1 --status failed -o {form}").lines
        assert heading == "log id status step created (UTC) fields"
        found = [row for row in rows if " failed " in row]
        assert [row.rpartition(" ")[2] for row in found] == ["sku=BAD", "sku=SKU-7"]

    def test_values(self, command, lines):
        (found,) = command("lines e1 --search sku=BAD -o json").json
        assert found["fields"]["sku"] == "BAD"
        assert isinstance(found["fields"]["id"], int)

    @pytest.mark.parametrize("wrong", ["sku", "=x", "sku="])
    def test_wrong_search(self, wrong, command, lines):
        done = command(f"lines e1 --search {wrong}")
        assert done.code == 2
        assert "such as sku=ABC" in done.err


class TestLog:
    RAW = '{ "rows" : [1.50, "é\\u00e9"],\n "errors":[] }\n'.encode()

    @pytest.fixture
    def raw(self, simulator, flow):
        return simulator.add_execution(flow, lasts=0, log=self.RAW, id="e2")

    def test_is_printed_byte_for_byte(self, command, raw):
        done = command("log e2")
        assert done.out.encode() == self.RAW

    def test_of_a_step(self, command, simulator, flow):
        steps = [{"name": "Login", "log": {"errors": ["of the step"]}}]
        simulator.add_execution(flow, lasts=0, steps=steps, id="e3")
        (step,) = command("execution e3 -o json").json["steps"]
        assert json.loads(command(f"log e3 --log-id {step['log_id']}").out) == {"errors": ["of the step"]}
        assert command(f"errors e3 --log-id {step['log_id']} -o json").json == ["of the step"]

    def test_is_stored(self, command, raw, tmp_path):
        file = tmp_path / "new" / "log.json"
        done = command(f"log e2 -o {file}")
        assert (done.code, done.out) == (0, "")
        assert done.err == f"{file.as_uri()}: {len(self.RAW)} bytes\n"
        assert file.read_bytes() == self.RAW
        assert file.stat().st_mode & 0o777 == 0o600

    def test_is_stored_in_a_folder(self, command, raw, tmp_path):
        command(f"log e2 --file {tmp_path}/")
        assert (tmp_path / "price" / "e2" / f"{raw.log_id}.json").read_bytes() == self.RAW

    @pytest.mark.parametrize("path", ["/proc/nobodys/log.json", "{folder}", "nobodys://bucket/x"])
    def test_unwritable_path_is_found_before_the_download(self, path, command, raw, simulator, tmp_path):
        done = command(f"log e2 -o {path.format(folder=tmp_path)}")
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("log: The ")
        assert len(done.err.splitlines()) == 1
        assert simulator.count("download") == 0

    def test_damaged_log(self, command, raw, simulator, tmp_path):
        simulator.inject(Fault.archive("wrong crc"))
        file = tmp_path / "log.json"
        file.write_text("old")
        done = command(f"log e2 -o {file}")
        assert done.code == 2
        assert "CRC" in done.err
        assert file.read_text() == "old"
        assert list(tmp_path.iterdir()) == [file]

    def test_damaged_log_prints_nothing(self, command, raw, simulator):
        simulator.inject(Fault.contents("not json"))
        assert command("log e2").out == ""

    def test_interrupt_leaves_nothing(self, command, raw, tmp_path, mocker):
        mocker.patch("os.fsync", side_effect=KeyboardInterrupt)
        done = command(f"log e2 -o {tmp_path / 'log.json'}")
        assert (done.code, done.err) == (130, "log: interrupted.\n")
        assert list(Path(tmp_path).iterdir()) == []

    def test_log_of_a_running_execution_is_not_waited_for(self, command, simulator, flow):
        simulator.add_execution(flow, id="e3")
        simulator.inject(Fault.status(400, on="download", body="not yet"))
        done = command("log e3")
        assert done.code == 2
        assert "not yet" in done.err
