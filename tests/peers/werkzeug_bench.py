"""A WSGI application on werkzeug's own server, which closes each connection after its answer: for the benchmarks.

It answers with what it is sent. It prints its address, and runs until it is killed.
"""

import logging

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response


@Request.application
def echo(request):
    return Response(request.get_data(), content_type="application/json")


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, echo, threaded=True)
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
