"""The body of a request: JSON, and not larger than the memory can bear."""

from fastapi import Request

from medtune.serve.wire import MAX_BODY_BYTES, Refusal


async def read_body(request: Request) -> bytes:
    """The bytes of a JSON body.

    Raises:
        Refusal: The body is not declared as JSON, or is too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # a web page may send any other type to us without being asked first
        raise Refusal(415, "send the header 'Content-Type: application/json'", "invalid_request")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise Refusal(413, f"the body exceeds {MAX_BODY_BYTES} bytes", "invalid_request")
    return bytes(body)
