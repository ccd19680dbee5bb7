"""Workers that pull actions from Waybill, and a client of its API; sync and asyncio."""

from waybill_sdk.aio import AsyncClient, AsyncWorker
from waybill_sdk.client import Client
from waybill_sdk.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    Permanent,
    RetryLater,
    Unauthorized,
    Unavailable,
    Unprocessable,
    Unreachable,
    Unreadable,
    WaybillError,
)
from waybill_sdk.models import Action, Definition, Destination, Problem, Record, Submitted
from waybill_sdk.retries import Retries
from waybill_sdk.worker import Worker

__all__ = [
    "Action",
    "ApiError",
    "AsyncClient",
    "AsyncWorker",
    "BadRequest",
    "Client",
    "Conflict",
    "Definition",
    "Destination",
    "Forbidden",
    "NotFound",
    "Permanent",
    "Problem",
    "Record",
    "Retries",
    "RetryLater",
    "Submitted",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "Unreachable",
    "Unreadable",
    "WaybillError",
    "Worker",
]
