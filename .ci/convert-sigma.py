"""Converts content/sigma/rules for Splunk and Lucene, and for SQLite, in which the tests evaluate them.

Usage: PYTHON .ci/convert-sigma.py [FOLDER]: a Python that has sigma-cli, and where to put the results instead of in their places.
What a target cannot say gives no file; tests/content/sigma.test.ts has the list. One process, since each start takes longer than a conversion.
"""

import pathlib
import shutil
import sys
import tempfile

from click.testing import CliRunner
from sigma.cli.convert import convert as command

here = pathlib.Path(__file__).resolve().parent.parent
root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here
sigma = here / "content/sigma"


def convert(target: str, pipeline: str, rule: pathlib.Path, folder: str) -> None:
    output = root / folder / f"{rule.stem}.txt"
    output.parent.mkdir(parents=True, exist_ok=True)
    pipeline_file = str(sigma / f"pipelines/{pipeline}.yml")
    CliRunner().invoke(command, ["-t", target, "-p", pipeline_file, "-o", str(output), str(rule)])
    if output.exists() and output.stat().st_size == 0:
        output.unlink()


for folder in ("content/sigma/converted", "tests/content/sqlite"):
    shutil.rmtree(root / folder, ignore_errors=True)
with tempfile.TemporaryDirectory() as work:
    for rule in sorted((sigma / "rules").glob("*.yml")):
        convert("splunk", "splunk", rule, "content/sigma/converted/splunk")
        convert("sqlite", "ecs", rule, "tests/content/sqlite")
        # Lucene cannot count: of a correlation it says the events that are counted, one line for each of its rules.
        documents = rule.read_text().split("---\n")
        counted = pathlib.Path(work) / rule.name
        counted.write_text("---\n".join(text for text in documents if "\ncorrelation:" not in text))
        convert("lucene", "ecs", counted, "content/sigma/converted/lucene")
