"""``python -m tests.judge RUN_FOLDER [--json] [--save FILE]``: exit 0 only when every invariant holds."""

import argparse
import json
import sys
from pathlib import Path

from tests.judge.judging import judge
from tests.judge.report import as_json, as_table


def main(arguments: list[str] | None = None) -> int:
    """Judges one folder and prints the verdict."""
    parser = argparse.ArgumentParser(prog="python -m tests.judge", description="An independent judge of one run.")
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER")
    parser.add_argument("--json", action="store_true", help="the verdict as JSON")
    parser.add_argument("--save", type=Path, metavar="FILE", help="writes the verdict as JSON into a file as well")
    given = parser.parse_args(arguments)
    run, verdict = judge(given.folder)
    if given.save:
        given.save.write_text(json.dumps(as_json(run, verdict), indent=1) + "\n", "utf-8")
    print(json.dumps(as_json(run, verdict), indent=1) if given.json else as_table(run, verdict))
    return 0 if verdict.green else 1


if __name__ == "__main__":
    sys.exit(main())
