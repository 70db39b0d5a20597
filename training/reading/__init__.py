"""Turns the files people have (JSON Lines, JSON, CSV, Parquet) into problems. Standard library and arro3 only.

`files` reads rows (`parquet` those of Parquet), `columns` tells what is in them, `plan` says which column becomes what,
`convert` makes problems or says why not. The web imports this package: it must stay free of torch.
"""

from training.reading.columns import Column, sniff
from training.reading.convert import Accepted, Refused, Repeated, convert
from training.reading.files import Format, Row, Source, UnreadableFileError, detect_format, read_rows
from training.reading.plan import AnswerRule, ImportPlan, SplitMode, propose

__all__ = [
    "Accepted",
    "AnswerRule",
    "Column",
    "Format",
    "ImportPlan",
    "Refused",
    "Repeated",
    "Row",
    "Source",
    "SplitMode",
    "UnreadableFileError",
    "convert",
    "detect_format",
    "propose",
    "read_rows",
    "sniff",
]
