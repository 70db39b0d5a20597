"""The process that decodes a Parquet file: pickled lists of rows on stdout, None after the last, or a text: why not.

Run as ``python parquet_process.py PATH ROWS`` by `training.reading.parquet`, with so many rows in a list. The library
ends its process at some damaged files, and a small file may unpack to more memory than there is: neither may happen to
the process that asks.
"""

import os
import pickle
import re
import resource
import sys
from collections.abc import Iterator
from typing import Any

MEMORY_LIMIT = 4 * 2**30


def lists_of_rows(path: str, rows: int) -> Iterator[list[dict[str, Any]]]:
    """What the file holds, but for columns of bytes. Raises whatever the library does."""
    from arro3.core import DataType
    from arro3.io import read_parquet

    reader = read_parquet(path, batch_size=rows)
    # Images and the like: no problem is made of them.
    unread = DataType.is_binary, DataType.is_large_binary, DataType.is_binary_view
    columns = [place for place, kind in enumerate(reader.schema.types) if not any(test(kind) for test in unread)]
    for batch in reader:
        yield list(batch.select(columns).to_struct_array().to_pylist())


def reason_of(error: BaseException) -> str:
    """What is wrong with the file, out of an error that names the layers it came through."""
    if isinstance(error, MemoryError):
        return f"it takes more than {MEMORY_LIMIT >> 30} GiB of memory"
    text = str(error)
    if quoted := re.search(r"`Err` value: .*?\"(.*)\"", text):
        text = quoted[1]
    text = re.sub(r"^((C Data interface|Parquet argument|Parquet|External|Arrow) error: )+", "", text)
    return f"{text.rstrip('.')} (it may be damaged or encrypted)"


def main(path: str, rows: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(1, "wb") as out:
        try:
            for each in lists_of_rows(path, rows):
                pickle.dump(each, out, protocol=5)
                out.flush()
            pickle.dump(None, out)
        except BrokenPipeError:
            os._exit(0)  # nobody wants the rest
        except BaseException as error:  # a panic of Rust is no Exception
            pickle.dump(reason_of(error), out)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
