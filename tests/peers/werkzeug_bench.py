"""A WSGI application on werkzeug's own server, that answers with what it is sent: for the benchmarks.

It prints its address, and runs until it is killed.
"""

import logging

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response


class KeepAlive(WSGIRequestHandler):
    """HTTP/1.1, whose connections are kept."""

    protocol_version = "HTTP/1.1"


@Request.application
def echo(request):
    return Response(request.get_data(), content_type="application/json")


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, echo, threaded=True, request_handler=KeepAlive)
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
