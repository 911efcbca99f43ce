"""Write the contracts of what is on the wire, made from the code; or see that they are as the code has it.

Usage, in the root of the repository: python -m scripts.contracts [--check | --release]

Without an option it writes ``schemas/generated``. ``--check`` writes nothing, and fails where a file differs from
the code, or where the code breaks what a release promised. ``--release`` also keeps the JSON Schemas of this version
in ``schemas/released``, for ever.
"""

import argparse
import difflib
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from carepath.api import examples, openapi, security
from carepath.api.app import ROUTES
from schemas import asyncapi
from schemas.compatibility import breaks
from schemas.jsonschema import schemas

ROOT: Final = Path(__file__).parents[1]
GENERATED: Final = ROOT / "schemas" / "generated"
RELEASED: Final = ROOT / "schemas" / "released"


def version() -> str:
    """This version of Carepath."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told: str = project["version"]
    return told


def contracts() -> Mapping[str, str]:
    """Every contract as text, by its file's name."""
    documents = {
        "asyncapi": asyncapi.document(version(), examples.message()),
        "openapi": openapi.document(ROUTES, version(), security.SCHEMES, security.schemes_of),
    }
    return {f"{name}.json": _text(told) for name, told in {**documents, **schemas()}.items()}


def differences(made: Mapping[str, str], folder: Path) -> Iterator[str]:
    """How the files in ``folder`` differ from what was made: the lines of a unified diff."""
    kept = {path.name: path.read_text() for path in folder.iterdir()}
    for name in sorted(made.keys() | kept.keys()):
        yield from difflib.unified_diff(
            kept.get(name, "").splitlines(),
            made.get(name, "").splitlines(),
            f"{folder.name}/{name}",
            "made from the code",
            lineterm="",
        )


def broken(current: Mapping[str, Any], released: Path) -> Iterator[str]:
    """Every promise of a release that the current schemas break, in words."""
    for path in sorted(released.glob("*/*.json")):
        schema, release = current.get(path.stem), path.parent.name
        found = ["is gone"] if schema is None else breaks(json.loads(path.read_text()), schema)
        yield from (f"{path.stem} of {release}: {one}" for one in found)


def write(made: Mapping[str, str], folder: Path) -> None:
    """Exactly these files are in ``folder`` afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text)


def main() -> int:
    """1 when something is not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--check", action="store_true", help="only look")
    chosen.add_argument("--release", action="store_true", help="keep this version's schemas too")
    options = parser.parse_args()
    if options.check:
        return _check()
    write(contracts(), GENERATED)
    return _release(RELEASED / version()) if options.release else 0


def _release(folder: Path) -> int:
    promised = {f"{name}.json": _text(schema) for name, schema in schemas().items()}
    if folder.exists() and any(differences(promised, folder)):
        print(
            f"{folder.name} is released, and what it promised is never rewritten.", file=sys.stderr
        )
        return 1
    write(promised, folder)
    return 0


def _check() -> int:
    different = list(differences(contracts(), GENERATED))
    if different:
        different.append("Run 'python -m scripts.contracts', and look at what it changed.")
    promises = list(broken(schemas(), RELEASED))
    if promises:
        promises.append("A released promise is kept: see docs/contracts.md, 'What may change'.")
    for line in different + promises:
        print(line, file=sys.stderr)
    return 1 if different or promises else 0


def _text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main())
