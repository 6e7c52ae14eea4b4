"""The page as a person sees it: in Airflow, in a browser, after a real login. Its console has to stay empty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import airflow
import pytest
from showcase import PROJECT_ID, add_showcase

from airflow_provider_integrator.api.endpoints import MAX_PAGE_SIZE
from airflow_provider_integrator.simulator import IntegratorSimulator
from airflow_provider_integrator.ui.plugin import is_supported
from tests.e2e.chromium import Page
from tests.e2e.stage import Stage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_supported(airflow.__version__), reason="The page needs Airflow 3.1.1"),
]

CONNECTION = "acme_fashion"
#: The contrast that WCAG wants of text.
MIN_CONTRAST = 4.5
#: The text with the least contrast to its ground: the contrast, and the element.
_LEAST_CONTRAST = r"""
(() => {
    const shade = (color) => {
        const parts = color.match(/[\d.]+/g).slice(0, 3).map((each) => each / 255);
        const [r, g, b] = parts.map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (each) => {
        const color = getComputedStyle(each).backgroundColor;
        return color === "rgba(0, 0, 0, 0)" && each.parentElement ? ground(each.parentElement) : color;
    };
    const texts = [...view.querySelectorAll("h1, h2, a, th, td, dt, dd, small, label, button, code, span, li, p")];
    const seen = texts.filter((each) => each.innerText.trim() && each.checkVisibility());
    const contrasts = seen.map((each) => {
        const [dark, light] = [shade(getComputedStyle(each).color), shade(ground(each))].sort((a, b) => a - b);
        return [(light + 0.05) / (dark + 0.05), each.outerHTML.slice(0, 200)];
    });
    return contrasts.sort((a, b) => a[0] - b[0])[0];
})()
"""
_ROLES = ("button", "checkbox", "columnheader", "combobox", "link", "radio", "searchbox", "textbox")
_NAMES = "[...view.querySelectorAll('#flows tbody tr:not([hidden]) th a')].map((each) => each.textContent)"
#: What can't be reached without scrolling to the side.
_CUT = """
[view.documentElement.scrollWidth - view.documentElement.clientWidth,
 [...view.querySelectorAll('main *, header *')].filter((each) => each.checkVisibility()
    && !each.closest('pre, .hidden') && each.getBoundingClientRect().right > view.documentElement.clientWidth + 1)
    .map((each) => each.outerHTML.slice(0, 200))]
"""


@pytest.fixture(scope="module")
def acme(stage: Stage) -> Iterator[IntegratorSimulator]:
    """An Integrator whose flows have a past, and another project."""
    with IntegratorSimulator() as integrator:
        add_showcase(integrator, "acme")
        integrator.add_project("Other", slug="other", partner_id="acme", id="other")
        (stock,) = (flow for flow in integrator.flows if flow.id == "acme-stock")
        for hours in range(MAX_PAGE_SIZE):
            created = datetime.now(timezone.utc) - timedelta(days=2, hours=hours)
            integrator.add_execution(stock, lasts=5, created=created)
        connection = integrator.connection(
            project_id=PROJECT_ID, partner_id="acme", ui_url="https://integrator.example.com/{execution_id}"
        )
        stage.change(lambda: stage.airflow.api.set_connection(CONNECTION, connection))
        yield integrator


@pytest.fixture(scope="module")
def framed(stage: Stage, acme: IntegratorSimulator, window: Page) -> Iterator[Page]:
    """The window of an admin, with the page in Airflow's frame."""
    window.open(f"{stage.airflow.url}/plugin/integrator")
    choose(window, "Connection", CONNECTION)
    window.shows("Shipment")
    yield window
    window.open("about:blank")


@pytest.fixture
def page(framed: Page) -> Iterator[Page]:
    """The overview."""
    framed.complaints.clear()
    framed.look()
    leave = f"view.location.assign('/integrator/overview/{CONNECTION}')"
    framed.until(f"view.body.classList.add('old') ?? {leave} ?? true")
    framed.until("!view.body.matches('.old') && view.body.innerText.includes('Shipment')")
    yield framed
    assert framed.complaints == []


def choose(page: Page, label: str, text: str) -> None:
    """Choose from a drop-down, by the key of the first letter."""
    page.until(f"[...view.querySelectorAll('select option')].some((each) => each.text === '{text}')")
    page.until(
        f"[...view.querySelectorAll('label')].find((each) => each.innerText.startsWith('{label}')).control.focus() ?? true"
    )
    page.press(text[0])


def open_flow(page: Page, name: str) -> None:
    page.click("#flows th a", name)
    page.until("view.querySelector('#executions-title')")


def open_failed_execution(page: Page) -> None:
    open_flow(page, "Price")
    page.until(
        """[...view.querySelectorAll("table.list tbody tr")]
        .filter((row) => row.querySelector(".badge.failed"))
        .slice(0, 1).map((row) => (row.querySelector("a").click(), true))[0]"""
    )
    page.until("view.querySelector('.log-errors')")


def colour(page: Page, selector: str, name: str = "fill") -> list[int]:
    """The red, green and blue of an element."""
    found = page.until(
        f"getComputedStyle(view.querySelector('{selector}'))['{name}'].match(/\\d+/g).map(Number)"
    )
    return found[:3]


def controls(page: Page) -> set[tuple[str, str]]:
    """The roles and names of what a screen reader finds in the frame to act on, and of the tables' headings."""
    (frame,) = page.send("Page.getFrameTree")["frameTree"]["childFrames"]
    nodes = page.send("Accessibility.getFullAXTree", frameId=frame["frame"]["id"])["nodes"]
    found = {(node["role"]["value"], node["name"]["value"]) for node in nodes if not node["ignored"]}
    return {(role, name) for role, name in found if role in _ROLES}


def test_the_overview_shows_every_flow_worst_first(page: Page):
    page.shows("Updated ")  # the script has run, which the policy allows
    names = page.ask(_NAMES)
    assert len(names) == 15
    assert names[:3] == ["Attribute", "Price", "Shipment"]  # the last one is stale, the others fail
    red, green, blue = colour(page, ".cells rect.failed")
    assert red > 2 * max(green, blue)
    red, green, blue = colour(page, ".cells rect.success")
    assert green > 1.5 * max(red, blue)
    assert page.ask("view.querySelectorAll('#flows .spark polyline').length") > 10
    assert page.ask("getComputedStyle(view.querySelector('rect.stale')).fill").startswith('url("#hatch")')

    page.click("input[value=stale]")
    page.until(f"{_NAMES}.join() === 'Shipment'")
    page.click("input[name=show]")
    page.write("#search", "order st")
    page.until(f"{_NAMES}.join() === 'Order Status'")
    page.write("#search", " ")
    page.click("th[data-sort=name] button")
    page.until(f"{_NAMES}[0] === 'Attribute'")


def test_the_overview_refreshes_by_itself(page: Page):
    page.ask("view.getElementById('main').dataset.refresh = '0.1'")
    for _ in range(2):  # off, and on, which is at once
        page.click("#refresh")

    for _ in range(2):
        page.until("view.querySelector('.tally').classList.add('old') ?? true")
        page.until("!view.querySelector('.tally.old')")


def test_a_flow_shows_its_charts_and_its_executions(page: Page):
    open_flow(page, "Stock")

    assert page.ask("view.querySelectorAll('.charts svg.chart rect.success').length") >= 3
    page.shows("Rows a day")
    newest = page.until("view.querySelector('.list time').dateTime")
    page.click("nav.pages a", "Older")
    page.until(f"view.querySelector('.list time').dateTime < '{newest}'")
    page.shows("page 2")


def test_an_execution_shows_its_steps_errors_and_lines(page: Page):
    open_failed_execution(page)

    page.shows("Write data to Omnitron")
    assert page.ask("view.querySelectorAll('.timeline svg').length") == 5
    lines = "view.querySelector('#lines-title').closest('section').querySelectorAll('tbody tr')"
    count = page.ask(f"{lines}.length")
    sku = page.ask(f"{lines}[0].innerText.match(/SKU-\\d+/)[0]")
    assert count > 1
    page.write("input[name=value]", sku)
    page.press("Enter")
    page.until(f"{lines}.length === 1 && {lines}[0].innerText.includes('{sku}')")
    leads_to = page.ask("view.querySelector('.actions a').href")
    assert leads_to == "https://integrator.example.com/" + page.ask("view.querySelector('h1 code').innerText")


def test_a_screen_reader_has_a_name_for_every_control(page: Page):
    assert {name for role, name in controls(page) if role == "columnheader"} == {
        "Flow", "Schedule", "Last 30 executions", "Rows", "Fail rate", "Duration", "Last Success"
    }  # fmt: skip
    assert ("combobox", "Connection") in controls(page)
    assert ("searchbox", "Search flows") in controls(page)
    assert {("radio", name) for name in ("All", "Failing", "Stale", "Running")} <= controls(page)
    assert all(name for _, name in controls(page))
    open_failed_execution(page)
    assert {("textbox", "Field"), ("textbox", "Value"), ("button", "Search")} <= controls(page)
    assert all(name for _, name in controls(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_readable(page: Page, scheme: str):
    page.look(scheme=scheme)  # while it is open

    page.until(f"view.documentElement.classList.contains('dark') === {str(scheme == 'dark').lower()}")
    assert (max(colour(page, "body", "backgroundColor")) < 80) == (scheme == "dark")
    assert page.ask(_LEAST_CONTRAST)[0] >= MIN_CONTRAST, page.ask(_LEAST_CONTRAST)
    open_failed_execution(page)
    assert page.ask(_LEAST_CONTRAST)[0] >= MIN_CONTRAST, page.ask(_LEAST_CONTRAST)
    page.click(".crumbs a", "Price")
    page.until("view.querySelector('#executions-title')")
    assert page.ask(_LEAST_CONTRAST)[0] >= MIN_CONTRAST, page.ask(_LEAST_CONTRAST)


def test_no_view_is_cut_at_900_pixels(page: Page):
    page.look(width=900, height=600)

    assert page.ask(_CUT) == [0, []]
    open_failed_execution(page)
    assert page.ask(_CUT) == [0, []]
    page.click(".crumbs a", "Price")
    page.until("view.querySelector('#executions-title')")
    assert page.ask(_CUT) == [0, []]


def test_an_integrator_that_is_down_is_said_in_a_sentence(page: Page, acme: IntegratorSimulator):
    acme.stop()
    try:
        choose(page, "Project", "Other")  # which nobody has looked at, so that it has to be asked for
        page.shows("The Integrator doesn't answer")
        page.shows("This page asks again by itself.")
    finally:
        acme.start()
    choose(page, "Connection", CONNECTION)
    page.shows("Shipment")
    # The answer's status is 503, which the console says.
    page.complaints[:] = [each for each in page.complaints if "status of 503" not in each]
