"""An installation in which much is going on: for tests in a browser, and for screenshots."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.end_to_end.clients import Api, Receiver
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import MANAGE, Processes, find_free_port, wait_until

PASSWORD = "correct horse battery staple"
ADMIN = "admin@waybill.localhost"
BEA = "bea@acme.example"
# The name of a key of Bea's.
LAPTOP = "Bea's laptop"
# Who is not of the staff, by what they may do at Acme. Bea is at Globex as well, and has a key.
PEOPLE = {
    "vera@acme.example": "viewer",
    "otto@acme.example": "operator",
    BEA: "admin",
    "mia@acme.example": "viewer",
}
ADD_PEOPLE = """
from orgs.models import Membership, Organization, User
from tests import factories
admin = User.objects.get(email={admin!r})
admin.set_password({password!r})
admin.name = "Ada Winter"
admin.save()
acme, globex = (Organization.objects.get(name=name) for name in ("Acme", "Globex"))
for email, permission in {people!r}.items():
    who = factories.make_member(
        acme, permission, email=email, password={password!r}, name=email.split("@")[0].title())
bea = Membership.objects.get(user__email={bea!r})
factories.make_key(acme, member=bea, description={laptop!r})
Membership.objects.create(org=globex, user=bea.user, permissions=["viewer"])
"""
ADDRESS = {
    "type": "object",
    "required": ["street", "city", "country"],
    "properties": {
        "street": {"type": "string"},
        "city": {"type": "string"},
        "country": {"type": "string", "enum": ["NL", "BE", "DE", "FR"]},
    },
    "additionalProperties": False,
}
ORDER_1 = {
    "type": "object",
    "title": "An order that was placed",
    "required": ["order_id", "total"],
    "properties": {
        "order_id": {"type": "string", "description": "As it stands on the invoice."},
        "total": {"type": "number", "minimum": 0},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
    },
    "additionalProperties": False,
}
ORDER_2 = ORDER_1 | {
    "required": ["order_id", "total", "currency"],
    "properties": ORDER_1["properties"]
    | {
        "currency": {"type": "string", "enum": ["EUR", "USD", "GBP"]},
        "ship_to": ADDRESS,
        "note": {"type": "string", "maxLength": 500},
    },
}
EMAIL = {
    "type": "object",
    "required": ["recipient", "subject"],
    "properties": {
        "recipient": {"type": "string", "format": "email"},
        "subject": {"type": "string", "minLength": 1},
        "body": {"type": "string"},
        "priority": {"type": "string", "enum": ["low", "normal", "high"]},
    },
    "additionalProperties": False,
}
INVOICE = {
    "type": "object",
    "required": ["customer", "amount"],
    "properties": {"customer": {"type": "string"}, "amount": {"type": "number"}},
    "additionalProperties": False,
}
SHIPMENT = {
    "type": "object",
    "required": ["parcel"],
    "properties": {"parcel": {"type": "string"}, "carrier": {"type": "string"}},
}
# Where Acme's actions go: the path of the receiver, and more of the config.
DESTINATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "Orders API": ("/ok", {"response_time_sla_ms": 500, "headers": {"X-Team": "orders"}}),
    "Mail relay": ("/fails-once", {}),
    "Warehouse": ("/broken", {"response_time_sla_ms": 300}),
    "CRM": ("/late", {"response_time_sla_ms": 400}),
    "Ledger": ("/wait", {}),
    "Old billing": ("/gone", {}),
    "Parcel service": ("/ok", {}),
}
REGIONS = ("eu-west", "eu-north", "us-east")


@dataclass
class Demo:
    """What is there, and how to reach it."""

    processes: Processes
    receiver: Receiver
    acme: Api
    globex: Api
    destinations: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    # An action of each kind, by what it shows.
    records: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where the site is."""
        return f"http://127.0.0.1:{self.acme.port}"


