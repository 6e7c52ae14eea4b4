"""An object storage, attached as Airflow attaches them."""

from __future__ import annotations

import uuid

from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

try:
    from airflow.sdk.io import attach
except ImportError:
    from airflow.io.store import attach


class Upload(AbstractBufferedFile):
    """An upload in parts, as fsspec's stores have them: completed when it is closed, kept until it is discarded."""

    def _initiate_upload(self):
        self.fs.uploads.append(self.path)
        self.fs.unfinished.append(self)
        self.parts = []

    def _upload_chunk(self, final=False):
        self.parts.append(self.buffer.getvalue())
        self.fs.between(self)
        if self.fs.shows_parts:
            self._put()
        self.fs.seen.append(set(self.fs.store))
        if self.fs.fails:
            raise ConnectionError("the store hung up")
        if final:
            self._put()
            self.fs.unfinished.remove(self)
        return True

    def _put(self):
        self.fs.store[self.path] = MemoryFile(self.fs, self.path, b"".join(self.parts))

    def discard(self):
        if self in self.fs.unfinished:
            self.fs.unfinished.remove(self)


class Store(MemoryFileSystem):
    """A store of its own, that notes what is done and can fail.

    :ivar shows_parts: Whether an object shows while it is uploaded.
    :ivar between: Called with an upload after each of its parts.
    """

    cachable = False

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.store, self.pseudo_dirs = {}, [""]
        self.uploads, self.unfinished, self.seen = [], [], []
        self.fails = self.shows_parts = False
        self.between = lambda _: None

    def _open(self, path, mode="rb", **options):
        if mode != "wb" or "data" in options:
            return super()._open(path, mode, **options)
        return Upload(self, path, mode, **options)

    @property
    def objects(self):
        return {path: bytes(file.getbuffer()) for path, file in self.store.items()}


def attached(protocol="memory", conn_id=None):
    """Make a store behind ``memory://<connection>@…``; stores are cached by connection, hence a new one each time."""
    made = Store()
    made.shows_parts = protocol == "memory"
    made.conn_id = conn_id or f"conn{uuid.uuid4().hex}"
    attach(protocol, made.conn_id, fs=made)
    return made


def uri(store, path):
    return f"memory://{store.conn_id}@/{path}"
