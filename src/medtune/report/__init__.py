"""The report of a run: one HTML page that a clinician and a reviewer can read, and a short text.

`write_report` writes `report.html`, `terminal_summary` gives the last lines of a run as text. Both
show whatever stages have run so far, and never the text of a record, but for one public example.
"""

from medtune.report.page import write_report
from medtune.report.terminal import terminal_summary

__all__ = ["terminal_summary", "write_report"]