@contextmanager
def running() -> Iterator[Demo]:
    """It runs, in a folder of its own; nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="waybill-demo-"))
    # The database server's user has to pass through.
    home.chmod(0o711)
    processes = Processes(home)
    try:
        demo = start(processes)
        fill(demo)
        yield demo
    finally:
        processes.stop()
        shutil.rmtree(home)


def start(processes: Processes) -> Demo:
    """Everything runs, and there is nothing yet but two organizations and their people."""
    receiver = Receiver(processes.start_receiver())
    processes.manage("migrate", "--verbosity=0")
    port = find_free_port()
    apis = [
        Api(port, facts["org_id"], facts["api_key"])
        for facts in (processes.bootstrap(name) for name in ("Acme", "Globex"))
    ]
    people = ADD_PEOPLE.format(
        admin=ADMIN, password=PASSWORD, people=PEOPLE, bea=BEA, laptop=LAPTOP
    )
    processes.manage("shell", "--verbosity=0", "-c", people)
    processes.start("web", *MANAGE, "web", f"--port={port}")
    processes.start("dispatch", *MANAGE, "dispatch")
    processes.start("worker", *MANAGE, "worker")
    wait_until(lambda: is_healthy(port), seconds=30)
    return Demo(processes, receiver, *apis)


def fill(demo: Demo) -> None:
    """Definitions, destinations, and actions in every status."""
    api = demo.acme
    for label, (path, more) in DESTINATIONS.items():
        config = {"url": demo.receiver.url(path), **more}
        made = api.data(
            "PUT", "~/destinations", {"label": label, "type": "webhook", "config": config}
        )
        demo.destinations[label] = made["id"]
    define(demo, "orders.created", ORDER_1, "Orders API", alias=["order.placed"])
    define(demo, "orders.created", ORDER_2, "Orders API")
    define(demo, "send_email", EMAIL, "Mail relay", description="Sends one email.")
    define(demo, "warehouse.pick", SHIPMENT, "Warehouse")
    define(demo, "crm.contact_updated", SHIPMENT, "CRM")
    define(demo, "ledger.book", INVOICE, "Ledger")
    define(demo, "billing.charge", INVOICE, "Old billing")
    define(demo, "invoices.issue", INVOICE, "Orders API", requires_approval=True)
    define(demo, "shipments.updated", SHIPMENT, "Parcel service")
    send_some(demo)
    fill_globex(demo)


def define(demo: Demo, variant: str, schema: Any, label: str, **more: Any) -> None:
    """The variant's next version, which goes to the destination of that label."""
    made = demo.acme.data(
        "PUT", "~/actions/definitions", {"variant": variant, "schema": schema, **more}
    )
    path = f"~/actions/definitions/{made['id']}/destinations/{demo.destinations[label]}"
    demo.acme.data("PUT", path, {"is_default": True})
    demo.definitions[variant] = made["id"]


def send(api: Api, variant: str, payload: Any, **more: Any) -> str:
    """The id of an action."""
    made = api.data("POST", f"/v1/ingress/{variant}", {"input": payload, **more})
    return str(made["id"])


def send_some(demo: Demo) -> None:
    """Actions that succeed, fail, are retried, wait, are held, are due tomorrow, or canceled."""
    api, sent = demo.acme, demo.records
    api.data("POST", f"~/destinations/{demo.destinations['Parcel service']}/pause")
    for number in range(12):
        tags = {"region": REGIONS[number % 3]}
        order = {"order_id": f"A-{1000 + number}", "total": 19.5 * number + 5, "currency": "EUR"}
        sent["succeeded"] = send(api, "orders.created", order, tags=tags)
        parcel = {"parcel": f"P-{7000 + number}", "carrier": "postnl"}
        sent["queued"] = send(api, "shipments.updated", parcel, tags=tags)
        sent["slow"] = send(api, "crm.contact_updated", parcel)
        sent["retried"] = send(api, "warehouse.pick", parcel, tags=tags)
    for number in range(4):
        mail = {"recipient": f"user{number}@example.com", "subject": "Your order is on its way"}
        sent["mail"] = send(api, "send_email", mail)
        invoice = {"customer": f"C-{number}", "amount": 120 + number}
        sent["failed"] = send(api, "billing.charge", invoice)
        sent["ack_wait"] = send(api, "ledger.book", invoice)
        sent["held"] = send(api, "invoices.issue", invoice)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    sent["scheduled"] = send(api, "send_email", mail, available_at=tomorrow)
    sent["canceled"] = send(api, "send_email", mail, available_at=tomorrow)
    api.data("POST", f"~/actions/records/{sent['canceled']}/cancel")
    for kind, status in {"failed": "failed", "succeeded": "succeeded"}.items():
        api.wait_for(sent[kind], status, seconds=20)


def fill_globex(demo: Demo) -> None:
    """What Acme's people must not see."""
    config = {"url": demo.receiver.url("/ok")}
    api = demo.globex
    made = api.data(
        "PUT", "~/destinations", {"label": "Globex press", "type": "webhook", "config": config}
    )
    demo.definitions["send_letter"] = api.link("send_letter", INVOICE, made)["id"]
    demo.destinations["Globex press"] = made["id"]
    demo.records["globex"] = send(api, "send_letter", {"customer": "G-1", "amount": 1})


def let_a_day_pass(demo: Demo) -> None:
    """What a day leaves behind, for those who look at how it went."""
    demo.processes.manage(
        "shell", "--verbosity=0", "-c", "from tests.browser import past; past.write()"
    )
