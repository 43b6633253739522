"""The admin port: metrics, statements, health, reload. It has a token or socket of its own."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from wattlas.errors import UsageError
from wattlas.serve.config import ListenSection
from wattlas.serve.decisions import health
from wattlas.serve.ledger.journal import AWAY, is_away
from wattlas.serve.metrics import metrics_text
from wattlas.serve.plane import Plane
from wattlas.serve.statement_forms import FORMS
from wattlas.serve.totals import MetricTotals

log = logging.getLogger("wattlas.serve")

Handler = Callable[[Request], Awaitable[Response]]


def admin_app(
    plane: Plane, port: ListenSection, reload: Callable[[], list[Any]], totals: MetricTotals
) -> Starlette:
    """The admin application. `reload` takes configuration and schedule anew, and says what is
    wrong with them."""
    digest = bytes.fromhex(port.token_sha256) if port.token_sha256 else None

    def guarded(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if digest and not hmac.compare_digest(sha256(given.encode("latin-1")).digest(), digest):
                return JSONResponse({"error": "The token is missing or wrong."}, 401)
            return await handler(request)

        return checked

    async def show_metrics(request: Request) -> Response:
        return PlainTextResponse(
            metrics_text(plane, totals), media_type="text/plain; version=0.0.4"
        )

    async def show_health(request: Request) -> Response:
        return JSONResponse(health(plane))

    async def show_statement(request: Request) -> Response:
        tenant, month = request.path_params["tenant"], request.path_params["month"]
        name, _, ending = month.rpartition(".")
        form = FORMS.get(ending)
        if tenant not in plane.config.document.tenants or form is None:
            return JSONResponse({"error": "There is no such statement."}, 404)
        try:
            text = await run_in_threadpool(form.made, plane.store, tenant, name)
        except UsageError as error:
            return JSONResponse({"error": str(error)}, 400)
        except Exception as error:
            if not is_away(error):
                raise
            log.error("no statement: the ledger does not answer (%s)", error)
            return JSONResponse({"error": AWAY}, 503)
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        return Response(text, media_type=form.media_type, headers=headers)

    async def do_reload(request: Request) -> Response:
        problems = [str(problem) for problem in reload()]
        return JSONResponse({"problems": problems}, 422 if problems else 200)

    return Starlette(
        routes=[
            Route("/metrics", guarded(show_metrics)),
            Route("/healthz", guarded(show_health)),
            Route("/statements/{tenant:path}/{month}", guarded(show_statement)),
            Route("/reload", guarded(do_reload), methods=["POST"]),
        ]
    )
