"""Flower's settings: the list shows which chunk of which set, on which backend, and its outcome.

The client writes set name, chunk and backend into a task's ``args``; the task's result is the
chunk's status.  Where Flower has a password, nothing is shown without it.
"""

import hmac
from base64 import b64decode
from typing import Any

from flower import command
from flower.app import Flower
from flower.views import BaseHandler
from tornado.httputil import HTTPServerRequest
from tornado.options import options
from tornado.web import HTTPError

tasks_columns = "name,args,state,result,received,runtime,worker,uuid"
natural_time = False

# A chunk has two tasks; older ones leave the list, never the store.
max_tasks = 20_000


class Refused(BaseHandler):
    """Answers that credentials are needed, whatever was asked for."""

    def prepare(self) -> None:
        """Answer before anything of the request is looked at."""
        raise HTTPError(401)


def has_credentials(request: HTTPServerRequest) -> bool:
    """Tell whether a request has one of the pairs of user and password."""
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = b64decode(encoded, validate=True)
    except ValueError:
        return False
    known = [hmac.compare_digest(given, pair.encode()) for pair in options.basic_auth]
    return kind == "Basic" and any(known)


class Guarded(Flower):
    """Asks for the password before it looks for a page: Flower itself shows some to everybody."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Return what answers a request."""
        if options.basic_auth and not options.auth and not has_credentials(request):
            return self.get_handler_delegate(request, Refused)
        return super().find_handler(request, **kwargs)


command.Flower = Guarded
