"""Ganeti's node daemon without its network: requests on stdin, a line each.

A line is a JSON list of the procedure's name and the POST body; its answer is
the daemon's own, a line of JSON. Like the daemon it forks for each request, so
that a QMP connection which the code leaves open ends with it.

Arguments: the network script of the package, unpacked somewhere.
"""

import json
import os
import sys

from ganeti import http
from ganeti import pathutils
from ganeti.server import noded


class Request(object):  # what HandleRequest reads of an HTTP request
  request_method = http.HTTP_POST

  def __init__(self, procedure, body):
    self.request_path = "/%s" % procedure
    self.request_body = body


def main():
  pathutils.KVM_IFUP = sys.argv[1]
  for line in sys.stdin:
    request = Request(*json.loads(line))
    pid = os.fork()
    if pid == 0:
      answer = noded.NodeRequestHandler().HandleRequest(request)
      text = answer.decode() if isinstance(answer, bytes) else answer
      os.write(1, text.strip().encode() + b"\n")
      os._exit(0)
    os.waitpid(pid, 0)


main()
