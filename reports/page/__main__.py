"""Write report.html, one file that explains a results folder: `python -m reports.page`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports.selection.folder import add_results_option, results_folder, shown
from results.command_line import DONE, Parser, run_command
from results.errors import ResultsError, explain_os_errors
from results.store.files import replace_file

REPORT = "report.html"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.page", description=__doc__)
    add_results_option(parser)
    parser.add_argument(
        "--out",
        type=_parse_file,
        metavar="FILE",
        help=f"the file to write (default: {REPORT} in the folder of --results)",
    )
    return run_command(parser, arguments, write)


def _parse_file(text: str) -> Path:
    path = Path(text).expanduser()
    if not text or path.is_dir() or text.endswith("/"):
        raise argparse.ArgumentTypeError(f"must name a file, got {text!r}")
    return path


def write(given: argparse.Namespace) -> int:
    """Write the page.

    Raises:
        ResultsError: A CSV is damaged, or the file cannot be written.
        NothingToReport: The folder has no rows.
    """
    # scipy and jinja2 take a second to import, which a mistake need not wait for.
    from reports.page.document import page_of

    folder = results_folder(given.results)
    path: Path = given.out or folder / REPORT
    content = page_of(folder)
    try:
        with explain_os_errors("cannot be written"):
            replace_file(path, content)
    except ResultsError as error:
        raise ResultsError(f"--out: {path}: {error}") from None
    print(f"Page:    open {shown(path)} in a browser ({len(content) / 1000:,.0f} kB)")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
