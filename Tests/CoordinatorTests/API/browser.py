"""Looks at a dashboard as people do: in Chromium, light and dark, wide and narrow, with a script and without.

Usage: browser.py URL PATH… Prints one line of JSON: what is wrong, and how many looks were taken. Then it waits on the first page
for each line of standard input to come up there by itself, and says `seen` when it has.
"""

import json
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

base, paths = sys.argv[1], sys.argv[2:]
problems, looks = [], 0


def look(page, path, where):
    """Opens a page and notes what axe finds, and whether it has to be scrolled sideways."""
    global looks
    looks += 1
    if page.goto(base + path, wait_until="load").status != 200:
        problems.append(f"{where}: not there")
    for violation in Axe().run(page).response["violations"]:
        targets = [node["target"] for node in violation["nodes"][:3]]
        problems.append(f"{where}: {violation['id']}: {violation['help']}: {targets}")
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        problems.append(f"{where}: wider than the window")


def first_focus(page, path, where):
    """The keyboard reaches a link or a button at once, and it is seen where it is."""
    page.goto(base + path, wait_until="load")
    page.keyboard.press("Tab")
    outlined = "e => e.matches('a, button') && getComputedStyle(e).outlineStyle !== 'none'"
    if not page.evaluate(f"({outlined})(document.activeElement)"):
        problems.append(f"{where}: Tab shows no focus")


with sync_playwright() as play:
    browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    for scheme in ("light", "dark"):
        for width in (1100, 390):
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
            page = context.new_page()
            # With the policy in force, since only axe needs it lifted.
            strict = browser.new_page(color_scheme=scheme)
            for seen in (page, strict):
                seen.on("pageerror", lambda error: problems.append(f"script: {error}"))
                seen.on("request", lambda request: request.url.startswith(base) or problems.append(f"asks {request.url}"))
            strict.on("console", lambda message: problems.append(f"console: {message.text}"))
            for path in paths:
                where = f"{path} {scheme} {width}"
                look(page, path, where)
                strict.goto(base + path, wait_until="load")
                first_focus(strict, path, where)
            context.close()
            strict.close()
    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    for path in paths:
        page.goto(base + path, wait_until="load")
        looks += 1
        if not page.locator("main").inner_text().strip():
            problems.append(f"{path} without a script: nothing to read")
    print(json.dumps({"looks": looks, "problems": sorted(set(problems))}), flush=True)

    page = browser.new_page()
    page.goto(base + paths[0], wait_until="load")
    for line in sys.stdin:
        page.get_by_text(line.strip()).first.wait_for(timeout=30_000)
        print("seen", flush=True)
    browser.close()
