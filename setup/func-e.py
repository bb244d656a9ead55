#!/usr/bin/env python3
"""func-e, an Envoy bootstrap, and a small service behind each of its clusters; see func-e.sh.

    func-e.py run|test FUNC-E
"""

import http.client
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

BOOTSTRAP = "envoy/lane-header.yaml"
PORT = re.compile(r"port_value: (\d+)")
CLUSTER = re.compile(r"cluster_name: ([\w-]+).*?port_value: (\d+)", re.DOTALL)
LISTENER = re.compile(r"listeners:.*?port_value: (\d+)", re.DOTALL)
START_WITHIN, END_WITHIN = 60, 30


class Service(http.server.BaseHTTPRequestHandler):
    """Says which cluster it stands for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{self.server.cluster}\n".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(cluster, port):
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Service)
    except OSError as error:
        sys.exit(f"func-e: error: port {port}, for the service {cluster}: {error.strerror}")
    server.cluster, server.daemon_threads = cluster, True
    threading.Thread(target=server.serve_forever, daemon=True).start()


def on_free_ports(bootstrap):
    """The bootstrap with every port replaced by one that is free now."""
    held, ports = [], {}
    for port in sorted(set(PORT.findall(bootstrap))):
        held.append(socket.socket())
        held[-1].bind(("127.0.0.1", 0))
        ports[port] = held[-1].getsockname()[1]
    for holder in held:
        holder.close()
    return PORT.sub(lambda match: f"port_value: {ports[match[1]]}", bootstrap)


def get(port, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read().decode().strip()
    finally:
        connection.close()


def wait_until(what, within, holds):
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"func-e: error: {what} did not happen within {within} s")
        time.sleep(0.05)


def answers(process, port):
    """Whether the listener and a service behind it are up; ends everything when func-e is gone."""
    if process.poll() is not None:
        sys.exit(f"func-e: error: it ended with {process.returncode}; its words stand above")
    try:
        return get(port)[0] == 200
    except OSError:
        return False


def refuses(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def check(port):
    """The policy of envoy/policy.yaml: testers go to v2, and no client names its lane."""
    for cluster, headers in [
        ("v2", {"x_tester": "yes"}),
        ("stable", {"x_gray_id": "user-1"}),
        ("stable", {"x_gray_id": "user-1", "x_gray_lane": "v2"}),
    ]:
        got = get(port, **headers)
        if got != (200, cluster):
            raise SystemExit(f"func-e: error: {headers} should reach {cluster} with 200, got {got}")


def main():
    what, func_e = sys.argv[1:]
    path = BOOTSTRAP
    with open(path, encoding="utf-8") as file:
        bootstrap = file.read()
    if what == "test":
        bootstrap, path = on_free_ports(bootstrap), os.path.join(os.environ["FUNC_E_HOME"], "test.yaml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(bootstrap)
    port = int(LISTENER.search(bootstrap)[1])
    clusters = CLUSTER.findall(bootstrap)
    for cluster, cluster_port in clusters:
        serve(cluster, int(cluster_port))
    quiet = ["--log-level", "error"] if what == "test" else []
    process = subprocess.Popen([func_e, "run", "-c", path, *quiet], start_new_session=True,
                               stdout=subprocess.DEVNULL if what == "test" else None)
    try:
        wait_until("an answer from Envoy", START_WITHIN, lambda: answers(process, port))
        if what == "test":
            check(port)
        else:
            print(f"\nEnvoy under func-e answers; Ctrl-C ends it. Services: {', '.join(name for name, _ in clusters)}\n"
                  f"  curl -i http://127.0.0.1:{port}/\n"
                  f"  curl -i -H 'x-tester: yes' http://127.0.0.1:{port}/\n", flush=True)
            process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(END_WITHIN)
    wait_until("the end of Envoy", END_WITHIN, lambda: refuses(port))
    if what == "test":
        print("func-e: a bootstrap ran under it; testers reached v2, others stable, and all ended with it")


os.environ.setdefault("NO_PROXY", "127.0.0.1")
# Either ends it in order, also where the shell that started it in the background has Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.default_int_handler)
main()
