"""Print the house's numbers; fail on a file or a function that is too long.

Usage: python scripts/house.py, in the root of the repository.
"""

import ast
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import median, quantiles

SOURCE = ("pathways", "fhir_mappings", "schemas", "consumers", "carepath", "client")
OTHERS = ("tests", "bench", "scripts")
FILE_LIMIT = 400
FUNCTION_LIMIT = 40


def files(folders: tuple[str, ...]) -> dict[Path, int]:
    """The Python files under ``folders`` and how many lines each has."""
    found = chain.from_iterable(Path(folder).rglob("*.py") for folder in folders)
    return {path: len(path.read_text().splitlines()) for path in found}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function in the file, as ``file:line name``, and its length in lines with its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None  # noqa: S101 - what ast.parse made has lines
            yield f"{path}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def main() -> int:
    """Print the numbers and what is too long; 1 when anything is."""
    source, others = files(SOURCE), files(OTHERS)
    tests = sum(lines for path, lines in others.items() if path.parts[0] == "tests")
    lengths = [length for path in source for _, length in functions(path)]
    print(f"file median      {median(source.values()):6.0f}   aim 100, limit {FILE_LIMIT}")
    print(f"function median  {median(lengths):6.0f}   aim 7, limit {FUNCTION_LIMIT}")
    print(f"function p90     {quantiles(lengths, n=10)[-1]:6.0f}   aim 20")
    print(f"tests/source     {tests / sum(source.values()):6.2f}   aim 1.20")

    long_files = [f"{path}: {n} lines" for path, n in (source | others).items() if n > FILE_LIMIT]
    every = chain.from_iterable(functions(path) for path in source | others)
    long_functions = [f"{name}: {n} lines" for name, n in every if n > FUNCTION_LIMIT]
    for excess in long_files + long_functions:
        print(f"too long: {excess}", file=sys.stderr)
    return 1 if long_files or long_functions else 0


if __name__ == "__main__":
    sys.exit(main())
