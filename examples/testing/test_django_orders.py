"""A Django application whose settings name the node, and its tests. With pytest-django, what `configured` does here
goes into a fixture that changes its `settings`."""

from __future__ import annotations

import django
import pusher
import pytest
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import path

import revurb
from revurb.testing import RevurbNode


def ship(request: HttpRequest, number: int) -> JsonResponse:
    reverb = settings.REVERB
    sdk = pusher.Pusher(
        app_id=reverb["REVERB_APP_ID"],
        key=reverb["REVERB_APP_KEY"],
        secret=reverb["REVERB_APP_SECRET"],
        host=reverb["REVERB_HOST"],
        port=int(reverb["REVERB_PORT"]),
        ssl=reverb["REVERB_SCHEME"] == "https",
    )
    sdk.trigger("private-orders", "order.shipped", {"id": number}, request.headers.get("X-Socket-ID"))
    return JsonResponse({"id": number})


def authorize(request: HttpRequest) -> JsonResponse:
    reverb = settings.REVERB
    app = revurb.App(
        id=reverb["REVERB_APP_ID"], key=reverb["REVERB_APP_KEY"], secret=reverb["REVERB_APP_SECRET"]
    )
    return JsonResponse(app.authorize_channel(request.POST["socket_id"], request.POST["channel_name"]))


urlpatterns = [path("orders/<int:number>/ship", ship), path("broadcasting/auth", authorize)]


@pytest.fixture(scope="session", autouse=True)
def configured(session_revurb_node: RevurbNode) -> None:
    settings.configure(
        ALLOWED_HOSTS=["testserver"], ROOT_URLCONF=__name__, REVERB=session_revurb_node.environment
    )
    django.setup()


def test_shipping_is_published(revurb_node: RevurbNode) -> None:
    Client().post("/orders/7/ship")
    revurb_node.published("order.shipped", data=lambda data: data["id"] == 7)


def test_who_ships_is_left_out(revurb_node: RevurbNode) -> None:
    ann, bob = revurb_node.connect(), revurb_node.connect()
    ann.subscribe("private-orders")
    bob.subscribe("private-orders")
    Client().post("/orders/7/ship", headers={"X-Socket-ID": ann.socket_id})
    bob.received("order.shipped", channel="private-orders")
    ann.not_received("order.shipped")


def test_the_endpoint_signs(revurb_node: RevurbNode) -> None:
    form = {"socket_id": revurb_node.client.socket_id, "channel_name": "private-orders"}
    answer = Client().post("/broadcasting/auth", form).json()
    assert answer["auth"].startswith(f"{revurb_node.key}:")
