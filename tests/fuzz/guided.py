"""Fuzz one target with atheris: what reaches new code is kept and changed further.

Usage: python -m tests.fuzz.guided TARGET FOLDER INPUTS. ``FOLDER`` keeps the figures, the inputs that led on and the
faults, so that a run goes on where the last one ended.
"""

import hashlib
import os
import random
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

import atheris
import orjson

with atheris.instrument_imports(include=["carepath.api", "carepath.texts", "fhir_mappings"]):
    from tests.fuzz.targets import CORPUS, TARGETS, seeds

from tests.fuzz.mutate import large, mutated
from tests.fuzz.oracle import Figures, fault

_SAVED_EVERY: Final = 1000
_LARGE_EVERY: Final = 500
_LONGEST: Final = 32 * 1024
"""Bytes of what is changed further: large inputs lead nowhere that small ones do not."""


class Run:
    """A target on its way to a number of inputs."""

    def __init__(self, target: str, folder: Path, inputs: int) -> None:
        self._name, self._folder, self._inputs = target, folder / target, inputs
        for name in ("led-on", "faults"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._file = self._folder / "figures.json"
        kept = orjson.loads(self._file.read_bytes()) if self._file.exists() else {}
        self.figures = Figures(**kept)
        self._seeds = seeds(target)

    def fuzz(self) -> None:
        """Does not return: the process ends when all inputs were tried."""
        if self.figures.inputs >= self._inputs:
            return
        flags = ["-len_control=0", f"-max_len={_LONGEST}", "-rss_limit_mb=2048", "-timeout=3600"]
        led_on = [str(self._folder / "led-on"), str(CORPUS / self._name)]
        seed = f"-seed={self.figures.inputs + 1}"
        flags += [f"-artifact_prefix={self._folder}/faults/", "-verbosity=0"]
        arguments = [sys.argv[0], *flags, seed, *led_on]
        atheris.Setup(arguments, self._one, custom_mutator=self._mutated)
        atheris.Fuzz()

    def _one(self, data: bytes) -> None:
        if self.figures.inputs % _LARGE_EVERY == 0:
            data = large(data, random.Random(self.figures.inputs))
        found = fault(TARGETS[self._name], data, self.figures)
        if found is not None:
            self._keep(data, found)
        if self.figures.inputs % _SAVED_EVERY == 0 or self.figures.inputs >= self._inputs:
            self._file.write_bytes(orjson.dumps(asdict(self.figures)))
        if self.figures.inputs >= self._inputs:
            os._exit(0)

    def _keep(self, data: bytes, found: str) -> None:
        """One input for each kind of fault."""
        self.figures.faults += 1
        kind = hashlib.sha256(found.partition(" at ")[0][:60].encode()).hexdigest()[:12]
        file = self._folder / "faults" / kind
        if not file.exists():
            file.write_bytes(data)
            file.with_suffix(".txt").write_text(f"{found}\n")
            print(f"{self._name}: {found} ({file})", flush=True)  # noqa: T201

    def _mutated(self, data: bytes, most: int, seed: int) -> bytes:
        """Every other time from what is kept, so that not all come from what led nowhere but to a refusal."""
        chance = random.Random(seed)
        begun = data if chance.random() < 0.5 else chance.choice(self._seeds)
        return mutated(begun, chance, self._seeds)[:most]


if __name__ == "__main__":
    Run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])).fuzz()
