"""The page to try a row, in a real browser: needs Playwright's package and a Chromium of the system."""

import shutil
from pathlib import Path

import pytest

from autoglm.serving.running import Running

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_row_is_answered_and_explained(served: Running, tmp_path: Path) -> None:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, wrong = browser.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"http://127.0.0.1:{served.http}/")
        page.fill('input[name="petal_length"]', "6.1")
        page.fill('input[name="shape"]', "long")
        page.click("button")
        page.wait_for_selector("#result table")
        assert page.inner_text(".answer") in ("versicolor", "virginica")
        assert "petal_length = 6.1" in page.inner_text("#result table")
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        assert (tmp_path / "page.png").stat().st_size > 10_000
        page.fill('input[name="petal_length"]', "long")
        page.click("button")
        page.wait_for_selector(".error")
        assert "row 0, column 'petal_length': 'long': expected a number" in page.inner_text(".error")
        assert not wrong
        browser.close()
