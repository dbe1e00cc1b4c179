"""The page in headless Chromium: drawn, quiet, the document's figures, reachable by keyboard.

Needs Debian's packages chromium and chromium-driver, and selenium; run with -m slow.  With
AUDITOR_SCREENSHOTS=FOLDER the pictures that a person looks at are left there.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paging import NAMES, at, made, page_of, saved

from auditor.page import render

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PAYLOAD = "</script><img src=x onerror=document.title='taken'>](javascript:alert(1))"
PHONE, DESK = 390, 1100
VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', e => window.violations.push(e.blockedURI));
"""
FIGURES = """
return [...document.querySelectorAll('data[data-path]')].map(e => [
  e.dataset.path, Number(e.value), e.checkVisibility() && e.getClientRects().length > 0]);
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="no Chromium with its driver"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # selenium's own sockets
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    found = webdriver.Chrome(options=options, service=service)
    found.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": VIOLATIONS})
    yield found
    found.quit()


def opened(browser: Any, path: Path, width: int = DESK, dark: bool = False) -> None:
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media(browser, "screen", dark)
    browser.get(path.as_uri())
    until = time.monotonic() + 20
    while js(browser, "return document.documentElement.dataset.charts") is None:
        assert time.monotonic() < until, "the charts were not drawn within 20 s"
        time.sleep(0.05)


def media(browser: Any, kind: str, dark: bool) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": [scheme]})


def js(browser: Any, code: str) -> Any:
    return browser.execute_script(code)


def quiet(browser: Any) -> None:
    assert browser.get_log("browser") == []
    assert js(browser, "return window.violations") == []


def picture(browser: Any, name: str) -> None:
    folder = os.environ.get("AUDITOR_SCREENSHOTS")
    if folder is None:
        return
    width, height = js(browser, "return [window.innerWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_drawn_in_silence(
    browser: Any, tmp_path: Path, name: str, width: int, dark: bool
) -> None:
    opened(browser, saved(tmp_path, name), width, dark)
    charts = js(browser, "return JSON.parse(document.getElementById('charts').textContent)")
    for place in charts:
        box = js(browser, f"return document.querySelector('#{place} svg').getBoundingClientRect()")
        assert box["width"] > 200 and box["height"] > 40
        bars = f"return document.querySelectorAll('#{place} svg .mark-rect path, #{place} svg "
        assert js(browser, bars + ".mark-symbol path').length") > 0
    # Nothing makes the page wider than the screen; tables scroll in their own place.
    assert js(browser, "return document.documentElement.scrollWidth") <= width
    quiet(browser)
    picture(browser, f"{name}-{width}-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_are_the_documents(browser: Any, tmp_path: Path, name: str) -> None:
    opened(browser, saved(tmp_path, name))
    found = js(browser, FIGURES)
    document = made(name)
    assert len(found) > 60
    for pointer, value, visible in found:
        assert value == at(document, pointer) and visible


def test_a_chart_is_as_long_as_its_figures_say(browser: Any, tmp_path: Path) -> None:
    """Forward over backward, by the widths of their bars."""
    opened(browser, saved(tmp_path, "full"))
    widths = js(
        browser,
        "return [...document.querySelectorAll('#chart-step .mark-rect path')]"
        ".map(e => e.getBoundingClientRect().width)",
    )
    step = made("full")["step"]
    assert widths[0] / widths[1] == pytest.approx(step["forward_s"] / step["backward_s"], abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_all_is_reached_by_keyboard(browser: Any, tmp_path: Path, name: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    opened(browser, saved(tmp_path, name))
    wanted = js(
        browser,
        "window.all = [...document.querySelectorAll('a[href], select, [tabindex=\"0\"]')];"
        "return window.all.length",
    )
    reached, outlined = set(), []
    for _ in range(wanted + 4):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        place, outline = js(
            browser,
            "const e = document.activeElement; "
            "return [window.all.indexOf(e), getComputedStyle(e).outlineStyle]",
        )
        if place >= 0:
            reached.add(place)
            outlined.append(outline)
    assert reached == set(range(wanted))
    assert set(outlined) == {"solid"}  # focus is seen


def test_zoom_by_keyboard(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, saved(tmp_path, "full"))
    bars = "return document.querySelectorAll('#chart-regions .mark-rect path').length"
    count = len(made("full")["by_region"]["regions"])
    assert js(browser, bars) == count > 100
    choice = browser.find_element("css selector", "#chart-regions select")
    choice.send_keys(Keys.ARROW_DOWN)  # from "all regions" to "the lowest 20"
    until = time.monotonic() + 5
    while js(browser, bars) != 20 and time.monotonic() < until:
        time.sleep(0.05)
    assert js(browser, bars) == 20
    quiet(browser)
    picture(browser, "full-zoomed")


def test_names_run_nothing(browser: Any, tmp_path: Path) -> None:
    document = made("full")
    document["model"]["path"] = document["hardware"]["name"] = PAYLOAD
    for row in document["step"]["top_operations"]:
        row |= {"name": PAYLOAD, "op_type": PAYLOAD, "family": PAYLOAD}
    document["by_region"]["regions"][0]["name"] = PAYLOAD
    document["warnings"] = [PAYLOAD]
    path = tmp_path / "hostile.html"
    path.write_text(render(document), encoding="utf-8")
    opened(browser, path)
    assert js(browser, "return document.title").endswith("electricity of its training")
    assert js(browser, "return document.querySelectorAll('img, iframe').length") == 0
    hover(browser, "#chart-operations .mark-rect path")
    assert js(browser, "return document.querySelectorAll('img, iframe').length") == 0
    assert PAYLOAD in js(browser, "return document.querySelector('#vg-tooltip-element').innerText")
    quiet(browser)


def hover(browser: Any, selector: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    mark = browser.find_element("css selector", selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", mark)
    ActionChains(browser).move_to_element(mark).perform()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if js(browser, "return !!document.querySelector('#vg-tooltip-element.visible')"):
            return
        time.sleep(0.05)
    pytest.fail("no tooltip within 5 s")


def test_a_policy_stops_what_is_not_of_the_page(browser: Any, tmp_path: Path) -> None:
    """That the policy works, and that the test above would see it."""
    before, end, after = page_of("bare").rpartition("</body>")
    path = tmp_path / "added.html"
    added = f"{before}<script>document.title = 'taken'</script>{end}{after}"
    path.write_text(added, encoding="utf-8")
    opened(browser, path)
    assert js(browser, "return document.title") != "taken"
    assert js(browser, "return window.violations") == ["inline"]
    assert len(browser.get_log("browser")) == 1


@pytest.mark.parametrize("name", NAMES)
def test_without_scripts_every_figure_is_seen(browser: Any, tmp_path: Path, name: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(saved(tmp_path, name).as_uri())
        assert browser.find_elements("css selector", "svg") == []  # so no script ran
        assert all(not e.is_displayed() for e in browser.find_elements("tag name", "figure"))
        found = js(browser, FIGURES)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    document = made(name)
    assert len(found) > 60
    for pointer, value, visible in found:
        assert value == at(document, pointer) and visible


@pytest.mark.parametrize("name", ["full", "comparison"])
def test_on_paper_it_is_light_and_whole(browser: Any, tmp_path: Path, name: str) -> None:
    opened(browser, saved(tmp_path, name), dark=True)
    media(browser, "print", True)
    style = json.loads(
        js(
            browser,
            "const s = getComputedStyle(document.body); const cut = [...document.querySelectorAll("
            "'.scroll')].filter(e => e.scrollHeight > e.clientHeight + 1).length;"
            "return JSON.stringify([s.backgroundColor, s.color, cut])",
        )
    )
    assert style == ["rgb(255, 255, 255)", "rgb(0, 0, 0)", 0]
    assert js(browser, "return document.querySelector('nav').checkVisibility()") is False
    picture(browser, f"{name}-print")
