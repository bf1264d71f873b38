"""A guestbook: POST adds a line, GET shows them all."""

import http.server
import pathlib
import signal
import sys
import threading

book = pathlib.Path(sys.argv[1])
lock = threading.Lock()


class Guestbook(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, book.read_text() if book.exists() else "")

    def do_POST(self):
        line = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with lock, book.open("a") as f:
            f.write(line.replace("\n", " ") + "\n")
        self.answer(201, "Thank you.\n")


server = http.server.ThreadingHTTPServer(("", 8000), Guestbook)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server.serve_forever()
