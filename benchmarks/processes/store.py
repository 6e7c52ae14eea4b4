"""A store that isn't local for the provider, though it puts its objects into folders of this machine."""

from __future__ import annotations

import time

#: The scheme of its URIs: ``store://`` and a local path.
STORE = "store"


def attach_store(seconds: float = 0.0) -> None:
    """Let this process use the store.

    :param seconds: How long it takes to put an object there, besides the writing.
    """
    try:
        from airflow.sdk.io import attach
    except ImportError:  # Airflow 2
        from airflow.io.store import attach
    from fsspec import register_implementation
    from fsspec.implementations.local import LocalFileSystem

    class Store(LocalFileSystem):
        protocol = STORE

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path.removeprefix(f"{STORE}://")

        def mv(self, *paths: str, **options: object) -> None:
            time.sleep(seconds)
            super().mv(*paths, **options)

    register_implementation(STORE, Store, clobber=True)
    attach(STORE, fs=Store(auto_mkdir=True))
