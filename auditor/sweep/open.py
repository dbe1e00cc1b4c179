"""Where a model is: a file, or behind a URL, of which only ranges are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from auditor.errors import ModelLoadError, PlanError
from auditor.sweep.logs import quiet
from auditor.sweep.records import Row
from auditor.wire import Fetch, Header, Ranges, header_of, read_header

# What to install where fsspec lacks the library of a protocol.
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "hf": "hf", "http": "https"}
_REMOTE = "://"
_LOGGING = ("aiobotocore", "aiohttp", "asyncio", "botocore", "fsspec", "gcsfs", "google", "s3fs")


def is_remote(name: str) -> bool:
    """Whether a source is a URL and no path."""
    return _REMOTE in name


def read(name: str) -> tuple[Header, Row]:
    """Read a model past its weights; the row says how many bytes that took, in how many requests.

    Of a file on disk what was read is not counted: the operating system reads by pages.

    Raises:
        ModelLoadError: it cannot be read, or is no model.
        PlanError: the library for its protocol is not installed.
    """
    if not is_remote(name):
        return read_header(Path(name)), {}
    system, path = file_system(name)
    try:
        size_bytes = system.size(path)
        if size_bytes is None:
            raise ModelLoadError(
                f"{name}: the server does not say how large it is, so no ranges of it can be read; "
                "download it and audit the file"
            )
        with _fetching(system, path) as fetch:
            data = Ranges(int(size_bytes), fetch)
            header = header_of(data, name)
    except ModelLoadError:
        raise
    except listing_errors() as error:
        raise ModelLoadError(f"{name}: cannot be read: {_said(error)}; check the URL") from error
    return header, {"read_bytes": data.read_bytes, "read_requests": data.requests}


@contextmanager
def _fetching(system: Any, path: str) -> Iterator[Fetch]:
    """Yield what reads a range of a remote file, and no byte beside it."""
    if system.async_impl:
        yield lambda start, stop: system.cat_file(path, start=start, end=stop)
        return
    # Here `cat_file` would open the file for each range, and read megabytes ahead.
    with system.open(path, "rb", cache_type="none") as file:

        def fetch(start: int, stop: int) -> bytes:
            file.seek(start)
            return bytes(file.read(stop - start))

        yield fetch


def file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path in it.

    Raises:
        ModelLoadError: its server is asked at once, and cannot be reached or refuses.
        PlanError: there is no such protocol, or its library is not installed.
    """
    protocol = url.partition(_REMOTE)[0]
    quiet(*_LOGGING)
    try:
        import fsspec
    except ImportError as error:
        raise PlanError(f"{url}: URLs need `pip install 'auditor[sweep]'`") from error
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        extra = EXTRAS.get("http" if protocol == "https" else protocol)
        remedy = f"`pip install 'auditor[{extra}]'`" if extra else _said(error)
        raise PlanError(f"{url}: {protocol}:// needs {remedy}") from error
    except ValueError as error:
        raise PlanError(
            f"{url}: {_said(error)}; give a file, or a URL that fsspec knows"
        ) from error
    except listing_errors() as error:
        raise ModelLoadError(f"{url}: cannot be reached: {_said(error)}; check the URL") from error
    return system, str(path)


def listing_errors() -> tuple[type[BaseException], ...]:
    """What the libraries behind fsspec raise where a server fails: they have no common error."""
    found: list[type[BaseException]] = [OSError, ValueError, TimeoutError, NotImplementedError]
    found += _foreign("botocore.exceptions", "BotoCoreError", "ClientError")
    found += _foreign("aiohttp", "ClientError")
    found += _foreign("gcsfs.retry", "HttpError")
    found += _foreign("google.auth.exceptions", "GoogleAuthError")
    found += _foreign("google.api_core.exceptions", "GoogleAPIError")
    found += _foreign("huggingface_hub.errors", "HfHubHTTPError")
    # What huggingface_hub speaks HTTP by, of 1 and of 2.
    found += _foreign("httpx", "HTTPError")
    found += _foreign("httpx2", "HTTPError")
    return tuple(found)


def _foreign(module: str, *names: str) -> Iterator[type[BaseException]]:
    """Errors of a library that is loaded already; none of one that is not."""
    import sys

    loaded = sys.modules.get(module)
    for name in names:
        kind = getattr(loaded, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            yield kind


def _said(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    text = " ".join(str(error).split())
    return text or type(error).__name__
