"""Whether the web of this container can work: exit code 0, or 1 with what it says fails."""

import os
import sys
import urllib.error
import urllib.request

PORT = int(os.environ.get("PORT") or "8000")


def host() -> str:
    """A name that the web answers to."""
    first = (os.environ.get("ALLOWED_HOSTS") or "localhost").split(",")[0].strip()
    return "localhost" if first.startswith("*") else first.removeprefix(".")


def main() -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/readyz", headers={"Host": host()})  # our own
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=4):
            return 0
    except urllib.error.HTTPError as error:
        print(error.code, error.read(1000).decode(errors="replace"))
    except OSError as error:
        print(error)
    return 1


if __name__ == "__main__":
    sys.exit(main())
