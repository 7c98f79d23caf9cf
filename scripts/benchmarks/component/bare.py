"""A WebSocket server that does as little as there can be done."""

from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web
import orjson


async def serve_bare(
    before_answer: Callable[[str], Awaitable[None]] | None = None,
) -> int:
    """Parse and answer, and nothing else but what is to be done before the answer.

    Returns the port.
    """

    async def converse(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(
            protocols=("ocpp1.6",), compress=False, decode_text=False
        )
        await ws.prepare(request)
        async for message in ws:
            _, id_, action, _ = orjson.loads(message.data)
            if before_answer is not None and action == "MeterValues":
                await before_answer(request.path)
            answer = {"transactionId": 1} if action == "StartTransaction" else {}
            await ws.send_frame(orjson.dumps((3, id_, answer)), WSMsgType.TEXT)
        return ws

    app = web.Application()
    app.router.add_get("/{path:.*}", converse)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return int(runner.addresses[0][1])
