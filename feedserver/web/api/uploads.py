"""A file in the body of a call: `multipart/form-data` with one field, `file`."""

from __future__ import annotations

import hashlib
from typing import Annotated

from flask import Request
from pydantic import PrivateAttr, WithJsonSchema
from werkzeug.exceptions import UnsupportedMediaType

from ...errors import Invalid
from ...services.filing import LARGEST
from .fields import Body

_OCTETS = WithJsonSchema({"type": "string", "contentMediaType": "application/octet-stream"})


class Upload(Body):
    """One file; its name says what it is."""

    file: Annotated[str, _OCTETS]
    _name: str = PrivateAttr("")
    _data: bytes = PrivateAttr(b"")

    @classmethod
    def of(cls, name: str, data: bytes) -> Upload:
        """What was sent. `file` is its digest, so that a repeated call can be told from another one."""
        upload = cls(file=hashlib.sha256(name.encode("utf-8", "replace") + b"\0" + data).hexdigest())
        upload._name, upload._data = name, data
        return upload

    @property
    def name(self) -> str:
        """As it was called where it came from."""
        return self._name

    @property
    def data(self) -> bytes:
        """Its octets; one more than may be where it is too large."""
        return self._data


def read_upload(request: Request) -> Upload:
    """The file that was sent; raises `Invalid`, 413, 415."""
    # The parts around the file need room, too.
    request.max_content_length = LARGEST + 64 * 1024
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid("Send the file as the field `file` of multipart/form-data, with its name.", field="file")
    return Upload.of(sent.filename, sent.stream.read(LARGEST + 1))
