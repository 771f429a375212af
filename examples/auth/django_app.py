"""The endpoints with Django, in one file: `python django_app.py runserver`."""

import os
import sys

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

import revurb

if not settings.configured:
    settings.configure(
        DEBUG=False, ALLOWED_HOSTS=["127.0.0.1", "localhost", "testserver"], ROOT_URLCONF=__name__
    )
    django.setup()

REVURB = revurb.App(
    id=os.environ.get("REVERB_APP_ID", "1"),
    key=os.environ.get("REVERB_APP_KEY", "key1"),
    secret=os.environ.get("REVERB_APP_SECRET", "secret1"),
)


@csrf_exempt  # in an application with sessions, let the client send the CSRF token instead
@require_POST
def authorize(request: HttpRequest) -> HttpResponse:
    user = request.headers.get("X-User")  # put your own login here: request.user
    socket_id, channel = request.POST.get("socket_id", ""), request.POST.get("channel_name", "")
    if user is None or not may_join(user, channel):
        return HttpResponse(status=403)
    try:
        if channel.startswith("presence-"):
            answer = REVURB.authorize_channel(
                socket_id, channel, user_id=user, user_info={"name": f"User {user}"}
            )
        else:
            answer = REVURB.authorize_channel(socket_id, channel)
    except ValueError as error:  # the client sent no socket id, or no name of such a channel
        return HttpResponse(str(error), status=400)
    return JsonResponse(answer)


@csrf_exempt
@require_POST
def authenticate(request: HttpRequest) -> HttpResponse:
    user = request.headers.get("X-User")
    if user is None:
        return HttpResponse(status=403)
    try:
        answer = REVURB.authenticate_user(
            request.POST.get("socket_id", ""), {"id": user, "name": f"User {user}"}
        )
    except ValueError as error:
        return HttpResponse(str(error), status=400)
    return JsonResponse(answer)


def may_join(user: str, channel: str) -> bool:
    """The rules of your application: here everybody may join but channels of other users, `private-user-8`."""
    owner = channel.removeprefix("private-user-")
    return owner in (channel, user)


urlpatterns = [
    path("broadcasting/auth", authorize),
    path("broadcasting/user-auth", authenticate),
]
application = get_wsgi_application()

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
