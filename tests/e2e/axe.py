"""axe-core, from npm with its integrity pinned, run in a page."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.servers import requirement

DESIGN = Path(__file__).parents[2] / "design"
_AXE = DESIGN / "node_modules" / "axe-core" / "axe.min.js"
_HINT = (
    "Install Node.js and npm (Debian: apt install nodejs npm), and let npm reach a registry once."
)


@cache
def source() -> str:
    """The program; npm fetches it once."""
    if not _AXE.exists():
        requirement("Node.js", shutil.which("npm"), _HINT)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=DESIGN,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        requirement("axe-core", _AXE.exists() or "EINTEGRITY" in done.stderr, _HINT)
        assert done.returncode == 0, done.stderr
    return _AXE.read_text()


def violations(page: Page) -> list[str]:
    """What breaks a rule on the page, by rule and place; best practices, too."""
    page.evaluate(source())
    found: dict[str, Any] = page.evaluate("axe.run(document)")
    assert len(found["passes"]) > 10, "axe saw hardly anything"
    return [
        f"{one['id']}: {node['html'][:200]} {json.dumps(node['any'] + node['all'])[:300]}"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]
