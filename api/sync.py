"""Parents' phones: pull what changed after a checkpoint, in the wire form of RxDB's replication; a stream that says when; a checksum.

Every document of a page was read in one moment, by the very statement that authorised it.
"""

import hashlib
import zlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, Router, get
from litestar.params import FromPath, QueryParameter
from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Receive, Scope, Send

from api.caller import APP, sent_header
from api.replication import push
from api.services import Services, services_of
from api.stream import EventStream
from api.sync_documents import EXACT_MAX, Checksum, CollectionChecksum, Pull, chosen
from api.tokens import Claims, seconds_left
from api.validation import InvalidQuery
from reconcile.callers import Parent
from reconcile.follow import checksums, follow
from reconcile.problems import HouseholdUnclear
from reconcile.rules.checkpoint import Checkpoint, is_whole

_LIMIT, _LIMIT_MAX = 100, 500
_GZIP_FROM_BYTES = 1_024
_GZIP_LEVEL = 5
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

Answer = TypeVar("Answer")
ParentRequest = Request[Parent, Claims, Any]


class PageAnswer:
    """A page as it travels. The framework's own answer takes its headers apart and puts them together again, for every request."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
        self._start: HTTPResponseStartEvent = {"type": "http.response.start", "status": status, "headers": headers}
        self._body: HTTPResponseBodyEvent = {"type": "http.response.body", "body": content, "more_body": False}

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        """Send it."""
        await send(self._start)
        await send(self._body)


@get("/{collection:str}", operation_id="pullDocuments", opt={"scope": APP, "follows": True})
async def pull(
    request: ParentRequest,
    collection: FromPath[str],
    schema_version: Annotated[int, QueryParameter(name="schemaVersion", ge=0, le=EXACT_MAX, description="Form of the documents: 1")],
    epoch: Annotated[str, QueryParameter(pattern="^([0-9a-f]{24})?$", description="Of the checkpoint; empty at the beginning")] = "",
    lwt: Annotated[int, QueryParameter(ge=0, le=EXACT_MAX, description="Of the checkpoint; 0 at the beginning")] = 0,
    document_id: Annotated[
        str, QueryParameter(name="id", pattern="^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$", description="Of the checkpoint")
    ] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=_LIMIT_MAX, description="Most documents to answer")] = _LIMIT,
) -> PageAnswer:
    """Pull the documents after a checkpoint, oldest change first; echo the checkpoint to go on. 410: throw away and begin again."""
    services, wanted = services_of(request), chosen(collection, schema_version)
    asked = Checkpoint(epoch=epoch, lwt=lwt, id=document_id)
    if not is_whole(asked):
        raise InvalidQuery("Send epoch, lwt and id of one checkpoint together, or none of them to begin.")

    async def read(parent: Parent) -> Pull:
        async with services.db.following(parent) as conn:
            page = await follow(
                conn,
                parent,
                wanted.documents_after,
                asked=asked,
                limit=limit,
                this_month=services.parents.this_month,
                restore_number=services.restore_number,
            )
        return Pull(documents=[wanted.published(one) for one in page.documents], checkpoint=page.checkpoint)

    return _answer(request, msgspec.json.encode(await _as_parent(request, services, read)))


@get("/checksum", operation_id="readChecksum", opt={"scope": APP, "follows": True})
async def checksum(request: ParentRequest) -> Checksum:
    """Read what a complete copy has: ask, pull, compare. A collection that has something else is thrown away and pulled anew."""
    services = services_of(request)

    async def read(parent: Parent) -> Checksum:
        async with services.db.following(parent) as conn:
            found = await checksums(conn, parent, this_month=services.parents.this_month, restore_number=services.restore_number)
        held = [CollectionChecksum(collection=one.collection, count=one.document_count, sha256=one.sha256) for one in found.collections]
        return Checksum(epoch=found.epoch, lwt=found.household_version, collections=held)

    return await _as_parent(request, services, read)


@get("/stream", operation_id="streamChanges", opt={"scope": APP, "follows": True})
async def stream(request: ParentRequest) -> EventStream:
    """Hear when to pull: `data: "RESYNC"` at once and whenever something changed, and a comment in between, as server-sent events."""
    services = services_of(request)

    async def begin(parent: Parent) -> EventStream:
        return await services.streams.begin(parent, seconds_left=seconds_left(request.auth))

    return await _as_parent(request, services, begin)


sync_router = Router("/v1/sync", route_handlers=[pull, push, checksum, stream], tags=["sync"])


async def _as_parent(request: ParentRequest, services: Services, work: Callable[[Parent], Awaitable[Answer]]) -> Answer:
    """Work for the parent that the login was; when it no longer is, find out who it is now, and work for that one."""
    try:
        return await work(request.user)
    except HouseholdUnclear:
        return await work(await services.parents.anew(request.auth))


def _answer(request: ParentRequest, content: bytes) -> PageAnswer:
    """Answer a page: not at all when the phone has it, packed when that is worth it."""
    is_packed = len(content) >= _GZIP_FROM_BYTES and _takes_gzip(sent_header(request.scope, b"accept-encoding"))
    # Packed and plain are two representations, each with a tag of its own.
    etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}{"-gzip" if is_packed else ""}"'
    headers = [(b"etag", etag.encode()), (b"vary", b"Accept-Encoding")]
    if etag in sent_header(request.scope, b"if-none-match"):
        return PageAnswer(304, headers, b"")
    if is_packed:
        packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)
        content = packer.compress(content) + packer.flush()
        headers.append((b"content-encoding", b"gzip"))
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    return PageAnswer(200, headers, content)


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
