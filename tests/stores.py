"""An object storage, attached as Airflow attaches them."""

from __future__ import annotations

import uuid

from fsspec.implementations.memory import MemoryFileSystem

try:
    from airflow.sdk.io import attach
except ImportError:
    from airflow.io.store import attach


class Store(MemoryFileSystem):
    """A memory file system of its own, that notes what is done and can fail."""

    cachable = False

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.store, self.pseudo_dirs = {}, [""]
        self.uploads, self.seen = [], []
        self.fails = False

    def put_file(self, lpath, rpath, **options):
        self.uploads.append(rpath)
        super().put_file(lpath, rpath, **options)
        self.seen.append(set(self.store))
        if self.fails:
            raise ConnectionError("the store hung up")

    @property
    def objects(self):
        return {path: bytes(file.getbuffer()) for path, file in self.store.items()}


def attached(protocol="memory"):
    """Make a store behind ``memory://<connection>@…``; stores are cached by connection, hence a new one each time."""
    made = Store()
    made.conn_id = f"conn{uuid.uuid4().hex}"
    attach(protocol, made.conn_id, fs=made)
    return made


def uri(store, path):
    return f"memory://{store.conn_id}@/{path}"
